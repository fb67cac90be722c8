"""infer_cfg.yml of PaddleDetection becomes the task, for each family of detectors."""

import json
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.auto.found import Beside

RESIZE: dict[str, Any] = {"type": "Resize", "interp": 2, "keep_ratio": False, "target_size": [640, 480]}
FIT = RESIZE | {"keep_ratio": True}
NONE = {"type": "NormalizeImage", "norm_type": "none", "mean": [0.0] * 3, "std": [1.0] * 3}
NORMAL = {"type": "NormalizeImage", "mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3], "is_scale": True}
PERMUTE = {"type": "Permute"}
STRIDE = {"type": "PadStride", "stride": 32}
PAD = {"type": "Pad", "size": [640, 480], "fill_value": [114, 114, 114]}


def settled(folder: Path, *steps: dict[str, Any], task: str = '{"auto":{}}', **more: Any) -> registry.Chosen:
    tree = {"mode": "paddle", "draw_threshold": 0.4, "metric": "COCO", "arch": "YOLO", "Preprocess": steps}
    tree |= {"min_subgraph_size": 3, "use_dynamic_shape": False, "label_list": ["cat", "dog"]} | more
    (folder / "infer_cfg.yml").write_text(json.dumps(tree))
    model = Model(format="PIR", inputs=(), outputs=())
    return registry.settled(registry.read(task), Beside(folder=folder, model=model))


def test_pp_yoloe_stretches_and_only_divides(tmp_path: Path) -> None:
    chosen = settled(tmp_path, RESIZE, NONE, PERMUTE)
    assert (chosen.name, chosen.source) == ("objectDetection", "infer_cfg.yml")
    spec = chosen.spec
    assert (spec.resize, spec.height, spec.width, spec.interpolation) == ("Stretch", 640, 480, "Cubic")
    assert (spec.mean, spec.std, spec.score_threshold) == ([0, 0, 0], [1, 1, 1], 0.4)
    assert spec.labels == ["cat", "dog"]
    assert chosen.origins["height"] == "infer_cfg.yml: Preprocess.0.Resize.target_size"


def test_faster_rcnn_fits_and_pads_to_a_stride(tmp_path: Path) -> None:
    spec = settled(tmp_path, FIT, NORMAL, PERMUTE, STRIDE).spec
    assert (spec.resize, spec.stride, spec.mean, spec.std) == (
        "Fit",
        32,
        [0.4, 0.5, 0.6],
        [0.1, 0.2, 0.3],
    )


def test_yolox_pads_to_a_size_and_does_not_divide(tmp_path: Path) -> None:
    spec = settled(tmp_path, FIT, PAD, PERMUTE).spec
    assert (spec.resize, spec.pad_value, spec.mean) == ("Pad", [114, 114, 114], [0, 0, 0])
    assert spec.std == pytest.approx([1 / 255] * 3)
    plain = settled(tmp_path, RESIZE, NORMAL | {"is_scale": False}, PERMUTE).spec
    assert plain.mean == pytest.approx([0.4 / 255, 0.5 / 255, 0.6 / 255])


def test_fields_of_the_spec_win(tmp_path: Path) -> None:
    chosen = settled(tmp_path, FIT, NORMAL, STRIDE, task='{"objectDetection":{"resize":"Stretch"}}')
    assert (chosen.spec.resize, chosen.spec.stride, chosen.spec.height) == ("Stretch", None, 640)


@pytest.mark.parametrize(
    ("steps", "more", "words"),
    [
        ((RESIZE, {"type": "WarpAffine"}), {}, "Preprocess.1 names the operation 'WarpAffine'"),
        ((NORMAL,), {}, "Preprocess gives pictures no size, by Resize"),
        ((RESIZE | {"interp": 9},), {}, "interp is '9' and no number of OpenCV's interpolations"),
        ((RESIZE | {"random": 1},), {}, "Resize.random is no parameter"),
        ((RESIZE, NORMAL | {"norm_type": "odd"}), {}, "norm_type is 'odd'"),
        ((RESIZE, NORMAL | {"std": [1, 0, 1]}), {}, "std is not above zero"),
        ((RESIZE, STRIDE | {"stride": 100}), {}, "stride does not divide the sides"),
        ((RESIZE, PAD), {}, "Pad fills up pictures that were not fitted"),
        ((FIT, NORMAL, PAD), {}, "fills pictures up behind NormalizeImage"),
        ((FIT, PAD, STRIDE), {}, "fills up pictures that were stretched, or does it twice"),
        ((RESIZE,), {"mask": True}, "mask asks for more than boxes"),
        ((RESIZE,), {"tracker": {}}, "tracker is no parameter that can be served"),
        ((RESIZE,), {"layout_nms": True}, "layout_nms is no parameter that can be served"),
        ((RESIZE,), {"draw_threshold": 7}, "draw_threshold is no share of one"),
        ((RESIZE, {"type": "Permute", "to_bgr": True}), {}, "to_bgr turns colours round"),
    ],
)
def test_what_cannot_be_served_is_named(
    steps: tuple[Any, ...], more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(StartError) as refusal:
        settled(tmp_path, *steps, **more)
    assert words in refusal.value.message
    assert refusal.value.reason == "ConfigurationNotUnderstood"
