"""An archive, a program or a folder behind `http(s)://`; a folder ends in a slash, and has an index page."""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources import http_client, index_page
from paddlemodel_server.fetch.sources.place import params_of
from paddlemodel_server.fetch.sources.source import File, Keys, Listing, Part, Reading, Request, Takes

_MOST_FILES = 10_001  # one more than the fetcher takes: so it knows
_MOST_PAGES = 200
_DEEPEST = 8  # folders


class Http:
    """Any file server."""

    takes = Takes(
        secrets=(
            Keys(needed=frozenset({"username", "password"})),
            Keys(needed=frozenset({"bearerToken"})),
        )
    )
    parallel = False

    def listing(self, request: Request, /) -> Listing:
        """As Source.listing().

        Raises:
            StartError: as http_client.opened(); `NotAFolder`, `TooManyFiles`.
            TryAgainError: as http_client.opened().
        """
        path = unquote(urlsplit(request.uri).path)
        if path.endswith("/"):
            return Listing(files=[File(path=name) for name in _found(request)])
        if params := params_of(path):
            return Listing(files=[File(path=name.rpartition("/")[2]) for name in (path, params)])
        return Listing(files=[File(path="")])

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        """As Source.read()."""
        with http_client.opened(_call(request, part.path, http_client.ranged(part))) as answer:
            yield http_client.reading(answer, part)


def _found(request: Request) -> Iterator[str]:
    """The files that the index pages link to, folder by folder."""
    folders, seen, count = deque([""]), {""}, 0
    while folders:
        folder = folders.popleft()
        for path in _page(request, folder):
            if not path.endswith("/"):
                count += 1
                yield folder + path
            elif folder + path not in seen and (folder + path).count("/") <= _DEEPEST:
                seen.add(folder + path)
                folders.append(folder + path)
        if count >= _MOST_FILES or len(seen) > _MOST_PAGES:
            raise StartError(
                "TooManyFiles",
                f"The folder has more than {_MOST_FILES - 1} files or {_MOST_PAGES} folders; name the folder "
                "of the model alone in the URI.",
            )


def _page(request: Request, folder: str) -> list[str]:
    answer, content = http_client.body(_call(request, folder))
    parts = urlsplit(answer.address)
    is_page = "html" in answer.headers.get("Content-Type", "") and parts.path.endswith("/")
    if not is_page:
        raise StartError(
            "NotAFolder",
            "The URI ends in a slash, but the server answers no index page of a folder; let it list the "
            "folder (autoindex), or name the archive itself.",
        )
    address = parts._replace(query="", fragment="").geturl()
    return list(index_page.below(content.decode(errors="replace"), address))


def _call(request: Request, path: str, headers: Mapping[str, str] | None = None) -> http_client.Call:
    parts = urlsplit(request.uri)
    if path:
        folder = parts.path.rpartition("/")[0]
        parts = parts._replace(path=f"{folder}/{quote(path)}")
    return http_client.Call(
        uri=parts.geturl(),
        timeout=request.timeout,
        headers=headers or {},
        secrets=_secrets(request.credentials),
    )


def _secrets(credentials: Mapping[str, str]) -> Mapping[str, str]:
    if not credentials:
        return {}
    if token := credentials.get("bearerToken"):
        return http_client.bearer(token)
    return http_client.basic(credentials["username"], credentials["password"])
