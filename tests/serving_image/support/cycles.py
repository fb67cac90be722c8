"""An HTTP worker without a server: its queue and its clients are what the test makes of them."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from paddlemodel_server import protocol
from paddlemodel_server.errors import ServingError
from paddlemodel_server.http.inference_cycle import BodyBudget
from paddlemodel_server.http.responses import Heads, Writer
from paddlemodel_server.http.timeouts import Awaited, Deadline
from paddlemodel_server.ipc import counters
from paddlemodel_server.metrics import catalog
from paddlemodel_server.pipeline.inference import Inference
from paddlemodel_server.pipeline.pending import Outcome, Pending
from paddlemodel_server.pipeline.request_log import RequestRecord
from paddlemodel_server.pipeline.write_batch import WriteBatch
from paddlemodel_server.settings import Settings
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from tests.serving_image.support.bodies import echo


class Queue:
    """Stands for the dispatcher: it counts, and answers when the test says so."""

    def __init__(self) -> None:
        self.refusal: ServingError | None = None
        self.memory: ServingError | None = None  # of a request that is decoded
        self.admitted = 0
        self.submitted: list[Sequence[protocol.Array]] = []
        self.abandoned: list[Pending] = []
        self.settled: Callable[[Outcome], None]
        self.all_settled: list[Callable[[Outcome], None]] = []
        self.models: list[int] = []  # that the submissions were for
        self.deadlines: list[float] = []  # of the submissions
        self.held = 0  # bytes
        self.roomy = True

    def admit(self) -> None:
        if self.refusal:
            raise self.refusal
        self.admitted += 1

    def leave(self) -> None:
        self.admitted -= 1

    def hold(self, size: int) -> None:
        self.held += size

    def check_memory(self) -> None:
        if self.memory:
            raise self.memory

    def submit(
        self,
        arrays: Sequence[protocol.Array],
        began: float,
        seconds: float,
        request_id: str,  # noqa: ARG002 - the dispatcher's signature
        settled: Callable[[Outcome], None],
        *,
        reduced: bool = False,  # noqa: ARG002 - the dispatcher's signature
        model: int = 0,
    ) -> Pending:
        self.submitted.append(arrays)
        self.models.append(model)
        self.deadlines.append(began + seconds)
        self.settled = settled
        self.all_settled.append(settled)
        pending = Pending(0, began + seconds, seconds, arrays)
        pending.worker = 3
        return pending

    def abandon(self, pending: Pending) -> None:
        self.abandoned.append(pending)


class Log:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, int]] = []  # routes and statuses

    def end(self, record: RequestRecord, status: int) -> None:
        self.ended.append((record.route, status))


@dataclass
class HttpWorker:
    """What requests need of one."""

    loop: asyncio.AbstractEventLoop
    threads: ThreadPoolExecutor
    metrics: catalog.HttpWorker
    served: protocol.Served = field(default_factory=lambda: echo("float32"))
    settings: Settings = field(default_factory=lambda: Settings(timeout_seconds=60))
    dispatcher: Queue = field(default_factory=Queue)
    request_log: Log = field(default_factory=Log)
    inference: type[Inference] = Inference


@contextmanager
def http_worker(threads: ThreadPoolExecutor | None = None) -> Iterator[HttpWorker]:
    """One on the running event loop, with one thread unless the test brings its own."""
    fd = counters.create()
    routes = [route.label for route in protocol.TABLE]
    try:
        with threads or ThreadPoolExecutor(1) as pool:
            yield HttpWorker(asyncio.get_running_loop(), pool, catalog.HttpWorker(fd, 0, routes))
    finally:
        os.close(fd)


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.did: list[str] = []  # all but writing
        self.unread = 0  # bytes

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return "close" in self.did or "abort" in self.did

    def get_write_buffer_size(self) -> int:
        return self.unread

    def close(self) -> None:
        self.did.append("close")

    def abort(self) -> None:
        self.did.append("abort")

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.did.append("write_eof")

    def pause_reading(self) -> None:
        self.did.append("pause_reading")

    def resume_reading(self) -> None:
        self.did.append("resume_reading")


class Connection:
    """What a Writer and a cycle need of a connection."""

    def __init__(self, service: HttpWorker, most_body_bytes: int = 1 << 30) -> None:
        self.service = service
        self.bodies = BodyBudget(most_body_bytes)
        self.transport = Transport()
        self.flow = FlowControl(self.transport)
        self.server_state = ServerState()
        self.server_state.default_headers = [(b"date", b"today")]
        self.late: list[Awaited] = []
        self.deadline = Deadline(service.loop, self.late.append)
        self.batch = WriteBatch()
        self.writer = Writer(self, Heads(), self.batch)
        self.ends = False
        self.midway = False  # the client is in the midst of a request
        self.listening = True
        self.completed = 0

    def stop_listening(self) -> bool:
        self.listening = False
        return self.midway

    def on_response_complete(self) -> None:
        self.completed += 1
