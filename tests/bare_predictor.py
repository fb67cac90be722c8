"""Paddle Inference without any server: what our answers are compared with.

It runs as a program of its own, because importing Paddle takes over SIGTERM and warns about compilers.
"""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from paddlemodel_server.model import files

Arrays = dict[str, NDArray[np.generic]]


def predict(model: Path, inputs: Mapping[str, NDArray[np.generic]], *, onednn: bool = True) -> Arrays:
    """Run the model in `model` once; the outputs by name, in the model's order.

    oneDNN is on as by Paddle's default, but for models that fail with it. Answers are kept in the user's
    cache, by model and inputs: a process that loads Paddle costs three seconds.
    """
    from tests.models import made_once  # noqa: PLC0415 - the child process cannot import it

    located = files.locate(model)
    digest = sha256(f"{Path(__file__).read_text()}{onednn}".encode())
    for file in (located.program, located.params):
        digest.update(file.read_bytes())
    for name, array in inputs.items():
        digest.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())

    def ask(folder: Path) -> None:
        packed = io.BytesIO()
        np.savez(packed, **dict(inputs))  # type: ignore[arg-type]  # numpy's stub forgets that these are arrays
        command = [sys.executable, __file__, str(model), str(int(onednn))]
        answer = subprocess.run(command, input=packed.getvalue(), capture_output=True, check=True)
        (folder / "answer.npz").write_bytes(answer.stdout)

    return dict(np.load(made_once("bare", digest.hexdigest(), ask) / "answer.npz"))


def textline_tensor(picture: bytes) -> NDArray[np.float32]:
    """PP-OCR's preparation for the textline-orientation model: fit into 48x192, zeros to the right."""
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    width = min(192, int(np.ceil(48 * image.shape[1] / image.shape[0])))
    scaled = cv2.resize(image, (width, 48)).astype(np.float32) / np.float32(255)
    tensor = np.zeros((1, 3, 48, 192), np.float32)
    tensor[0, :, :, :width] = ((scaled - np.float32(0.5)) / np.float32(0.5)).transpose(2, 0, 1)
    return tensor


def run(
    folder: Path, inputs: Mapping[str, NDArray[np.generic]], *, onednn: bool = True, plain: bool = False
) -> Arrays:
    """As `predict`, in this process: it loads Paddle, so only a child process may call it.

    Plain: without oneDNN and without any optimisation of the program.
    """
    from paddle import inference  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415

    model = files.locate(folder)
    config = inference.Config(str(model.program), str(model.params))
    config.disable_glog_info()
    if plain or not onednn:
        config.disable_onednn()
    if plain:
        config.switch_ir_optim(False)
    predictor = inference.create_predictor(config)
    for name, array in inputs.items():
        predictor.get_input_handle(name).copy_from_cpu(array)
    predictor.run()
    names = predictor.get_output_names()
    return {name: predictor.get_output_handle(name).copy_to_cpu() for name in names}


def _main(folder: str, onednn: str) -> None:
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Paddle's oneDNN passes print to standard output
    inputs = dict(np.load(io.BytesIO(sys.stdin.buffer.read())))
    answer = run(Path(folder), inputs, onednn=onednn == "1")
    with output:
        np.savez(output, **answer)  # type: ignore[arg-type]  # numpy's stub forgets that these are arrays


if __name__ == "__main__":
    _main(*sys.argv[1:])
