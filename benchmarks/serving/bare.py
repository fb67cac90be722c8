"""The ceiling: a predictor in a process of its own that runs one tensor after the other, without any HTTP.

Started by contenders.py as `python -m benchmarks.serving.bare MODEL_DIR TENSOR.npy`; each line "SECONDS" on
standard input is answered with the number of runs in that time. With `once` behind, it loads the model as
Paddle would by default, runs it once, says so and ends: the shortest way from nothing to an answer.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from paddlemodel_server.model import files


def predictor(folder: Path, onednn: bool) -> Any:  # Paddle has no types
    from paddle import inference  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415

    model = files.locate(folder)
    config = inference.Config(str(model.program), str(model.params))
    config.disable_glog_info()
    if model.format == "PIR":
        config.enable_new_executor(True)
    config.enable_memory_optim()
    config.set_cpu_math_library_num_threads(1)
    if not onednn:
        config.disable_onednn()
    return inference.create_predictor(config)


class Model:
    """A predictor with one input, of which the first output counts."""

    def __init__(self, folder: Path, onednn: bool) -> None:
        self._predictor = predictor(folder, onednn)
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        self._output = self._predictor.get_output_handle(self._predictor.get_output_names()[0])

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        self._input.copy_from_cpu(tensor)
        self._predictor.run()
        answer: NDArray[np.float32] = self._output.copy_to_cpu()
        return answer


def fastest(folder: Path, tensor: NDArray[np.float32]) -> Model:
    """With oneDNN or without, whichever runs this tensor faster."""
    models = [Model(folder, onednn) for onednn in (False, True)]
    for model in models:
        count(lambda model=model: model.run(tensor), 0.5)  # type: ignore[misc]  # mypy cannot infer it
    return max(models, key=lambda model: count(lambda: model.run(tensor), 0.5))


def count(run: Callable[[], object], seconds: float) -> int:
    runs, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        run()
        runs += 1
    return runs


def main(folder: str, tensor_file: str, once: str = "") -> None:
    tensor = np.load(tensor_file)
    if once:
        Model(Path(folder), onednn=True).run(tensor)
        print("answered", flush=True)
        return
    model = fastest(Path(folder), tensor)
    print("ready", flush=True)
    for line in sys.stdin:
        print(count(lambda: model.run(tensor), float(line)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
