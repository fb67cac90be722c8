"""Small detectors and a segmenter, trained here on drawn rectangles and ellipses, with the reference's own tails.

No package carries weights of Paddle's detectors. What decides whether a server serves them is their contract:
names, dtypes and shapes of inputs and outputs, boxes of all pictures in one output, and who divides by
scale_factor. So a net of three convolutions learns the shapes in a minute, in a child process, as only a child
may load Paddle; behind it stand the last steps of PP-YOLOE's and RT-DETR's exports. The exports are kept in the
user's cache.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__)
LABELS = ["rectangle", "ellipse"]
SIDE, STRIDE = 64, 8
COLOURS = ((220, 40, 40), (40, 60, 220))
BACKGROUND = 128


def shapes(name: str) -> Path:
    """The folder of a model.

    Args:
        name: ppyoloe (image, scale_factor; NMS inside), picodet (likewise, any size, ImageNet's mean), rtdetr
            (im_shape, image, scale_factor; a fixed number of rows), seg (argmax), seg-logits (none).
    """
    from tests.models import made_once  # noqa: PLC0415 - the child process cannot import it

    def make(folder: Path) -> None:
        command = [sys.executable, "-W", "ignore", str(HERE), str(folder)]
        environment = os.environ | {"FLAGS_enable_pir_api": "1"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=900, check=False, env=environment
        )
        if done.returncode:
            raise RuntimeError(f"the training failed: {done.stderr[-2000:]}")

    return made_once("shapes", HERE.read_text(), make) / name


def drawn(seed: int, height: int = SIDE, width: int = SIDE) -> tuple[Any, list[tuple[int, list[int]]], Any]:
    """A picture with one to three shapes that do not touch, by a seed.

    Returns:
        uint8 [height, width, 3] in the order RGB; for each shape its class and corners; uint8 [height, width]
        with 0, or class + 1.
    """
    random = np.random.default_rng(seed)
    picture = random.integers(BACKGROUND - 12, BACKGROUND + 12, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    found: list[tuple[int, list[int]]] = []
    rows, columns = np.mgrid[0:height, 0:width]
    for _ in range(int(random.integers(1, 4))):
        w, h = (int(random.integers(side // 6, side // 2)) for side in (width, height))
        x, y = int(random.integers(0, width - w)), int(random.integers(0, height - h))
        if mask[max(0, y - 3) : y + h + 3, max(0, x - 3) : x + w + 3].any():
            continue
        kind = int(random.integers(0, 2))
        inside = (rows >= y) & (rows < y + h) & (columns >= x) & (columns < x + w)
        if kind:
            across = (columns + 0.5 - x - w / 2) / (w / 2)
            inside &= across**2 + ((rows + 0.5 - y - h / 2) / (h / 2)) ** 2 <= 1
        picture[inside] = np.clip(
            np.array(COLOURS[kind]) + random.integers(-12, 12, (inside.sum(), 3)), 0, 255
        )
        mask[inside] = kind + 1
        found.append((kind, [x, y, x + w, y + h]))
    return picture, found, mask


# --- in the child process


def train(folder: Path) -> None:
    """Train one net and export all models."""
    import paddle  # noqa: PLC0415
    from paddle import nn  # noqa: PLC0415
    from paddle.nn import functional as F  # noqa: N812, PLC0415
    from paddle.static import InputSpec  # noqa: PLC0415

    paddle.seed(7)

    class Net(nn.Layer):  # type: ignore[misc]
        """Scores and distances to the four sides for each cell of 8 pixels, and classes of pixels."""

        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2D(3, 12, 4, 4), nn.ReLU(), nn.Conv2D(12, 32, 2, 2), nn.ReLU(),
                nn.Conv2D(32, 32, 5, 1, 2), nn.ReLU(), nn.Conv2D(32, 32, 5, 1, 2), nn.ReLU(),
            )  # fmt: skip
            self.head = nn.Conv2D(32, 6, 1)
            self.pixels = nn.Sequential(nn.Conv2D(3, 6, 1), nn.ReLU(), nn.Conv2D(6, 3, 1))

        def forward(self, image: Any) -> Any:
            found = self.head(self.body(image))
            return found[:, :2], F.softplus(found[:, 2:])

    net = Net()
    _learn(paddle, F, net)

    class Detector(nn.Layer):  # type: ignore[misc]
        """The net with PP-YOLOE's tail (ppdet/modeling/heads/ppyoloe_head.py post_process, layers.MultiClassNMS)."""

        def __init__(self, normalised: bool) -> None:
            super().__init__()
            self.net, self.normalised = net, normalised

        def raw(self, image: Any) -> Any:
            if self.normalised:  # the net was trained on 0..1
                mean, std = (paddle.to_tensor(n).reshape([1, 3, 1, 1]) for n in (MEAN, STD))
                image = image * std + mean
            scores, distances = self.net(image)
            height, width = paddle.shape(scores)[2], paddle.shape(scores)[3]
            y = (paddle.arange(0, height, dtype="float32") + 0.5) * STRIDE
            x = (paddle.arange(0, width, dtype="float32") + 0.5) * STRIDE
            grid_y, grid_x = paddle.meshgrid(y, x)
            at = paddle.stack([grid_x, grid_y], -1).reshape([1, -1, 2])
            sides = distances.flatten(2).transpose([0, 2, 1]) * STRIDE
            boxes = paddle.concat([at - sides[:, :, :2], at + sides[:, :, 2:]], -1)
            return boxes, F.sigmoid(scores.flatten(2))

        def forward(self, image: Any, scale_factor: Any) -> Any:
            boxes, scores = self.raw(image)
            scale_y, scale_x = paddle.split(scale_factor, 2, axis=-1)
            boxes = boxes / paddle.concat([scale_x, scale_y, scale_x, scale_y], -1).reshape([-1, 1, 4])
            found, _, counts = paddle._C_ops.multiclass_nms3(
                boxes, scores, None, 0.01, 1000, 300, 0.5, True, 1.0, -1
            )
            return found, counts

    class Queries(Detector):
        """With RT-DETR's tail (ppdet/modeling/post_process.py DETRPostProcess): a fixed number of rows, no NMS."""

        def forward(self, im_shape: Any, image: Any, scale_factor: Any) -> Any:
            boxes, scores = self.raw(image)
            flat = scores.transpose([0, 2, 1]).flatten(1)
            best, index = paddle.topk(flat, 20, axis=-1)
            labels = (index % 2).astype("float32")
            at = paddle.take_along_axis(boxes, (index // 2).unsqueeze(-1).tile([1, 1, 4]), 1)
            original = paddle.floor(im_shape / scale_factor + 0.5)
            height, width = paddle.split(original, 2, axis=-1)
            shape_h, shape_w = paddle.split(im_shape, 2, axis=-1)
            whole = paddle.concat([width, height, width, height], -1).unsqueeze(1)
            scaled = paddle.concat([shape_w, shape_h, shape_w, shape_h], -1).unsqueeze(1)
            rows = paddle.concat([labels.unsqueeze(-1), best.unsqueeze(-1), at / scaled * whole], -1)
            counts = paddle.full([paddle.shape(rows)[0]], 20, "int32")
            return rows.reshape([-1, 6]), counts

    class Segmenter(nn.Layer):  # type: ignore[misc]
        """The net with PaddleSeg's tail (paddleseg/deploy/export.py WrappedModel)."""

        def __init__(self, op: str) -> None:
            super().__init__()
            self.net, self.op = net, op

        def forward(self, x: Any) -> Any:
            logits = self.net.pixels(x * 0.5 + 0.5)  # Normalize's mean and std are 0.5
            return paddle.argmax(logits, axis=1, dtype="int32") if self.op == "argmax" else logits

    def spec(name: str, *shape: int | None) -> Any:
        return InputSpec([None, *shape], "float32", name)

    def export(layer: Any, name: str, *inputs: Any, **beside: Any) -> None:
        layer.eval()
        (folder / name).mkdir()
        paddle.jit.save(paddle.jit.to_static(layer, input_spec=list(inputs)), str(folder / name / "model"))
        for file, content in beside.items():
            (folder / name / file.replace("__", ".")).write_text(json.dumps(content, indent=1))

    scale, shape = spec("scale_factor", 2), spec("im_shape", 2)
    export(Detector(False), "ppyoloe", spec("image", 3, SIDE, SIDE), scale, infer_cfg__yml=detector())
    export(Detector(True), "picodet", spec("image", 3, None, None), scale, infer_cfg__yml=detector(fit=True))
    export(Queries(False), "rtdetr", shape, spec("image", 3, SIDE, SIDE), scale, inference__yml=detector())
    export(Segmenter("argmax"), "seg", spec("x", 3, None, None), deploy__yaml=segmenter("argmax"))
    export(Segmenter("none"), "seg-logits", spec("x", 3, None, None), inference__yml=segmenter("none"))


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def detector(*, fit: bool = False) -> dict[str, Any]:
    """The infer_cfg.yml that ppdet/engine/export_utils.py writes; JSON, which is YAML."""
    resize = {"interp": 2, "keep_ratio": fit, "target_size": [SIDE, 2 * SIDE] if fit else [SIDE, SIDE]}
    normal = (
        {"mean": MEAN, "std": STD, "is_scale": True}
        if fit
        else {"norm_type": "none", "mean": [0.0] * 3, "std": [1.0] * 3}
    )
    steps: list[dict[str, Any]] = [
        {"type": "Resize"} | resize,
        {"type": "NormalizeImage"} | normal,
        {"type": "Permute"},
    ]
    if fit:
        steps.append({"type": "PadStride", "stride": 32})
    return {
        "mode": "paddle",
        "draw_threshold": 0.5,
        "metric": "COCO",
        "use_dynamic_shape": fit,
        "arch": "GFL" if fit else "YOLO",
        "min_subgraph_size": 3,
        "Preprocess": steps,
        "label_list": LABELS,
    }


def segmenter(op: str) -> dict[str, Any]:
    """The deploy.yaml that paddleseg/core/export.py writes; JSON, which is YAML."""
    return {
        "Deploy": {
            "model": "model.json",
            "params": "model.pdiparams",
            "transforms": [{"type": "Normalize"}],
            "input_shape": [-1, 3, -1, -1],
            "output_op": op,
            "output_dtype": "int32" if op == "argmax" else "float32",
        }
    }


def _learn(paddle: Any, functional: Any, net: Any) -> None:
    pictures, scores, sides, inside, masks = _examples(384)
    steps, batch = 400, 24
    decay = paddle.optimizer.lr.CosineAnnealingDecay(0.004, steps)
    adam = paddle.optimizer.Adam(decay, parameters=net.parameters())
    for step in range(steps):
        at = np.random.default_rng(step).choice(len(pictures), batch, replace=False)
        image = paddle.to_tensor(pictures[at])
        found, distances = net(image)
        loss = 20 * functional.binary_cross_entropy_with_logits(found, paddle.to_tensor(scores[at]))
        within = paddle.to_tensor(inside[at])
        loss += 4 * ((distances - paddle.to_tensor(sides[at])).abs() * within).sum() / (within.sum() * 4 + 1)
        loss += functional.cross_entropy(net.pixels(image), paddle.to_tensor(masks[at]), axis=1)
        loss.backward()
        adam.step()
        adam.clear_grad()
        decay.step()


def _examples(count: int) -> tuple[Any, ...]:
    """Pictures, and for each cell what it should say: its shape's class where it is the middle of one."""
    cells = SIDE // STRIDE
    pictures = np.zeros((count, 3, SIDE, SIDE), np.float32)
    scores, sides = (
        np.zeros((count, 2, cells, cells), np.float32),
        np.zeros((count, 4, cells, cells), np.float32),
    )
    inside, masks = np.zeros((count, 1, cells, cells), np.float32), np.zeros((count, SIDE, SIDE), np.int64)
    for number in range(count):
        picture, found, masks[number] = drawn(number)
        pictures[number] = picture.transpose(2, 0, 1) / 255
        for kind, (x0, y0, x1, y1) in found:
            row, column = int((y0 + y1) / 2 / STRIDE), int((x0 + x1) / 2 / STRIDE)
            for r in range(max(0, row - 1), min(cells, row + 2)):
                for c in range(max(0, column - 1), min(cells, column + 2)):
                    x, y = (c + 0.5) * STRIDE, (r + 0.5) * STRIDE
                    distances = np.array([x - x0, y - y0, x1 - x, y1 - y]) / STRIDE
                    if distances.min() > 0:
                        sides[number, :, r, c], inside[number, 0, r, c] = distances, 1
            scores[number, kind, row, column] = 1
    return pictures, scores, sides, inside, masks


if __name__ == "__main__":
    train(Path(sys.argv[1]))
