"""Lets Paddle's CPU build pose as one that runs on a GPU; stands alone in a container's site-packages.

The device plugin mounts it, with `simulated_gpu.pth`, into each container that is given a simulated GPU, and
there every Python process reads that line at its start. One that never imports Paddle pays nothing.

A predictor that asked for a GPU computes on the CPU as ever. Then it sleeps until its run has lasted
SIMULATED_GPU_RUN_MS, as a thread waits for a device, and burns no CPU meanwhile. What it did is recorded for
the simulated NVML, in the file SIMULATED_GPU_DIR/PID: two little-endian numbers of 64 bits, the nanoseconds
of all runs that have ended, and when the current one began by CLOCK_MONOTONIC, or 0.
"""

import importlib.util
import mmap
import os
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

_PATCHED = "paddle.inference"
_FOLDER = "/tmp/simulated-gpu"  # noqa: S108 - inside the container
_ENDED, _BEGAN = 0, 1  # the two numbers of a record


def watch() -> None:
    """Wait for the import of Paddle; called by the line in site-packages."""
    sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _PATCHED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec and spec.origin:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        patch(module)


def patch(inference: Any) -> None:
    """Put what simulates in the place of the two names that know of a GPU."""
    real_config, create = inference.Config, inference.create_predictor

    class Config(real_config):  # type: ignore[valid-type, misc]  # known at run time only
        """Paddle's own, which drops the request for a GPU without a word."""

        simulates = False

        def enable_use_gpu(self, *_: Any, **__: Any) -> None:
            self.simulates = True

        def disable_gpu(self) -> None:
            self.simulates = False
            super().disable_gpu()

        def use_gpu(self) -> bool:
            return self.simulates

    def create_predictor(config: Any) -> Any:
        predictor = create(config)
        return _OnGpu(predictor) if getattr(config, "simulates", False) else predictor

    inference.Config, inference.create_predictor = Config, create_predictor


class _OnGpu:
    """A predictor whose runs take a device's time."""

    def __init__(self, predictor: Any) -> None:
        self._predictor = predictor
        self._least_ns = int(float(os.environ["SIMULATED_GPU_RUN_MS"]) * 1e6)
        self._record = _record()

    def run(self, *arguments: Any) -> Any:
        """As Paddle's, but slower."""
        began = self._record[_BEGAN] = time.monotonic_ns()
        try:
            answer = self._predictor.run(*arguments)
            time.sleep(max(0, began + self._least_ns - time.monotonic_ns()) / 1e9)
            return answer
        finally:
            self._record[_ENDED] += time.monotonic_ns() - began
            self._record[_BEGAN] = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predictor, name)


def _record() -> memoryview:
    """The two numbers of this process, in the file that the simulated NVML reads."""
    folder = Path(os.environ.get("SIMULATED_GPU_DIR") or _FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / str(os.getpid())).open("a+b") as file:
        file.truncate(16)
        return memoryview(mmap.mmap(file.fileno(), 16)).cast("Q")
