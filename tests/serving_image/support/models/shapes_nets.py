"""Trains a small net on drawn shapes and exports detectors: python shapes_nets.py FOLDER."""

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
from tests.serving_image.support.models.trained_shapes import LABELS, SIDE, drawn

STRIDE = 8
CELLS = SIDE // STRIDE
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PICTURES, STEPS, BATCH = 384, 400, 24


class Net(nn.Layer):
    """Scores of two classes, and distances to four sides, for each cell of 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        sizes = ((3, 12, 4, 4, 0), (12, 32, 2, 2, 0), (32, 32, 5, 1, 2), (32, 32, 5, 1, 2))
        self.body = nn.Sequential(*(part for size in sizes for part in (nn.Conv2D(*size), nn.ReLU())))
        self.head = nn.Conv2D(32, 6, 1)

    def forward(self, image: Any) -> Any:
        found = self.head(self.body(image))
        return found[:, :2], functional.softplus(found[:, 2:])


class Detector(nn.Layer):
    """The net with PP-YOLOE's tail (ppdet/modeling/heads/ppyoloe_head.py post_process, MultiClassNMS)."""

    def __init__(self, net: Net, *, normalised: bool = False) -> None:
        super().__init__()
        self.net, self.normalised = net, normalised

    def raw(self, image: Any) -> Any:
        if self.normalised:  # the net was trained on 0..1
            mean, std = (paddle.to_tensor(numbers).reshape([1, 3, 1, 1]) for numbers in (MEAN, STD))
            image = image * std + mean
        scores, distances = self.net(image)
        height, width = paddle.shape(scores)[2], paddle.shape(scores)[3]
        y = (paddle.arange(0, height, dtype="float32") + 0.5) * STRIDE
        x = (paddle.arange(0, width, dtype="float32") + 0.5) * STRIDE
        grid_y, grid_x = paddle.meshgrid(y, x)
        at = paddle.stack([grid_x, grid_y], -1).reshape([1, -1, 2])
        sides = distances.flatten(2).transpose([0, 2, 1]) * STRIDE
        boxes = paddle.concat([at - sides[:, :, :2], at + sides[:, :, 2:]], -1)
        return boxes, functional.sigmoid(scores.flatten(2))

    def forward(self, image: Any, scale_factor: Any) -> Any:
        boxes, scores = self.raw(image)
        scale_y, scale_x = paddle.split(scale_factor, 2, axis=-1)
        boxes = boxes / paddle.concat([scale_x, scale_y, scale_x, scale_y], -1).reshape([-1, 1, 4])
        # As ppdet/modeling/ops.py calls it: score 0.01, best 1000, kept 300, IoU 0.5.
        nms: Any = paddle._C_ops.multiclass_nms3
        found, _, counts = nms(boxes, scores, None, 0.01, 1000, 300, 0.5, True, 1.0, -1)
        return found, counts


class Queries(nn.Layer):
    """The net with RT-DETR's tail (ppdet/modeling/post_process.py DETRPostProcess): 20 rows, and no NMS."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.inner = Detector(net)

    def forward(self, im_shape: Any, image: Any, scale_factor: Any) -> Any:
        boxes, scores = self.inner.raw(image)
        best, index = paddle.topk(scores.transpose([0, 2, 1]).flatten(1), 20, axis=-1)
        labels = (index % 2).astype("float32")
        at = paddle.take_along_axis(boxes, (index // 2).unsqueeze(-1).tile([1, 1, 4]), 1)
        height, width = paddle.split(paddle.floor(im_shape / scale_factor + 0.5), 2, axis=-1)
        shape_h, shape_w = paddle.split(im_shape, 2, axis=-1)
        whole = paddle.concat([width, height, width, height], -1).unsqueeze(1)
        scaled = paddle.concat([shape_w, shape_h, shape_w, shape_h], -1).unsqueeze(1)
        rows = paddle.concat([labels.unsqueeze(-1), best.unsqueeze(-1), at / scaled * whole], -1)
        return rows.reshape([-1, 6]), paddle.full([paddle.shape(rows)[0]], 20, "int32")


def learn(net: Net) -> None:
    """Binary cross entropy for the middle cells of shapes, and the distances from the cells around them."""
    pictures, scores, sides, inside = examples()
    decay = paddle.optimizer.lr.CosineAnnealingDecay(0.004, STEPS)
    adam = paddle.optimizer.Adam(decay, parameters=net.parameters())
    for step in range(STEPS):
        at = np.random.default_rng(step).choice(PICTURES, BATCH, replace=False)
        found, distances = net(paddle.to_tensor(pictures[at]))
        loss = 20 * functional.binary_cross_entropy_with_logits(found, paddle.to_tensor(scores[at]))
        within = paddle.to_tensor(inside[at])
        missed = (distances - paddle.to_tensor(sides[at])).abs() * within
        loss += 4 * missed.sum() / (within.sum() * 4 + 1)
        loss.backward()
        adam.step()
        adam.clear_grad()
        decay.step()


def examples() -> tuple[Any, ...]:
    """Pictures, and for each cell what it should say."""
    pictures = np.zeros((PICTURES, 3, SIDE, SIDE), np.float32)
    scores = np.zeros((PICTURES, 2, CELLS, CELLS), np.float32)
    sides = np.zeros((PICTURES, 4, CELLS, CELLS), np.float32)
    inside = np.zeros((PICTURES, 1, CELLS, CELLS), np.float32)
    for number in range(PICTURES):
        picture, found = drawn(number)
        pictures[number] = picture.transpose(2, 0, 1) / 255
        for kind, corners in found:
            x0, y0, x1, y1 = corners
            row, column = int((y0 + y1) / 2 / STRIDE), int((x0 + x1) / 2 / STRIDE)
            scores[number, kind, row, column] = 1
            for r in range(max(0, row - 1), min(CELLS, row + 2)):
                for c in range(max(0, column - 1), min(CELLS, column + 2)):
                    x, y = (c + 0.5) * STRIDE, (r + 0.5) * STRIDE
                    distances = np.array([x - x0, y - y0, x1 - x, y1 - y]) / STRIDE
                    if distances.min() > 0:
                        sides[number, :, r, c], inside[number, 0, r, c] = distances, 1
    return pictures, scores, sides, inside


def described(*, fit: bool = False) -> dict[str, Any]:
    """The infer_cfg.yml that ppdet/engine/export_utils.py writes; JSON, which is YAML."""
    target = [SIDE, 2 * SIDE] if fit else [SIDE, SIDE]
    plain = {"norm_type": "none", "mean": [0.0] * 3, "std": [1.0] * 3}
    steps: list[dict[str, Any]] = [
        {"type": "Resize", "interp": 2, "keep_ratio": fit, "target_size": target},
        {"type": "NormalizeImage", **({"mean": MEAN, "std": STD, "is_scale": True} if fit else plain)},
        {"type": "Permute"},
    ]
    return {
        "mode": "paddle",
        "draw_threshold": 0.5,
        "metric": "COCO",
        "use_dynamic_shape": fit,
        "arch": "GFL" if fit else "YOLO",
        "min_subgraph_size": 3,
        "Preprocess": [*steps, {"type": "PadStride", "stride": 32}] if fit else steps,
        "label_list": LABELS,
    }


def export(folder: Path, layer: nn.Layer, file: str, content: Any, **inputs: Any) -> None:
    """One model with the file that the toolkit writes beside it."""
    layer.eval()
    folder.mkdir()
    spec = [InputSpec([None, *shape], "float32", name) for name, shape in inputs.items()]
    paddle.jit.save(paddle.jit.to_static(layer, input_spec=spec), str(folder / "model"))
    (folder / file).write_text(json.dumps(content, indent=1))


def main(folder: Path) -> None:
    """Train one net, and export it with each tail."""
    paddle.seed(7)
    net = Net()
    learn(net)
    fixed = (3, SIDE, SIDE)
    export(folder / "ppyoloe", Detector(net), "infer_cfg.yml", described(), image=fixed, scale_factor=(2,))
    export(
        folder / "picodet",
        Detector(net, normalised=True),
        "infer_cfg.yml",
        described(fit=True),
        image=(3, None, None),
        scale_factor=(2,),
    )
    export(
        folder / "rtdetr",
        Queries(net),
        "inference.yml",
        described(),
        im_shape=(2,),
        image=fixed,
        scale_factor=(2,),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
