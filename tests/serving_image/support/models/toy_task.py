"""A task that nobody needs: one line of numbers, read from behind. Imported, it is one of the server's tasks.

What it does here to two tables is all that a real one does in the contract and in the registry: a member of
the union, and a line. `site()` makes every process of a server import it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import paddlemodel_api.tasks
from paddlemodel_api.base import Block
from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import obj
from paddlemodel_server.errors import BadRequestError, StartError
from paddlemodel_server.protocol import Array
from paddlemodel_server.protocol.served import Call, Description, Place, Served, Shapes, Upload, WarmUp
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.body import BodyTask
from pydantic import Field


class Spec(Block):
    """The fields of the task."""

    separator: str = Field(default=",", description="What stands between two numbers.")


class ReversedLine(BodyTask):
    """Numbers in, numbers out."""

    name: ClassVar[str] = "reversedLine"
    files: ClassVar[Mapping[str, str]] = {".csv": "text/csv"}
    usage: ClassVar[str] = "line.csv        a line of numbers, for the task reversedLine"

    def __init__(self, spec: Spec, place: Place) -> None:
        if [len(tensor.shape) for tensor in place.model.inputs] != [2]:
            message = "The task reversedLine takes one input of 2 dimensions; use the task tensors."
            raise StartError("TaskDoesNotFit", message)
        self.spec = spec
        self.input = place.model.inputs[0].name

    @classmethod
    def fit(cls, spec: Spec, place: Place) -> "ReversedLine":
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        return WarmUp(shapes={self.input: [1, 3]})

    def takes(self, kind: str) -> bool:
        return kind == "text/csv"

    @property
    def taken(self) -> str:
        return "This model takes a line of numbers as text/csv."

    def arrays(self, body: bytes) -> list[Array]:
        try:
            numbers = [float(number) for number in body.decode().split(self.spec.separator)]
        except ValueError:
            raise BadRequestError("The line holds something that is no number.") from None
        return [np.array([numbers[::-1]], np.float32)]

    def answer(self, served: Served, outputs: Sequence[Array]) -> dict[str, Any]:
        del served
        return {"numbers": outputs[0].reshape(-1).tolist()}

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        del served, proven
        return Description(
            operation={
                "summary": "Send a line",
                "requestBody": {"content": {"text/csv": {"schema": {"type": "string"}}}},
                "responses": answers.ok("The numbers.", answers.json_of("Numbers")),
            },
            schemas={
                "Numbers": obj(
                    {"numbers": {"type": "array", "items": {"type": "number"}}, "model": {"type": "string"}}
                )
            },
            call=Call(
                route="predict",
                arguments=("-H", "Content-Type: text/csv", "--data-binary", "@line.csv"),
                file="line.csv",
                stands_for="your line",
            ),
            upload=Upload(what="a line", media=("text/csv",)),
        )


class Task(paddlemodel_api.tasks.Task):
    """The union with one more member."""

    reversed_line: Spec | None = Field(default=None, description="A line of numbers.")


def register() -> None:
    """Add it."""
    paddlemodel_api.tasks.Task = Task  # type: ignore[misc]  # as if it stood there
    registry.TASKS[ReversedLine.name] = ReversedLine


def site(folder: Path) -> dict[str, str]:
    """Environment in which every Python process registers the task, from wherever this file lies."""
    lines = ("import sys", f"sys.path.append({str(Path(__file__).parent)!r})", "import toy_task")
    (folder / "sitecustomize.py").write_text("\n".join((*lines, "toy_task.register()", "")))
    return {"PYTHONPATH": str(folder)}
