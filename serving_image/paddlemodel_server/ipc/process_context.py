"""What the supervisor hands to the processes it starts, and how they stay tied to it.

It travels on their command line. The folder holds the workers' sockets and what the first worker measured;
the scoreboard and the counters are inherited descriptors.
"""

import ctypes
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from paddlemodel_server.protocol.served import ScoreKind, WarmUp

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The most processes there will be, and the Paddle threads of each worker."""

    http_workers: int
    workers: int
    threads: int
    body_bytes: int = 1 << 30  # of all bodies that one HTTP worker may hold; what is beyond gets 429


@dataclass(frozen=True, kw_only=True)
class FurtherModel:
    """A model beside that of spec.model.

    Attributes:
        name: what the task calls it.
        folder: of its files.
        warm_up: what the task asks of it.
    """

    name: str
    folder: Path
    warm_up: WarmUp

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "FurtherModel":
        """Read what became of one as JSON."""
        warm_up = WarmUp.of(fields.pop("warm_up"))
        return cls(name=fields["name"], folder=Path(fields["folder"]), warm_up=warm_up)


@dataclass(frozen=True, kw_only=True)
class ProcessContext:
    """Where the processes of one server meet."""

    folder: Path
    scoreboard_fd: int
    counters_fd: int
    sizes: Sizes
    gpus: tuple[str, ...] = ()  # as CUDA_VISIBLE_DEVICES names them; none: a server on the CPU
    gpu_page_fd: int | None = None  # what the GPUs show
    access_fds: dict[str, int | None] = field(default_factory=dict)  # of `access.gate.Shared`
    warm_up: WarmUp = field(default_factory=WarmUp)  # what the task asks of it
    further: tuple["FurtherModel", ...] = ()  # that every worker holds beside it, by their numbers from 1

    def of(self, number: int) -> "ProcessContext":
        """What a worker goes by for one of its models: that of the first, with this one's in its place.

        What is learned of a further model lies in a folder of its own.
        """
        if not number:
            return self
        model = self.further[number - 1]
        folder = self.folder / model.name
        folder.mkdir(exist_ok=True)
        return replace(self, folder=folder, warm_up=model.warm_up)

    def to_json(self) -> str:
        """As a command-line argument."""
        return json.dumps(asdict(self), default=os.fspath)

    @classmethod
    def from_json(cls, text: str) -> "ProcessContext":
        """The context from the text that `to_json` made."""
        body = json.loads(text)
        folder, sizes = Path(body.pop("folder")), Sizes(**body.pop("sizes"))
        warm_up, gpus = WarmUp.of(body.pop("warm_up")), tuple(body.pop("gpus"))
        further = tuple(FurtherModel.of(model) for model in body.pop("further"))
        return cls(folder=folder, sizes=sizes, gpus=gpus, warm_up=warm_up, further=further, **body)

    @contextmanager
    def socket(self, worker: int) -> Iterator[str]:
        """Where a worker listens once it is ready, as an address to bind or connect to.

        A unix socket's address has room for 107 bytes; by way of the folder's descriptor every folder fits.
        """
        folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{folder}/worker-{worker}.sock"
        finally:
            os.close(folder)

    def failure(self, worker: int) -> Path:
        """Where a worker leaves the reason why it cannot start."""
        return self.folder / f"worker-{worker}.failed"

    @property
    def experiment(self) -> Path:
        """Where a worker notes what it tries at its start, in case that it ends the process."""
        return self.folder / "experiment"

    @property
    def http_workers_failure(self) -> Path:
        """Where the HTTP workers' master leaves the reason why it gives up."""
        return self.folder / "http_workers.failed"


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What the first worker measured; later workers and the HTTP workers go by it."""

    onednn: bool
    sizes: dict[int, float]
    load_seconds: float  # from the worker's start to a loaded model
    paddle: str
    scores: ScoreKind | None = None  # of the output that ProcessContext.warm_up names
    warmup_seconds: float = 0.0  # from then to ready
    run_seconds: float | None = None  # of a single request; None where no run was timed
    keep_tensors: bool = False  # see engine.Engine
    reuse_memory: bool = False
    notes: dict[str, str] = field(default_factory=dict)  # by optimisation: whether it is on, and why
    precision: str = "FP32"
    tensorrt: bool = False
    difference: float = 0.0  # of that precision from FP32, as a part of the answer's largest value
    shapes: dict[str, list[int]] = field(default_factory=dict)  # of inputs that the model ran with, by name

    @property
    def row_seconds(self) -> float | None:
        """What a row takes at best, in a run of many, or alone where rows cannot share one."""
        return min((seconds / rows for rows, seconds in self.sizes.items()), default=self.run_seconds)

    def save(self, folder: Path) -> None:
        """Publish it; a reader sees all of it or nothing."""
        part = folder / "learned.part"
        part.write_text(json.dumps(asdict(self)))
        part.rename(folder / "learned.json")

    @classmethod
    def load(cls, folder: Path) -> "Learned | None":
        """Read it; None before the first worker is ready."""
        try:
            body: dict[str, Any] = json.loads((folder / "learned.json").read_text())
        except FileNotFoundError:
            return None
        return cls(**body | {"sizes": {int(rows): s for rows, s in body["sizes"].items()}})


def die_with_parent(parent: int) -> None:
    """Let the kernel end this process when its parent ends, and end now if that has happened already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
