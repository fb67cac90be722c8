"""Quantises a legacy model to INT8 as PaddleSlim does: python quantiser.py MODEL GOAL INPUT SHAPE.

PaddleSlim's `quant_post_static` is a wrapper around this very class of Paddle. The answers to random numbers
calibrate it.
"""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

SAMPLES = 8


def quantised(model: Path, name: str, shape: str) -> Path:
    """The model in a folder of the user's cache, made in a child process: only a child may load Paddle."""
    from tests.models import made_once  # noqa: PLC0415 - the child process cannot import it

    digests = "".join(sha256(file.read_bytes()).hexdigest() for file in sorted(model.iterdir()))
    made_of = f"{Path(__file__).read_text()} {digests} {name} {shape}"
    return made_once("int8", made_of, lambda folder: _quantise(model, folder, name, shape))


def _quantise(model: Path, goal: Path, name: str, shape: str) -> None:
    command = [sys.executable, "-W", "ignore", __file__, str(model), str(goal), name, shape]
    environment = os.environ | {"FLAGS_enable_pir_api": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        raise RuntimeError(f"the quantisation failed: {done.stderr[-2000:]}")


def _main(model: str, goal: str, name: str, shape: str) -> None:
    import numpy as np  # noqa: PLC0415
    import paddle  # noqa: PLC0415
    from paddle.static import quantization  # noqa: PLC0415

    paddle.enable_static()
    random = np.random.default_rng(0)
    sizes = tuple(map(int, shape.split(",")))
    whole: Any = quantization  # neither typed nor exported by name
    quantisation = whole.PostTrainingQuantization(
        executor=paddle.static.Executor(paddle.CPUPlace()),
        data_loader=lambda: ({name: random.random(sizes, np.float32)} for _ in range(SAMPLES)),
        model_dir=model,
        model_filename="inference.pdmodel",
        params_filename="inference.pdiparams",
        batch_nums=SAMPLES,
        algo="avg",
        onnx_format=True,
        weight_quantize_type="channel_wise_abs_max",
    )
    quantisation.quantize()
    quantisation.save_quantized_model(
        goal, model_filename="inference.pdmodel", params_filename="inference.pdiparams"
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
