"""What /metrics says of a server that asks for API keys."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from paddlemodel_server.ipc.access_page import AccessPage


class Access(Collector):
    """What the HTTP workers found in the mounted Secret."""

    def __init__(self, page: AccessPage) -> None:
        self._page = page

    def collect(self) -> Iterable[Metric]:
        """Read the page."""
        yield GaugeMetricFamily("paddle_api_keys", "API keys that are valid.", self._page.keys)
        yield GaugeMetricFamily(
            "paddle_api_keys_outdated",
            "1 while the mounted Secret cannot be used, so that the keys before it stay valid.",
            int(self._page.keys_outdated),
        )
