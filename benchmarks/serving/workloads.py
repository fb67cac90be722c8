"""What is asked of the contenders: two models, the bodies that go to each of them, and the right answers."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.load import Target

_MLP = """
import sys, paddle
from paddle.nn import Linear, ReLU, Sequential
paddle.seed(7)
model = Sequential(Linear(16, 64), ReLU(), Linear(64, 64), ReLU(), Linear(64, 4))
model.eval()
spec = paddle.static.InputSpec([None, 16], "float32", name="x")
paddle.jit.save(model, sys.argv[1], input_spec=[spec])
"""
_CONVNET = """
import sys, paddle
from paddle.vision.models import mobilenet_v2
paddle.seed(7)
model = mobilenet_v2()
model.eval()
spec = paddle.static.InputSpec([None, 3, 224, 224], "float32", name="x")
paddle.jit.save(model, sys.argv[1], input_spec=[spec])
"""
_IMAGE_TASK = {
    "imageClassification": {
        "resize": "Stretch",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "activation": "None",
        "topK": 1,
    }
}
OCTETS = "application/octet-stream"
TITLES = {
    "mlp": "small MLP (16-64-64-4, random weights)",
    "convnet": "mobilenet_v2 (random weights, 3x224x224, 602 kB as float32)",
}


@dataclass(frozen=True, kw_only=True)
class RequestSpec:
    """One form of a request, as one contender takes it."""

    path: str
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    read: str = ""  # how the answer is read: octets, v1, v2, v2-binary, naive or class

    def at(self, port: int) -> Target:
        return Target(
            port=port, path=self.path, content_type=self.content_type, body=self.body, headers=self.headers
        )


@dataclass(frozen=True)
class Answer:
    """What every contender's answer has in common: the numbers of the first output, or the best class."""

    numbers: NDArray[np.float32]
    class_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model, and what is sent to each contender that takes part, by body form and contender."""

    name: str
    model: Path
    asks: dict[str, dict[str, RequestSpec]]  # form -> contender -> request
    concurrencies: dict[str, tuple[int, ...]]  # form -> open connections
    tensor: NDArray[np.float32]  # what every body says
    batch: int  # rows of a run, where a contender must be told
    workers: int  # processes with a predictor, where a contender must be told
    tasks: dict[str, str] = field(default_factory=dict)  # form -> task of our server, where it is not Tensors


def mlp(folder: Path) -> Workload:
    tensor = np.linspace(-1, 1, 16, dtype=np.float32)[None]
    v2 = _v2(tensor)
    return Workload(
        name="mlp",
        model=_exported(folder / "mlp", _MLP, pir=True),
        asks={
            "raw": {"ours": _octets(tensor), "mosec": _mosec(tensor)},
            "V2 JSON": {
                "ours": v2,
                "KServe": v2,
                "naive": RequestSpec(
                    path="/tensor",
                    body=json.dumps({"data": tensor.tolist()}).encode(),
                    content_type="application/json",
                    read="naive",
                ),
            },
        },
        concurrencies={"raw": (1, 32, 64, 256), "V2 JSON": (1, 32)},
        tensor=tensor,
        batch=32,
        workers=1,
    )


def convnet(folder: Path) -> Workload:
    shape = 1, 3, 224, 224
    tensor = np.random.default_rng(7).normal(size=shape).astype(np.float32)
    picture = _picture()
    binary = _v2_binary(tensor)
    v1 = RequestSpec(
        path="/v1/models/bench:predict",
        body=json.dumps({"instances": tensor.tolist()}).encode(),
        content_type="application/json",
        read="v1",
    )
    return Workload(
        name="convnet",
        model=_exported(folder / "convnet", _CONVNET, pir=False),
        asks={
            "raw": {
                "ours": _octets(tensor),
                "mosec": _mosec(tensor),
                "naive": RequestSpec(path="/raw", body=tensor.tobytes(), content_type=OCTETS, read="octets"),
            },
            "V2 binary": {"ours": binary, "KServe": binary},
            "V1 JSON": {"ours": v1, "KServe": v1},
            "JPEG": {
                "ours": RequestSpec(path="/predict", body=picture, content_type="image/jpeg", read="class"),
                "naive": RequestSpec(path="/image", body=picture, content_type="image/jpeg", read="class"),
            },
        },
        concurrencies={"raw": (1, 32), "V2 binary": (1, 32), "V1 JSON": (1, 32), "JPEG": (1, 32)},
        tensor=tensor,
        batch=8,
        workers=2,
        tasks={"JPEG": json.dumps(_IMAGE_TASK)},
    )


def _exported(folder: Path, program: str, *, pir: bool) -> Path:
    environment = os.environ | {"FLAGS_enable_pir_api": str(int(pir)), "GLOG_minloglevel": "2"}
    command = [sys.executable, "-W", "ignore", "-c", program, str(folder / "inference")]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return folder


def _octets(tensor: NDArray[np.float32]) -> RequestSpec:
    return RequestSpec(
        path="/predict",
        body=tensor.tobytes(),
        content_type=OCTETS,
        headers={"Accept": OCTETS},
        read="octets",
    )


def _mosec(tensor: NDArray[np.float32]) -> RequestSpec:
    return RequestSpec(path="/inference", body=tensor.tobytes(), content_type=OCTETS, read="octets")


def _v2(tensor: NDArray[np.float32]) -> RequestSpec:
    entry = {
        "name": "x",
        "shape": list(tensor.shape),
        "datatype": "FP32",
        "data": tensor.reshape(-1).tolist(),
    }
    return RequestSpec(
        path="/v2/models/bench/infer",
        body=json.dumps({"inputs": [entry]}).encode(),
        content_type="application/json",
        read="v2",
    )


def _v2_binary(tensor: NDArray[np.float32]) -> RequestSpec:
    """The Open Inference Protocol's binary extension: JSON, then the tensor's bytes."""
    entry = {"name": "x", "shape": list(tensor.shape), "datatype": "FP32"}
    head = json.dumps(
        {
            "inputs": [entry | {"parameters": {"binary_data_size": tensor.nbytes}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    return RequestSpec(
        path="/v2/models/bench/infer",
        body=head + tensor.tobytes(),
        content_type=OCTETS,
        headers={"Inference-Header-Content-Length": str(len(head))},
        read="v2-binary",
    )


def _picture() -> bytes:
    """A JPEG of 640 x 480, about 30 kB."""
    noise = np.random.default_rng(7).integers(0, 255, (15, 20, 3), np.uint8)
    picture = cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC)
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    return encoded.tobytes()


def answer(target: Target, read: str) -> Answer:
    """Ask once."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{target.port}{target.path}", target.body, target.headers, method="POST"
    )
    request.add_header("Content-Type", target.content_type)
    with urllib.request.urlopen(request, timeout=60) as reply:
        body, headers = reply.read(), reply.headers
    if read == "octets":
        return Answer(np.frombuffer(body, np.float32))
    if read == "v2-binary" and (length := headers.get("Inference-Header-Content-Length")):
        return Answer(np.frombuffer(body[int(length) :], np.float32))
    found: dict[str, Any] = json.loads(body)
    if read == "class":
        return Answer(np.array([found["score"]], np.float32), found["class_id"])
    kinds = {"naive": "prediction", "v1": "predictions"}
    data = found[kinds[read]] if read in kinds else found["outputs"][0]["data"]
    return Answer(np.ravel(np.array(data, np.float32)))


MODELS: dict[str, Callable[[Path], Workload]] = {"mlp": mlp, "convnet": convnet}


def chosen(only: str | None) -> Iterator[tuple[Workload, Path]]:
    """Each of the models, or one of them, made in a folder that lasts until the next one."""
    for name, make in MODELS.items():
        if only in {None, name}:
            with tempfile.TemporaryDirectory(prefix="pdm-bench-") as folder:
                yield make(Path(folder)), Path(folder)


def check_same_answer(answers: dict[str, Answer]) -> None:
    """A wrong answer is not a fast answer."""
    (first, expected), *others = answers.items()
    for name, found in others:
        same = found.class_id == expected.class_id and found.numbers.shape == expected.numbers.shape
        if not same or not np.allclose(found.numbers, expected.numbers, atol=2e-3, rtol=2e-3):
            raise RuntimeError(f"{first} and {name} disagree: {expected} and {found}")
