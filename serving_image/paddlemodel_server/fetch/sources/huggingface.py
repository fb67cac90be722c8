"""A repository on Hugging Face's Hub, or on a mirror of it: `hf://OWNER/NAME@REVISION/PATH`.

Two documented routes are enough: the tree of a commit, and `resolve`, which redirects large files to their
storage by a signed address. A revision is resolved once, so that all files are of one commit.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources import http_client, hub
from paddlemodel_server.fetch.sources.hub import Entry, Place
from paddlemodel_server.fetch.sources.providers import checked_endpoint
from paddlemodel_server.fetch.sources.source import ChangedError, Keys, Listing, Part, Reading, Request, Takes
from paddlemodel_server.model.files import printable

ENDPOINT = "https://huggingface.co"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_UNDERSTOOD = frozenset({200, 206, 401, 403, 404, 416})
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next\b')


class HuggingFace:
    """The Hub."""

    takes = Takes(endpoint=True, secrets=(Keys(needed=frozenset({"token"})),))
    parallel = False

    def listing(self, request: Request, /) -> Listing:
        """As Source.listing(); the revision is the commit."""
        place = hub.place(request.uri)
        commit = _commit(request, place)

        def look(folder: str, *, deep: bool) -> Sequence[Entry]:
            return _tree(request, place, f"{commit}/{folder}" if folder else commit, deep=deep)

        return Listing(files=hub.pinned(hub.chosen(place, look), commit), revision=commit)

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        """As Source.read(); the validator is the commit, and behind it the ETag once that is known."""
        place = hub.place(request.uri)
        commit, asked = hub.unpinned(part)
        path = quote(f"{place.repository}/resolve/{commit}/{place.full(part.path)}")
        with http_client.opened(_call(request, path, http_client.ranged(asked))) as answer:
            _check(answer, place, request)
            if answer.headers.get("X-Repo-Commit", commit) != commit:
                raise ChangedError
            yield hub.repinned(http_client.reading(answer, asked), commit)


def _commit(request: Request, place: Place) -> str:
    revision = quote(place.revision or "main", safe="")

    def read(page: Any) -> str:
        if not _COMMIT.fullmatch(page["sha"]):
            raise ValueError(page["sha"])
        return str(page["sha"])

    call = _call(request, f"api/models/{place.repository}/revision/{revision}")
    return hub.page(call, lambda answer: _check(answer, place, request), read)


def _tree(request: Request, place: Place, where: str, *, deep: bool) -> Sequence[Entry]:
    """All pages of a list; of a next page's address only the query counts: mirrors pass on the Hub's."""
    path = quote(f"api/models/{place.repository}/tree/{where}")
    query = {"recursive": "true" if deep else "false"}
    found: list[Entry] = []
    while query:
        link = ""

        def check(answer: http_client.Answer) -> None:
            nonlocal link
            _check(answer, place, request)
            link = answer.headers.get("Link", "")

        entries = hub.page(_call(request, f"{path}?{urlencode(query)}"), check, _entries)
        following = _NEXT.search(link)
        query = dict(parse_qsl(urlsplit(following[1]).query)) if following and entries else {}
        found += entries
        if len(found) > hub.MOST_ENTRIES:
            raise hub.too_many()
    return found


def _entries(page: Any) -> Sequence[Entry]:
    return [
        Entry(
            path=entry["path"],
            size=entry["size"],
            sha256=entry["lfs"]["oid"] if entry.get("lfs") else None,
            is_folder=entry["type"] != "file",
        )
        for entry in page
    ]


def _call(request: Request, path: str, headers: Mapping[str, str] | None = None) -> http_client.Call:
    token = request.credentials.get("token")
    return http_client.Call(
        uri=f"{checked_endpoint(request.endpoint) or ENDPOINT}/{path}",
        timeout=request.timeout,
        headers=headers or {},
        secrets=http_client.bearer(token) if token else {},
        accepted=_UNDERSTOOD,
    )


def _check(answer: http_client.Answer, place: Place, request: Request) -> None:
    """Refuse what the Hub says no to: the statuses alone do not tell what is missing from what is private."""
    if answer.status not in {401, 403, 404}:
        return
    code, name = answer.headers.get("X-Error-Code", ""), place.repository
    if code == "GatedRepo":
        raise StartError("NotAllowed", _gated(name, request))
    if code == "RevisionNotFound":
        raise StartError(
            "NotFound",
            f"{name} has no revision {printable(place.revision or 'main')}; correct the branch, tag or "
            "commit in the URI.",
        )
    if answer.status == 404 and code != "RepoNotFound":
        raise StartError("NotFound", f"{name} has no such file or folder; correct the path in the URI.")
    raise StartError("NotFound" if answer.status == 404 else "NotAllowed", _private(answer, name, request))


def _private(answer: http_client.Answer, name: str, request: Request) -> str:
    if not request.credentials:
        return (
            f"{name} is not there, or private; correct the name in the URI, or name a Secret with a token "
            "that may read it."
        )
    if answer.status == 401:
        return (
            "The Secret's token is not valid: it is wrong, expired or revoked; make a new one and correct "
            "the Secret."
        )
    if answer.status == 404:
        return f"{name} is not there, or the Secret's token may not see it; correct the URI, or the Secret."
    return (
        f"The Secret's token may not read {name}; give it the permission to read the contents of this "
        "repository, or use another."
    )


def _gated(name: str, request: Request) -> str:
    if request.credentials:
        return (
            f"{name} is gated, and the account of the Secret's token has no access; accept the conditions on "
            "its page on the Hub with that account, and wait until access is granted."
        )
    return (
        f"{name} is gated; accept the conditions on its page on the Hub, and name a Secret with your token."
    )
