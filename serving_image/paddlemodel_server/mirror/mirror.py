"""A share of the answered requests is asked again of the canary, and its answers are compared.

It works behind the answers: a chosen request waits in a short queue, which holds few bytes, until one of two
connections is free; what finds no room is dropped and counted. As long as there is no canary hardly anything
is chosen, only to look for one. Requests are kept in memory alone, and nothing of them is logged.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from paddlemodel_server.host.log import Limiter
from paddlemodel_server.metrics.catalog import AGREE, DIFFER, DROPPED, ERROR, MirrorCounts
from paddlemodel_server.mirror.line import Line, Place
from paddlemodel_server.mirror.peer import BrokenError, ForeignError, Reply, TooLongError, UnreachableError
from paddlemodel_server.mirror.share import Share
from paddlemodel_server.mirror.wanted import HEADER, Target
from paddlemodel_server.protocol import Head, Headers, Response
from paddlemodel_server.protocol.routes import PREDICT
from paddlemodel_server.verification.comparison import Answer, compare, is_quick
from paddlemodel_server.verification.differences import Difference

AT_ONCE: Final = 2  # connections of an HTTP worker
MOST_WAITING: Final = 32
REST_SECONDS: Final = 1.0  # after the first vain look for a canary; each further pause is twice as long
MOST_REST_SECONDS: Final = 15.0
MORE_BYTES: Final = 32 * 1024  # that the canary's answer may have beyond twice the stable version's
FORWARDED: Final = (
    "content-type", "content-encoding", "accept", "inference-header-content-length", "x-tensor-shape",
    "authorization", "x-api-key",
)  # fmt: skip
"""What decides about an answer, and the client's key: the canary asks for it as the stable version does."""
UNTELLING: Final = (401, 403, 429, 503)
"""The canary does not know a key yet, since Secrets reach pods one by one; it is busy, starts or ends."""
NAMES_LOOKED_FOR: Final = 100  # comparisons

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a mirror goes by beside its target.

    Attributes:
        token: what mirrored requests show.
        paths: of the routes that run the model, by their labels.
        seconds: how long the canary may take.
        most_bytes: of requests and answers that wait.
        certificate: tells that of this server, as DER, which the canary has to show; None without TLS.
    """

    token: str
    paths: Mapping[str, str]
    seconds: float
    most_bytes: int
    certificate: Callable[[], bytes] | None = None


@dataclass(frozen=True, slots=True)
class _Exchange:
    head: Head
    body: bytes
    answer: Answer

    @property
    def size(self) -> int:
        return len(self.body) + len(self.answer.body)


class Mirror:
    """One HTTP worker's."""

    def __init__(self, target: Target, options: Options, counts: MirrorCounts) -> None:
        """Make one on the running event loop; it begins with the first request.

        Args:
            target: where to, and how much.
            options: what else it goes by.
            counts: where to count.
        """
        self._target, self._options, self._counts = target, options, counts
        self.share = Share(target.part, random.Random().random)  # noqa: S311 - no secret
        self._queue: asyncio.Queue[_Exchange] = asyncio.Queue(MOST_WAITING)
        self._held = 0  # bytes
        self._rests_until = 0.0
        self._pause = REST_SECONDS
        self._found = False  # whether there is a canary
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="mirror")
        self._senders: list[asyncio.Task[None]] = []
        self._closed = False
        self._told = Limiter()
        self._unseen = set(target.tolerances.of)  # names that no answer has had yet
        self._compared = 0
        self._made: tuple[Head, int, bytes] | None = None  # the last head

    def wants(self, headers: Headers, size: int) -> bool:
        """Whether a request shall be mirrored, should it be answered.

        Args:
            headers: of the request.
            size: of its body.
        """
        now = time.monotonic()
        if not self.share.has(now) or HEADER in headers or now < self._rests_until:
            return False
        if self._queue.full() or self._held + size > self._options.most_bytes:
            self._counts.count(DROPPED)
            return False
        return True

    def take(self, head: Head, body: bytes, response: Response) -> None:
        """Mirror a request that was wanted and has been answered."""
        extra = {name.lower(): value for name, value in response.extra}
        exchange = _Exchange(
            head, body, Answer(media=response.content_type, headers=extra, body=response.body)
        )
        if self._queue.full() or self._held + exchange.size > self._options.most_bytes:
            self._counts.count(DROPPED)
            return
        if self._closed:
            return
        if not self._senders:
            loop = asyncio.get_running_loop()
            self._senders = [loop.create_task(self._send()) for _ in range(AT_ONCE)]
        self._held += exchange.size
        self._queue.put_nowait(exchange)

    def close(self) -> None:
        """End at once: nobody waits for it. Requests may still be answered, and are mirrored no more."""
        self._closed = True
        for sender in self._senders:
            sender.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _send(self) -> None:
        """Ask the canary again and again, over a connection of one's own."""
        target, options = self._target, self._options
        place = Place(
            host=target.host,
            port=target.port,
            authority=target.authority,
            certificate=options.certificate,
            token=options.token,
            path=options.paths[PREDICT],
        )
        line = Line(place)
        try:
            while True:
                exchange = await self._queue.get()
                try:
                    await self._mirror(line, exchange)
                except Exception as error:  # noqa: BLE001 - mirroring goes on; the error's text may quote a body
                    self._counts.count(DROPPED)
                    logger.error("an answer could not be mirrored", extra={"error": type(error).__name__})  # noqa: TRY400
                finally:
                    self._held -= exchange.size
        finally:
            line.close()

    async def _mirror(self, line: Line, exchange: _Exchange) -> None:
        most = 2 * len(exchange.answer.body) + MORE_BYTES
        try:
            await line.open()
            self._find()
            head = self._request_head(exchange.head, len(exchange.body))
            reply = await line.ask(head, exchange.body, most, self._options.seconds)
        except UnreachableError as error:
            self._rest(error)
        except (BrokenError, TimeoutError):
            line.close()
            self._counts.count(ERROR)
        except TooLongError:
            self._note(exchange.head.route, [Difference(output="", fault="it is much longer")])
        else:
            await self._judge(exchange, reply)

    async def _judge(self, exchange: _Exchange, reply: Reply) -> None:
        if reply.status != 200:
            self._counts.count(DROPPED if reply.status in UNTELLING else ERROR)
            return
        media = reply.headers.get("content-type", "")
        found = Answer(media=media, headers=reply.headers, body=reply.body)
        arguments = exchange.head.route, exchange.answer, found, self._target.tolerances
        if is_quick(exchange.answer, found):
            differences = compare(*arguments)
        else:
            loop = asyncio.get_running_loop()
            differences = await loop.run_in_executor(self._threads, compare, *arguments)
        self._note(exchange.head.route, differences)

    def _note(self, route: str, differences: list[Difference]) -> None:
        """Count, and say what a person can use: never a value."""
        worst = max(differences, key=lambda one: (not one.agrees, one.weight))
        self._counts.count(AGREE if worst.agrees else DIFFER)
        for one in differences:
            part = one.beyond / one.size if one.size else 1.0
            self._counts.worst(part, one.largest, one.largest_relative)
        if not worst.agrees and self._told.allows(time.monotonic()):
            what: dict[str, object] = {"route": route, "output": worst.output, "fault": worst.fault}
            logger.info("a mirrored request was answered otherwise", extra=what | self._told.summary())
        self._look_for_names({one.output for one in differences})

    def _look_for_names(self, found: set[str]) -> None:
        """Say which entries of spec.rollout.mirror.outputs name nothing."""
        if not self._unseen or found == {""}:
            return
        self._unseen -= found
        self._compared += 1
        if self._compared == NAMES_LOOKED_FOR and self._unseen:
            logger.warning(
                "spec.rollout.mirror.outputs names what no answer has: correct the name, or remove it",
                extra={"names": ", ".join(sorted(self._unseen))},
            )

    def _find(self) -> None:
        """There is a canary: what was the worst of another one means nothing now."""
        self._pause, self._rests_until = REST_SECONDS, 0.0
        if not self._found:
            self._found = True
            self._counts.forget_worst()
            logger.info("requests are mirrored to a canary")

    def _rest(self, error: UnreachableError) -> None:
        """There is none, which is usual: look again later, and forget what waits."""
        if self._found or (isinstance(error, ForeignError) and self._told.allows(time.monotonic())):
            logger.info(
                "nothing is mirrored meanwhile: the canary cannot be reached", extra={"error": str(error)}
            )
        self._found = False
        self._rests_until = time.monotonic() + self._pause
        self._pause = min(MOST_REST_SECONDS, 2 * self._pause)
        while not self._queue.empty():
            self._held -= self._queue.get_nowait().size

    def _request_head(self, head: Head, size: int) -> bytes:
        """The head to send; the same object comes again and again from a connection that is kept."""
        made = self._made
        if made is None or made[0] is not head or made[1] != size:
            made = self._made = head, size, self._make_head(head, size)
        return made[2]

    def _make_head(self, head: Head, size: int) -> bytes:
        options, given = self._options, head.headers
        lines = [
            f"POST {options.paths[head.route]} HTTP/1.1",
            f"host: {self._target.authority}",
            f"content-length: {size}",
            f"{HEADER}: {options.token}",
            *(f"{name}: {given[name]}" for name in FORWARDED if name in given),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin1")
