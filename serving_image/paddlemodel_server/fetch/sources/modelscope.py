"""A repository on ModelScope: `modelscope://OWNER/NAME@REVISION/PATH`.

The routes are those of ModelScope's own client. What they leave unsaid is refused here: that a list was cut
off, and that a revision is unknown.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources import http_client, hub
from paddlemodel_server.fetch.sources.hub import Entry, Place
from paddlemodel_server.fetch.sources.providers import checked_endpoint
from paddlemodel_server.fetch.sources.source import Keys, Listing, Part, Reading, Request, Takes
from paddlemodel_server.model.files import printable

ENDPOINT = "https://modelscope.cn"
_CUT_AT = (
    3_000  # entries; further ones are left out, and nothing says so (modelscope-hub 0.5, _legacy_api.py)
)
_UNDERSTOOD = frozenset({200, 206, 401, 403, 404, 416})
_COMMIT = re.compile(r"[0-9a-f]{40}")


class ModelScope:
    """The hub."""

    takes = Takes(endpoint=True, secrets=(Keys(needed=frozenset({"token"})),))
    parallel = False

    def listing(self, request: Request, /) -> Listing:
        """As Source.listing(); the revision is the commit, where the list tells it."""
        place = hub.place(request.uri)
        commit: str | None = None

        def look(folder: str, *, deep: bool) -> Sequence[Entry]:
            nonlocal commit
            commit, entries = _list(request, place, folder, deep=deep)
            return entries

        files = hub.chosen(place, look)
        return Listing(files=hub.pinned(files, commit or _revision(place)), revision=commit)

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        """As Source.read(); the validator is the revision, and behind it the ETag once that is known."""
        place = hub.place(request.uri)
        revision, asked = hub.unpinned(part)
        query = {"Revision": revision, "FilePath": place.full(part.path)}
        call = _call(request, f"{place.repository}/repo", query, http_client.ranged(asked))
        with http_client.opened(call) as answer:
            _check(answer, place, request)
            yield hub.repinned(http_client.reading(answer, asked), revision)


def _revision(place: Place) -> str:
    return place.revision or "master"


def _list(request: Request, place: Place, folder: str, *, deep: bool) -> tuple[str | None, Sequence[Entry]]:
    """The newest commit of the revision, if the list tells it, and what lies in a folder."""
    query = {"Revision": _revision(place), "Recursive": str(deep)} | ({"Root": folder} if folder else {})

    def read(page: Any) -> tuple[str | None, Sequence[Entry]]:
        data = page["Data"]
        if data["Files"] is None:
            raise StartError(
                "NotFound",
                f"{place.repository} has no revision {printable(_revision(place))}, or no such folder in it; "
                "correct the URI.",
            )
        return _newest(data), [
            Entry(
                path=entry["Path"],
                size=entry["Size"],
                sha256=entry.get("Sha256") or None,
                is_folder=entry["Type"] == "tree",
            )
            for entry in data["Files"]
        ]

    call = _call(request, f"{place.repository}/repo/files", query)
    commit, entries = hub.page(call, lambda answer: _check(answer, place, request), read)
    if len(entries) >= _CUT_AT:
        raise StartError(
            "TruncatedList",
            f"ModelScope lists no more than {_CUT_AT} files and folders at once, and {place.repository} has "
            "that many; name the model's folder in the URI, behind the name.",
        )
    return commit, entries


def _newest(data: Mapping[str, Any]) -> str | None:
    """The commit that the revision names: the list has it whole only beside the files that it wrote."""
    committer = data.get("LatestCommitter") or {}
    ids = [committer.get("Id"), *(entry.get("Revision") for entry in data["Files"])]
    short = committer.get("ShortId") or committer.get("Id")
    whole = [one for one in ids if one and _COMMIT.fullmatch(one) and short and one.startswith(short)]
    return whole[0] if whole else None


def _call(
    request: Request, route: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> http_client.Call:
    token = request.credentials.get("token")
    # Its own client sends both: older routes know the cookie alone.
    secrets = {**http_client.bearer(token), "Cookie": f"m_session_id={token}"} if token else {}
    return http_client.Call(
        uri=f"{checked_endpoint(request.endpoint) or ENDPOINT}/api/v1/models/{route}?{urlencode(query)}",
        timeout=request.timeout,
        headers=headers or {},
        secrets=secrets,
        accepted=_UNDERSTOOD,
    )


def _check(answer: http_client.Answer, place: Place, request: Request) -> None:
    name = place.repository
    if answer.status == 404:
        hint = "the token that may read it" if request.credentials else "a Secret with a token"
        raise StartError(
            "NotFound",
            f"{name}, the revision or the path is not there; correct the URI, or if it is private, name "
            f"{hint}.",
        )
    if answer.status in {401, 403} and not request.credentials:
        raise StartError("NotAllowed", f"{name} is private; name a Secret with a token that may read it.")
    if answer.status in {401, 403}:
        raise StartError(
            "NotAllowed",
            f"The Secret's token may not read {name}, or is wrong or expired; make a new one with an account "
            "that may, and correct the Secret.",
        )
