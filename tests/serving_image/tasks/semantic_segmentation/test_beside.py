"""deploy.yaml of PaddleSeg, and PaddleX's inference.yml of such nets, become the task."""

import json
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.auto.found import Beside

NORMAL: dict[str, Any] = {"type": "Normalize", "mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3]}
WIDE: dict[str, Any] = {"type": "Resize", "target_size": [2048, 1000]}
LONG: dict[str, Any] = {"type": "ResizeByLong", "long_size": 64}
PLACE = "deploy.yaml: Deploy.transforms"


def settled(folder: Path, *steps: Any, task: str = '{"auto":{}}', **more: Any) -> registry.Chosen:
    deploy = {"model": "model.pdmodel", "params": "model.pdiparams", "transforms": list(steps) or None}
    deploy |= {"input_shape": [None, 3, None, None], "output_op": "argmax", "output_dtype": "int32"} | more
    (folder / "deploy.yaml").write_text(json.dumps({"Deploy": deploy}))
    return chosen(folder, task)


def chosen(folder: Path, task: str = '{"auto":{}}') -> registry.Chosen:
    model = Model(format="PIR", inputs=(), outputs=())
    return registry.settled(registry.read(task), Beside(folder=folder, model=model))


def sizes(found: registry.Chosen) -> tuple[Any, ...]:
    spec = found.spec
    return spec.resize, spec.height, spec.width, spec.size_divisor


def test_normalize_alone_leaves_pictures_their_size(tmp_path: Path) -> None:
    found = settled(tmp_path, NORMAL)
    assert (found.name, found.source, sizes(found)) == (
        "semanticSegmentation",
        "deploy.yaml",
        (None, None, None, None),
    )
    assert (found.spec.mean, found.spec.std) == ([0.4, 0.5, 0.6], [0.1, 0.2, 0.3])
    assert found.origins == {"mean": f"{PLACE}.0.Normalize.mean", "std": f"{PLACE}.0.Normalize.std"}


def test_normalize_has_the_reference_s_defaults_and_one_number_for_all(tmp_path: Path) -> None:
    spec = settled(tmp_path, {"type": "Normalize", "std": [0.25]}).spec
    assert (spec.mean, spec.std) == ([0.5] * 3, [0.25] * 3)
    spec = settled(tmp_path).spec  # no operation at all: values from 0 to 255
    assert (spec.mean, spec.std) == ([0.0] * 3, pytest.approx([1 / 255] * 3))


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ((WIDE,), ("Stretch", 1000, 2048, None)),
        (({"type": "Resize"},), ("Stretch", 512, 512, None)),
        ((WIDE | {"size_divisor": 32},), ("Stretch", 1024, 2048, None)),
        ((WIDE | {"keep_ratio": True, "size_divisor": 32},), ("Fit", 1000, 2048, 32)),
        (({"type": "ResizeByLong", "long_size": 1280},), ("Fit", 1280, 1280, None)),
        (({"type": "ResizeByShort", "short_size": 512, "max_size": 2048},), ("Fit", 512, 2048, None)),
        (({"type": "ResizeByShort", "short_size": 512, "max_size": 1e10},), ("Fit", 512, 8192, None)),
        ((LONG, {"type": "Padding", "target_size": [64, 64]}), ("Pad", 64, 64, None)),
        (({"type": "LimitLong", "max_long": 2048},), ("Keep", None, None, None)),
    ],
)
def test_operations_become_a_size(steps: tuple[Any, ...], wanted: tuple[Any, ...], tmp_path: Path) -> None:
    assert sizes(settled(tmp_path, *steps, NORMAL)) == wanted


def test_padding_alone_enlarges_nothing(tmp_path: Path) -> None:
    """As the configurations for Pascal VOC have it, whose pictures are smaller."""
    spec = settled(
        tmp_path, {"type": "Padding", "target_size": [520, 400], "im_padding_value": 114}, NORMAL
    ).spec
    assert (spec.resize, spec.height, spec.width, spec.enlarge, spec.pad_value) == (
        *("Pad", 400, 520, False),
        [114] * 3,
    )
    spec = settled(tmp_path, {"type": "LimitLong", "max_long": 800}).spec
    assert spec.max_side == 800


def test_fields_of_the_spec_win_and_put_a_whole_size_aside(tmp_path: Path) -> None:
    task = '{"semanticSegmentation":{"resize":"Keep","labels":["a","b"]}}'
    found = settled(tmp_path, WIDE | {"interp": "CUBIC"}, NORMAL, task=task)
    assert sizes(found) == ("Keep", None, None, None)
    assert (found.spec.interpolation, found.spec.labels) == ("Cubic", ["a", "b"])
    assert found.origins["interpolation"] == f"{PLACE}.0.Resize.interp"


@pytest.mark.parametrize(
    ("steps", "more", "words"),
    [
        (({"type": "ScalePadding"},), {}, "Deploy.transforms.0 names the operation 'ScalePadding'"),
        ((WIDE | {"interp": "RANDOM"},), {}, "Resize.interp is 'RANDOM'"),
        ((WIDE | {"antialias": True},), {}, "Resize.antialias is no parameter that can be served"),
        ((WIDE, WIDE), {}, "Deploy.transforms.1.Resize gives pictures a size for the second time"),
        ((NORMAL, WIDE), {}, "Resize gives pictures a size behind Normalize"),
        ((NORMAL, {"type": "Padding", "target_size": [9, 9]}), {}, "fills pictures up behind Normalize"),
        ((WIDE, {"type": "Padding", "target_size": [2048, 1000]}), {}, "that were not fitted into the same"),
        (({"type": "Padding", "target_size": [9, 9], "im_padding_value": -1},), {}, "no value of a pixel"),
        (({"type": "LimitLong", "min_long": 9},), {}, "min_long enlarges pictures up to a side"),
        (({"type": "ResizeByShort", "short_size": [5, 6]},), {}, "short_size is '[5, 6]' and no number of"),
        (({"type": "ResizeByShort", "short_size": 9, "max_size": 8},), {}, "no number of pixels above"),
        ((NORMAL | {"std": [1, 0, 1]},), {}, "std is not above zero"),
        ((NORMAL,), {"mask": True}, "Deploy.mask is no parameter that can be served"),
    ],
)
def test_what_cannot_be_served_is_named(
    steps: tuple[Any, ...], more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(StartError) as refusal:
        settled(tmp_path, *steps, **more)
    assert words in refusal.value.message
    assert refusal.value.reason == "ConfigurationNotUnderstood"


def test_what_is_no_segmentation_is_left_to_tensors(tmp_path: Path) -> None:
    """Matting has Deploy without an output_op; PaddleX' anomaly detection answers no classes."""
    (tmp_path / "inference.yml").write_text(json.dumps({"Deploy": {"transforms": [NORMAL]}}))
    assert chosen(tmp_path).name == "tensors"
    tree = {"Deploy": {"transforms": [NORMAL], "output_op": "none"}, "Global": {"model_name": "STFPM"}}
    (tmp_path / "inference.yml").write_text(json.dumps(tree))
    assert (chosen(tmp_path).name, "a task that this server has not" in chosen(tmp_path).note) == (
        "tensors",
        True,
    )
