"""What /metrics says of mounted Secrets: API keys and the certificate."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from paddlemodel_server.ipc.access_page import AccessPage


class Access(Collector):
    """What the HTTP workers found in them."""

    def __init__(self, page: AccessPage, *, keys: bool, tls: bool) -> None:
        self._page = page
        self._keys, self._tls = keys, tls

    def collect(self) -> Iterable[Metric]:
        """Read the page."""
        if self._keys:
            yield from self._of_keys()
        if self._tls:
            yield GaugeMetricFamily(
                "paddle_tls_certificate_outdated",
                "1 while the mounted Secret cannot be used, so that the certificate before it stays in use.",
                int(self._page.certificate_outdated),
            )

    def _of_keys(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("paddle_api_keys", "API keys that are valid.", self._page.keys)
        yield GaugeMetricFamily(
            "paddle_api_keys_outdated",
            "1 while the mounted Secret cannot be used, so that the keys before it stay valid.",
            int(self._page.keys_outdated),
        )
