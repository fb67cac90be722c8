"""What a workload is: a model, its task, what clients send, and the loop that it is compared with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Body:
    """A request.

    Attributes:
        content: its bytes.
        media: its Content-Type.
        weight: what an answer to it counts for, in the workload's unit.
    """

    content: bytes
    media: str
    weight: float = 1.0


class Loop(Protocol):
    """The same without a server."""

    def run(self, number: int) -> list[float]:
        """The numbers of the answer to one body."""
        ...


class MadeLoop(Protocol):
    """Loads the model."""

    def __call__(self, folder: Path, /, *, onednn: bool) -> Loop: ...


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One row of the report.

    Attributes:
        name: for the command line.
        title: for people.
        unit: of the rates.
        aim: the least ratio of the server's rate to that of so many loops.
        against: how many.
        task: `spec.task`.
        model: makes the model, or finds it in the cache.
        bodies: in a fixed order.
        loop: what the bodies are compared with.
        numbers: those of an answer that the loop gives, too.
        close: how far they may differ.
    """

    name: str
    title: str
    unit: str
    aim: float
    against: int
    task: str
    model: Callable[[], Path]
    bodies: Callable[[], Sequence[Body]]
    loop: MadeLoop
    numbers: Callable[[dict[str, Any]], list[float]]
    close: float
