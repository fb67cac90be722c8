"""A task that takes one thing takes several of them, too: each by itself, in one request, answered in order.

What is wrong with one of them is told in its place. Each is a submission of its own, so things of one shape
share runs with each other and with other requests.
"""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from paddlemodel_server.errors import RequestTooLargeError, ServingError
from paddlemodel_server.protocol import JSON, Array, Head, Headers, Request, Response, as_json, content
from paddlemodel_server.protocol.served import Accepted, Served
from paddlemodel_server.tasks.batches import multipart
from paddlemodel_server.tasks.body import WholeBody

MOST_BYTES = 1 << 26  # of all arrays of a request: they wait in memory until the last of them has run


@dataclass(frozen=True, slots=True)
class Batch:
    """What the answer needs of such a request.

    Attributes:
        items: for each thing its request, or what is wrong with it.
    """

    items: list[Request | str]


class Batched(WholeBody, ABC):
    """Stands before the base of a task of one thing."""

    def accepts(self, served: Served, route: str, headers: Headers) -> Accepted:
        """A form of several files, beside one file as it is."""
        if content.media_type(headers) != multipart.KIND:
            return super().accepts(served, route, headers)
        multipart.boundary(headers)
        one = {name: value for name, value in headers.items() if name not in {"content-type", "accept"}}
        media = content.chosen(headers, (JSON,))  # several answers stand in one list
        return replace(super().accepts(served, route, one), media=media)

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """Read each part as if it were the only one."""
        if content.media_type(head.headers) != multipart.KIND:
            return super().parse(served, head, body)
        items: list[Request | str] = []
        total = 0
        for part in multipart.parts(body, multipart.boundary(head.headers)):
            try:
                items.append(found := super().parse(served, head, part))
            except ServingError as error:
                items.append(error.message)
                continue
            total += sum(array.nbytes for array in found.arrays)
            if total > MOST_BYTES:
                raise RequestTooLargeError(
                    f"The first {len(items)} parts take more than {MOST_BYTES >> 20} MiB once decoded; "
                    "send fewer at once."
                )
        good = [item for item in items if isinstance(item, Request)]
        return Request(
            arrays=[],
            parts=[item.arrays for item in good],
            kept=Batch(items),
            reduced=any(item.reduced for item in good),
            lengthy=any(item.lengthy for item in good),
            media=JSON,
        )

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """The answer to each thing, in order."""
        if not isinstance(request.kept, Batch):
            return super().render(served, request, outputs)
        good = sum(isinstance(item, Request) for item in request.kept.items)
        width = len(outputs) // good if good else 0
        results, at = [], 0
        for item in request.kept.items:
            if isinstance(item, str):
                results.append({"error": item})
                continue
            results.append(self._result(served, item, outputs[at : at + width]))
            at += width
        return as_json({"results": results, "model": served.name})

    def _result(self, served: Served, item: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        try:
            return self.result(served, item, outputs)
        except ServingError as error:
            return {"error": error.message}
