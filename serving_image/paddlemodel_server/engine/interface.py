"""The one small interface to the model: an Engine says how to run it, Runs is something that runs it. Pure.

`validate` makes the Engine that the settings ask for, `paddle` turns it into Paddle's own calls, `warmup`
tries several; `oom_guard` guards a Runs and is one itself. Tests put a predictor in its place that fails as
Paddle does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from paddlemodel_server.settings import Precision

Array = np.ndarray[Any, np.dtype[Any]]
Clock = Callable[[], float]

GPU_POOL_MB = 256  # what Paddle reserves at first; it grows by need
TENSORRT_WORKSPACE_MB = 1024


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One way to run the model; a server tries several and keeps one."""

    device: Literal["cpu", "gpu"] = "cpu"
    precision: Precision = "FP32"
    onednn: bool = False
    tensorrt: Literal["off", "collect", "on"] = "off"  # collect: only note the shapes of its runs
    threads: int = 1  # of one run, on CPU
    keep_tensors: bool = False  # from run to run: memory for time
    reuse_memory: bool = False  # of tensors that are done with, within a run
    max_rows: int = 1
    pool_mb: int = GPU_POOL_MB
    workspace_mb: int = TENSORRT_WORKSPACE_MB
    cache: Path = Path()  # TensorRT's shapes and engines, for one model on one kind of device

    @property
    def shapes(self) -> Path:
        """Where TensorRT's shape ranges are kept."""
        return self.cache / "shape_range_info.pbtxt"


class Runs(Protocol):
    """A loaded model: arrays by input name in, arrays in the order of the outputs out."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Run the model once; the arrays are in the order of `Model.inputs`."""
        ...

    def shrink(self) -> None:
        """Give back the memory that earlier runs have left behind."""
        ...


Open = Callable[[Engine], Runs]
