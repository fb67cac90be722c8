"""Requests of a server that mirrors to a canary, or is one; others have `InferenceCycle`, and pay nothing.

It chooses before the body is gone, and hands over after the client has its answer.
"""

from hmac import compare_digest
from typing import Any

from paddlemodel_server import protocol
from paddlemodel_server.http.inference_cycle import InferenceCycle
from paddlemodel_server.mirror import proof
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
        self, connection: Any, label: str, headers: protocol.Headers, *, keep_alive: bool
    ) -> InferenceCycle:
        """Make one; the arguments are those of InferenceCycle."""
        if self._target is None and (number := proof.asked(headers)) is not None:
            asking = ProofCycle(connection, label, headers, keep_alive=keep_alive)
            asking.shown = proof.proof(self._options.token, number)
            return asking
        if self._target is None:
            cycle = InferenceCycle(connection, label, headers, keep_alive=keep_alive)
            cycle.record.mirrored = self.is_mirrored(headers)
            return cycle
        mirror = self._mirror
        if mirror is None:
            mirror = self._mirror = Mirror(self._target, self._options, connection.service.metrics.mirror)
        if mirror.share.gap:
            mirror.share.gap -= 1
            return InferenceCycle(connection, label, headers, keep_alive=keep_alive)
        chosen = MirroredCycle(connection, label, headers, keep_alive=keep_alive)
        chosen.mirror = mirror
        return chosen

    def is_mirrored(self, headers: protocol.Headers) -> bool:
        """Whether a request comes from a mirror for certain, and not from a client who says so."""
        shown, token = headers.get(HEADER), self._options.token
        return shown is not None and token != UNTOLD and compare_digest(shown.encode(), token.encode())

    def asks_who(self, headers: protocol.Headers) -> bool:
        """Whether a request only asks whether this is the model's canary, which everybody may."""
        return self._target is None and proof.asked(headers) is not None

    def close(self) -> None:
        """The HTTP worker ends."""
        if self._mirror is not None:
            self._mirror.close()


class ProofCycle(InferenceCycle):
    """Asks a canary whether it is one: no request of anybody, so it counts nowhere."""

    shown: bytes

    def read_head(self) -> None:
        """Answer, whatever else the head says."""
        self.refuse(protocol.Response(body=self.shown, content_type="text/plain"))

    def _end(self, status: int) -> None:  # noqa: ARG002 - it is counted nowhere
        self.release()


class MirroredCycle(InferenceCycle):
    """One request to a stable version."""

    mirror: Mirror
    _kept: bytes | None = None  # the body, where the request was chosen

    def _start(self) -> None:
        if self.mirror.wants(self.headers, len(self._body)):
            self._body = self._kept = bytes(self._body)
        super()._start()

    def _answer(self, response: protocol.Response) -> None:
        super()._answer(response)
        if self._kept is not None:
            kept, self._kept = self._kept, None
            if response.status == 200:
                self.mirror.take(self._head, kept, response)
