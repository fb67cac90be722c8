"""Servers on GPUs that do not exist: the real nvidia-ml-py, a simulated driver, Paddle as if on a GPU."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devcluster import simulated_gpu
from tests.serving_image.support.servers import Server, end, start


class Gpus:
    """Devices that a test changes while a server looks at them."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self._control = folder / "nvml.txt"
        self.set(*lines)
        (folder / "python").mkdir()
        shim = Path(simulated_gpu.__file__).with_name("simulated_gpu.py")
        shutil.copy(shim, folder / "python")
        (folder / "python" / "sitecustomize.py").write_text("import simulated_gpu\nsimulated_gpu.watch()\n")
        self.environment = {
            "LD_LIBRARY_PATH": str(folder),
            "PYTHONPATH": str(folder / "python"),
            "SIMULATED_NVML": str(self._control),
            "SIMULATED_GPU_DIR": str(folder / "runs"),
            "SIMULATED_GPU_RUN_MS": "1",
        }

    def set(self, *lines: str) -> None:
        """Say what there is from now on; see nvml.c."""
        part = self._control.with_suffix(".part")
        part.write_text("".join(f"{line}\n" for line in lines))
        part.rename(self._control)


@contextmanager
def serving(
    model: Path, folder: Path, gpus: Gpus, environment: dict[str, str] | None = None, **settings: object
) -> Iterator[Server]:
    """Run a server on them, without waiting until it is ready."""
    variables = gpus.environment | (environment or {})
    before = ["env", *(f"{name}={value}" for name, value in variables.items())]
    server = start(model, folder, before, device="gpu", **settings)
    try:
        yield server
    finally:
        end(server)
