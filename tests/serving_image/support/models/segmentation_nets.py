"""Trains a small net on drawn shapes and exports it as PaddleSeg does: python segmentation_nets.py FOLDER."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional
from paddle.static import InputSpec

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.serving_image.support.models.trained_masks import MEAN, SIDE, STD, masked, transforms

PICTURES, STEPS, BATCH = 96, 120, 12


class Net(nn.Layer):
    """Scores of three classes for each pixel; half the size inside, and back by bilinear interpolation."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2D(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2D(12, 16, 5, 1, 2), nn.ReLU(), nn.Conv2D(16, 3, 1)
        )

    def forward(self, x: Any) -> Any:
        return [functional.interpolate(self.body(x), paddle.shape(x)[2:], mode="bilinear")]


class WrappedModel(nn.Layer):
    """The last step of an export, as WrappedModel of paddleseg/deploy/export.py has it."""

    def __init__(self, model: nn.Layer, output_op: str) -> None:
        super().__init__()
        self.model, self.output_op = model, output_op

    def forward(self, x: Any) -> Any:
        outs = self.model(x)
        if self.output_op == "argmax":
            return [paddle.argmax(out, axis=1, dtype="int32") for out in outs]
        return [functional.softmax(out, axis=1) for out in outs]


def learn(net: Net) -> None:
    """Cross entropy for each pixel, of pictures that PaddleSeg's Normalize has prepared."""
    drawn = [masked(seed) for seed in range(PICTURES)]
    pictures = np.stack([((p / 255 - MEAN) / STD).transpose(2, 0, 1) for p, _ in drawn]).astype(np.float32)
    truth = np.stack([mask for _, mask in drawn]).astype(np.int64)
    adam = paddle.optimizer.Adam(0.01, parameters=net.parameters())
    for step in range(STEPS):
        at = np.random.default_rng(step).choice(PICTURES, BATCH, replace=False)
        (scores,) = net(paddle.to_tensor(pictures[at]))
        loss = functional.cross_entropy(scores, paddle.to_tensor(truth[at]), axis=1)
        loss.backward()
        adam.step()
        adam.clear_grad()


def export(folder: Path, net: Net, output_op: str, file: str, sides: tuple[int | None, int | None]) -> None:
    """One model, and what paddleseg/core/export.py writes beside it; JSON, which is YAML."""
    layer = net if output_op == "none" else WrappedModel(net, output_op)
    layer.eval()
    folder.mkdir()
    spec = InputSpec([None, 3, *sides], "float32")
    name = "inference" if file == "inference.yml" else "model"
    paddle.jit.save(paddle.jit.to_static(layer, input_spec=[spec]), str(folder / name))
    deploy: dict[str, Any] = {
        "model": f"{name}.pdmodel",
        "params": f"{name}.pdiparams",
        "transforms": transforms(folder.name),
        "input_shape": [None, 3, *sides],
        "output_op": output_op,
        "output_dtype": "int32" if output_op == "argmax" else "float32",
    }
    more = {"Global": {"model_name": "PP-LiteSeg-T"}} if file == "inference.yml" else {}
    (folder / file).write_text(json.dumps({"Deploy": deploy, **more}, indent=1))


def main(folder: Path) -> None:
    """Train one net, and export it with each way to end."""
    paddle.seed(7)
    net = Net()
    learn(net)
    export(folder / "argmax", net, "argmax", "deploy.yaml", (None, None))
    export(folder / "softmax", net, "softmax", "deploy.yaml", (SIDE, SIDE))
    export(folder / "logits", net, "none", "inference.yml", (None, None))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
