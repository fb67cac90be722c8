"""What a person asks of `export`, and what `export` asks of its child process (a job, as JSON in a file)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

from paddlemodel_server.commands.inputs import Shapes
from paddlemodel_server.model.formats.program import Tensor

Format = Literal["pir", "legacy", "both"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The command line of `export`."""

    layer: str  # module:name or file.py:name
    inputs: tuple[Tensor, ...]
    output: Path
    format: Format | None = None  # None: pir; legacy with int8
    weights: Path | None = None
    int8: Path | None = None  # calibration data
    tolerance: float | None = None  # a part of the largest value
    shapes: Shapes = field(default_factory=dict)
    record: Path | None = None
    json: bool = False

    @property
    def formats(self) -> tuple[Literal["pir", "legacy"], ...]:
        """The programs that are written."""
        if self.format == "both":
            return ("pir", "legacy")
        return (self.format,) if self.format else ("legacy",) if self.int8 else ("pir",)


@dataclass(frozen=True, kw_only=True)
class Input:
    """One argument of the layer; -1 is an open dimension."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Save:
    """Save a layer, and record what it answers."""

    target: str  # as Options.layer
    weights: str  # a file of paddle.save; "": none
    state: str  # the layer's weights for the job that follows; this one's, if the file is there
    inputs: tuple[Input, ...]
    samples: tuple[str, ...]  # .npz files of inputs
    answers: str  # a folder for .npz files of outputs
    output: str  # a folder for the model


@dataclass(frozen=True, kw_only=True)
class Quantise:
    """Make an INT8 program of a legacy one."""

    model: str  # its folder
    calibration: str  # an .npz file
    output: str  # a folder for the model


@dataclass(frozen=True, kw_only=True)
class Job:
    """One of the two, and where to say why it failed."""

    answer: str  # a file
    save: Save | None = None
    quantise: Quantise | None = None

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what write() wrote."""
        found = json.loads(path.read_text())
        save, quantise = found["save"], found["quantise"]
        if save:
            inputs = tuple(Input(**one | {"shape": tuple(one["shape"])}) for one in save["inputs"])
            save |= {"inputs": inputs, "samples": tuple(save["samples"])}
        return cls(
            answer=found["answer"],
            save=Save(**save) if save else None,
            quantise=Quantise(**quantise) if quantise else None,
        )
