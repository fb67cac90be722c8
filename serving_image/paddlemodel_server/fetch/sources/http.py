"""An archive behind `http(s)://`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from paddlemodel_server.fetch.sources import http_client
from paddlemodel_server.fetch.sources.source import File, Keys, Listing, Part, Reading, Request, Takes


class Http:
    """Any file server; the archive is its only file."""

    takes = Takes(
        secrets=(
            Keys(needed=frozenset({"username", "password"})),
            Keys(needed=frozenset({"bearerToken"})),
        )
    )
    parallel = False

    def listing(self, _: Request, /) -> Listing:
        """As Source.listing(): a server does not say what it has, so the URI names the one file."""
        return Listing(files=[File(path="")])

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        """As Source.read()."""
        call = http_client.Call(
            uri=request.uri,
            timeout=request.timeout,
            headers=http_client.ranged(part),
            secrets=_secrets(request.credentials),
        )
        with http_client.opened(call) as answer:
            yield http_client.reading(answer, part)


def _secrets(credentials: Mapping[str, str]) -> Mapping[str, str]:
    if not credentials:
        return {}
    if token := credentials.get("bearerToken"):
        return http_client.bearer(token)
    return http_client.basic(credentials["username"], credentials["password"])
