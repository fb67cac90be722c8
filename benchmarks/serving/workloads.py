"""What is asked of the contenders: two models, the bodies that go to each of them, and the right answers."""

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving.load import Target
from tests import models

_MLP = """
import sys, paddle
from paddle.nn import Linear, ReLU, Sequential
paddle.seed(7)
model = Sequential(Linear(16, 64), ReLU(), Linear(64, 64), ReLU(), Linear(64, 4))
model.eval()
spec = paddle.static.InputSpec([None, 16], "float32", name="x")
paddle.jit.save(model, sys.argv[1], input_spec=[spec])
"""
_TEXTLINE_TASK = {
    "type": "ImageClassification",
    "labels": ["0", "180"],
    "resize": "Pad",
    "channelOrder": "BGR",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "width": 192,
    "height": 48,
}


@dataclass(frozen=True, kw_only=True)
class Workload:
    name: str
    kind: str  # tensor | image
    model: Path
    task: str
    our_body: bytes
    naive_body: bytes

    @property
    def content_type(self) -> str:
        return "application/json" if self.kind == "tensor" else "image/jpeg"

    def for_ours(self, port: int) -> Target:
        path = "/v2/models/bench/infer" if self.kind == "tensor" else "/predict"
        return Target(port=port, path=path, content_type=self.content_type, body=self.our_body)

    def for_naive(self, port: int) -> Target:
        return Target(port=port, path=f"/{self.kind}", content_type=self.content_type, body=self.naive_body)


def mlp(folder: Path) -> Workload:
    exported = folder / "mlp" / "inference"
    subprocess.run([sys.executable, "-W", "ignore", "-c", _MLP, exported], check=True, capture_output=True)
    data = np.linspace(-1, 1, 16, dtype=np.float32).tolist()
    tensor = {"name": "x", "shape": [1, 16], "datatype": "FP32", "data": data}
    return Workload(
        name="small MLP (16-64-64-4, random weights), JSON",
        kind="tensor",
        model=exported.parent,
        task='{"type":"Tensors"}',
        our_body=json.dumps({"inputs": [tensor]}).encode(),
        naive_body=json.dumps({"data": [data]}).encode(),
    )


def textline() -> Workload:
    picture = models.text_line(picture_format="JPEG")
    return Workload(
        name=f"text line orientation (trained, 3x48x192), JPEG of {len(picture) / 1000:.1f} kB",
        kind="image",
        model=models.trained_model("textline-orientation"),
        task=json.dumps(_TEXTLINE_TASK),
        our_body=picture,
        naive_body=picture,
    )


def check_same_answer(our: Target, naive: Target) -> None:
    """A wrong answer is not a fast answer."""
    mine, theirs = _ask(our), _ask(naive)
    if "outputs" in mine:
        same = np.allclose(np.ravel(mine["outputs"][0]["data"]), np.ravel(theirs["prediction"]), atol=1e-4)
    else:
        same = mine["class_id"] == theirs["class_id"] and abs(mine["score"] - theirs["score"]) < 1e-3
    if not same:
        raise RuntimeError(f"the contenders disagree: {mine} and {theirs}")


def _ask(target: Target) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{target.port}{target.path}", target.body, method="POST"
    )
    request.add_header("Content-Type", target.content_type)
    with urllib.request.urlopen(request, timeout=30) as answer:
        body = json.load(answer)
    assert isinstance(body, dict)
    return body
