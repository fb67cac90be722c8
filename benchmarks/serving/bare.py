"""The ceiling: predictors in processes of their own that answer one body after the other, without any HTTP.

Started by contenders.py as `python -m benchmarks.serving.bare MODEL_DIR image|tensor`; each line "SECONDS" on
standard input is answered with the number of runs in that time.
"""

import base64
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from paddlemodel_server import files

from tests.bare_predictor import textline_tensor


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


def runner(folder: Path, body: bytes, kind: str, onednn: bool) -> Callable[[], None]:
    made = predictor(folder, onednn)
    handle = made.get_input_handle(made.get_input_names()[0])
    output = made.get_output_handle(made.get_output_names()[0])
    ready = np.array(json.loads(body)["data"], np.float32) if kind == "tensor" else None

    def run() -> None:
        handle.copy_from_cpu(textline_tensor(body) if ready is None else ready)
        made.run()
        output.copy_to_cpu()

    return run


def count(run: Callable[[], None], seconds: float) -> int:
    runs, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        run()
        runs += 1
    return runs


def main(folder: str, kind: str, encoded: str) -> None:
    body = base64.b64decode(encoded)
    cv2.setNumThreads(1)
    runners = [runner(Path(folder), body, kind, onednn) for onednn in (False, True)]
    for run in runners:
        count(run, 0.5)  # warm
    fastest = max(runners, key=lambda run: count(run, 0.5))
    print("ready", flush=True)
    for line in sys.stdin:
        print(count(fastest, float(line)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
