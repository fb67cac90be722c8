"""What the device plugin puts beside Paddle: a CPU build takes a GPU's time, and only where it is told to."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from devcluster import simulated_gpu
from tests.models import trained_model

RUN_MS = 40
#: As in a container, where the line in the .pth file is read from site-packages at the start.
SCRIPT = """
import json, os, site, sys
site.addsitedir(sys.argv[1])
from paddle import inference
import numpy as np

def answer(on_gpu):
    config = inference.Config(*sys.argv[2:])
    config.disable_glog_info()
    if on_gpu:
        config.enable_use_gpu(100, 0, inference.PrecisionType.Float32)
    else:
        config.disable_gpu()
    predictor = inference.create_predictor(config)
    predictor.get_input_handle("x").copy_from_cpu(np.full((1, 3, 48, 192), 0.5, "float32"))
    predictor.run()
    predictor.run()
    (name,) = predictor.get_output_names()
    return config.use_gpu(), predictor.get_output_handle(name).copy_to_cpu().tolist()

print(json.dumps({"cpu": answer(False), "gpu": answer(True), "pid": os.getpid()}))
"""


def run(folder: Path, **environment: str) -> dict[str, Any]:
    model = trained_model("textline-orientation")
    files = [str(model / f"inference.{ending}") for ending in ("pdmodel", "pdiparams")]
    package = str(Path(simulated_gpu.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, package, *files],
        env={**os.environ, "SIMULATED_GPU_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_a_run_answers_as_on_the_cpu_takes_the_devices_time_and_is_recorded(tmp_path: Path) -> None:
    found = run(tmp_path, SIMULATED_GPU_RUN_MS=str(RUN_MS))
    assert found["cpu"][0] is False
    assert found["gpu"] == [True, found["cpu"][1]]
    (record,) = tmp_path.iterdir()
    assert record.name == str(found["pid"])
    ended_ns, began_ns = struct.unpack("<QQ", record.read_bytes())
    assert ended_ns >= 2 * RUN_MS * 1e6
    assert began_ns == 0


def test_where_no_device_was_given_paddle_is_left_alone(tmp_path: Path) -> None:
    assert run(tmp_path)["gpu"][0] is False
    assert list(tmp_path.iterdir()) == []
