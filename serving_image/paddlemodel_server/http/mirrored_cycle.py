"""Requests of a server that mirrors to a canary, or is one; others have `InferenceCycle`, and pay nothing.

It chooses before the body is gone, and hands over after the client has its answer.
"""

from typing import Any

from paddlemodel_server import protocol
from paddlemodel_server.http.inference_cycle import InferenceCycle
from paddlemodel_server.metrics.catalog import MirrorCounts
from paddlemodel_server.mirror.mirror import Mirror, Options
from paddlemodel_server.mirror.wanted import HEADER, UNTOLD, Target


class Mirroring:
    """Makes the cycles; one for all connections, made before the fork."""

    def __init__(self, target: Target | None, options: Options) -> None:
        """Note what is wanted.

        Args:
            target: where to mirror; None on a canary, which only knows mirrored requests.
            options: what else a mirror goes by.
        """
        self._target, self._options = target, options
        self._mirror: Mirror | None = None

    def __call__(
        self, connection: Any, label: str, headers: protocol.Headers, **how: bool
    ) -> "MirroredCycle":
        """Make one; the arguments are those of InferenceCycle."""
        return MirroredCycle(self, connection, label, headers, **how)

    def is_mirrored(self, headers: protocol.Headers) -> bool:
        """Whether a request comes from a mirror for certain, and not from a client who says so."""
        shown = headers.get(HEADER)
        return shown is not None and shown == self._options.token != UNTOLD

    def mirror(self, counts: MirrorCounts) -> Mirror | None:
        """That of this HTTP worker, from its first request on."""
        if self._mirror is None and self._target is not None:
            self._mirror = Mirror(self._target, self._options, counts)
        return self._mirror

    def close(self) -> None:
        """The HTTP worker ends."""
        if self._mirror is not None:
            self._mirror.close()


class MirroredCycle(InferenceCycle):
    """One request."""

    _kept: bytes | None = None  # the body, where the request was chosen

    def __init__(
        self,
        mirroring: Mirroring,
        connection: Any,
        label: str,
        headers: protocol.Headers,
        *,
        keep_alive: bool,
    ) -> None:
        super().__init__(connection, label, headers, keep_alive=keep_alive)
        self._mirror = mirroring.mirror(connection.service.metrics.mirror)
        self._record.mirrored = mirroring.is_mirrored(headers)

    def _start(self) -> None:
        if self._mirror is not None and self._mirror.wants(self._record.headers, len(self._body)):
            self._body = self._kept = bytes(self._body)
        super()._start()

    def _answer(self, response: protocol.Response) -> None:
        kept, self._kept = self._kept, None
        super()._answer(response)
        if kept is not None and self._mirror is not None and response.status == 200:
            self._mirror.take(self._head, kept, response)
