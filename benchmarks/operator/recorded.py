"""`python -m benchmarks.operator.recorded FILE PORT COUNT`: one recorded model, COUNT times.

It lists in pages what a real API server said of it, and holds watches on which nothing happens; so a restart
with thousands of models is measured without the hour in which a real API server would be given them. Every
write is refused and counted.
"""

import asyncio
import itertools
import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import web
from paddlemodel_operator.base import names

from benchmarks.operator.fleet import place
from tests.operator.support.cluster import Cluster

LISTED = (names.MODEL, *names.WATCHED_KINDS)
WRITES = "/writes"
LATER = 1000
"""How much newer a list is than the newest of its objects."""


def record(cluster: Cluster) -> dict[str, Any]:
    """What is to be answered, by path; the cluster has one model, number 0."""
    discovery = ("/api", "/api/v1", "/apis", f"/apis/{names.MODEL.api_version}")
    paths = [*discovery, names.API_SERVICE.collection()]
    answers = {path: cluster.http.get(path).raise_for_status().json() for path in paths}
    namespace, _ = place(0)
    for kind in LISTED:
        items = cluster.http.get(kind.collection(namespace)).raise_for_status().json()
        answers[kind.collection()] = items
    return answers


class Copies:
    """The objects of one model as those of many; in a namespace each, for hashes are made of the name."""

    def __init__(self, answers: dict[str, Any], count: int) -> None:
        self._answers = answers
        self._count = count
        self._items = {kind.collection(): answers[kind.collection()]["items"] for kind in LISTED}
        everything = itertools.chain.from_iterable(self._items.values())
        self._uids = [item["metadata"]["uid"] for item in everything]
        self._version = str(int(answers[names.MODEL.collection()]["metadata"]["resourceVersion"]) + LATER)

    def page(self, path: str, start: int, size: int) -> bytes | None:
        """JSON of a part of a list; None where there is no such list."""
        if path not in self._items:
            return json.dumps(self._answers[path]).encode() if path in self._answers else None
        texts = [json.dumps(item) for item in self._items[path]]
        end = min(start + size, self._count) if texts else 0
        items = ",".join(self._copy(text, number) for number in range(start, end) for text in texts)
        metadata = {"resourceVersion": self._version}
        if end and end < self._count:
            metadata["continue"] = str(end)
        return f'{{"kind":"List","metadata":{json.dumps(metadata)},"items":[{items}]}}'.encode()

    def _copy(self, text: str, number: int) -> str:
        text = text.replace(place(0)[0], f"copy-{number}")
        for uid in self._uids:
            text = text.replace(uid, f"{uid[:-8]}{number:08x}")
        return text


class Answers:
    """The server."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies
        self._writes = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Lists, silent watches, and a count of everything else."""
        if request.path == WRITES:
            return web.json_response(self._writes)
        if request.method != "GET":
            self._writes += 1
            return web.json_response({"message": "a recording takes no writes"}, status=500)
        if request.query.get("watch"):
            return await self._hold(request)
        page = self._copies.page(
            request.path, int(request.query.get("continue") or 0), int(request.query.get("limit", 1 << 30))
        )
        if page is None:
            return web.json_response({"kind": "Status", "code": 404, "message": "not found"}, status=404)
        return web.Response(body=page, content_type="application/json")

    async def _hold(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await asyncio.sleep(float(request.query.get("timeoutSeconds", 60)))
        return response


def main(file: str, port: str, count: str) -> None:
    application = web.Application()
    copies = Copies(json.loads(Path(file).read_text()), int(count))
    application.router.add_route("*", "/{path:.*}", Answers(copies).handle)
    web.run_app(application, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
