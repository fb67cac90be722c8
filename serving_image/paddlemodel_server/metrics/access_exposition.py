"""What /metrics says of Secrets, keys for tokens and shared limits: are they in use?"""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from paddlemodel_server.ipc.access_page import AccessPage
from paddlemodel_server.settings import Settings


class Access(Collector):
    """What the HTTP workers found in them."""

    def __init__(self, page: AccessPage, settings: Settings) -> None:
        self._page = page
        self._keys, self._tls = settings.api_keys_dir is not None, settings.tls_dir is not None
        self._tokens, self._shared_limits = bool(settings.jwt), bool(settings.shared_limits)

    def collect(self) -> Iterable[Metric]:
        """Read the page."""
        if self._keys:
            yield from self._of_keys()
        if self._tokens:
            yield from self._of_token_keys()
        if self._shared_limits:
            yield GaugeMetricFamily(
                "paddle_shared_limits_down",
                "1 while the store of shared limits does not answer, so that this pod counts for itself.",
                int(self._page.shared_limits_down),
            )
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

    def _of_token_keys(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("paddle_jwt_keys", "Keys of the tokens' issuer.", self._page.token_keys)
        yield GaugeMetricFamily(
            "paddle_jwt_keys_outdated",
            "1 while they cannot be fetched or read anew, so that the keys before them stay valid.",
            int(self._page.token_keys_outdated),
        )
