"""Requests whose head has come before, byte for byte: it need not be parsed and checked again.

Nearly all clients that keep a connection send one head with every request. Equal bytes mean the same to the
HTTP parser, which stands between two requests meanwhile. They pass by every check of heads but those that are
made for each request: see `head_checks`.
"""

from typing import Final, NamedTuple

from paddlemodel_server import protocol

MOST: Final = 256  # heads
MOST_BYTES: Final = 4096  # of one; a request with a body of megabytes has better things to save
_END: Final = b"\r\n\r\n"


class CachedHead(NamedTuple):
    """What a whole request parsed to: its head, checked, and its body."""

    head: protocol.Head
    body: bytes


class HeadCache:
    """What one HTTP worker has learned."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[protocol.Head, int]] = {}

    def find(self, data: bytes) -> CachedHead | None:
        """The one request that a read holds, where its head is known."""
        end = data.find(_END, 0, MOST_BYTES) + len(_END)
        known = self._known.get(data[:end])
        if known is None or len(data) - end != known[1]:
            return None
        return CachedHead(known[0], data[end:])

    def learn(self, data: bytes, head: protocol.Head) -> None:
        """Remember the head of a request that was taken in whole, if `data` holds just that request."""
        end = data.find(_END, 0, MOST_BYTES) + len(_END)
        length = len(data) - end
        if end < len(_END) or head.headers.get("content-length") != str(length):
            return
        if len(self._known) == MOST:
            self._known.clear()
        self._known[data[:end]] = head, length
