"""inference.yml of a classifier becomes the task: PaddleClas' operations, as PaddleX reads them."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.auto.found import Beside
from paddlemodel_server.tasks.image_classification import beside, pixels
from paddlemodel_server.tasks.image_classification.plan import plan
from PIL import Image

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
RESIZE: dict[str, Any] = {"resize_short": 40}
CROP = {"CropImage": {"size": 32}}
NORMALIZE = {"channel_num": 3, "mean": MEAN, "order": "", "scale": 0.00392156862745098, "std": STD}


def config(resize: Any = RESIZE, *more: Any, post: Any = None, normalize: Any = NORMALIZE) -> dict[str, Any]:
    """As PaddleX ships it beside PP-LCNet and others."""
    operations = [{"ResizeImage": resize}, *more, {"NormalizeImage": normalize}, {"ToCHWImage": None}]
    return {
        "Global": {"model_name": "PP-LCNet_x1_0"},
        "PreProcess": {"transform_ops": operations},
        "PostProcess": post or {"Topk": {"topk": 3, "label_list": ["cat", "dog", "猫"]}},
        "Hpi": {"backend_configs": {"paddle_infer": {"trt_dynamic_shapes": {}}}},
    }


def model(side: int = -1, classes: int = 3) -> Model:
    return Model(
        format="PIR",
        inputs=(Tensor(name="x", dtype="float32", shape=(-1, 3, side, side)),),
        outputs=(Tensor(name="y", dtype="float32", shape=(-1, classes)),),
    )


def settled(tree: Any, folder: Path, task: str = '{"auto":{}}') -> registry.Chosen:
    (folder / "inference.yml").write_text(yaml.dump(tree, allow_unicode=True), encoding="utf-8")
    return registry.settled(registry.read(task), Beside(folder=folder, model=model()))


def test_a_classifier_configures_itself(tmp_path: Path) -> None:
    chosen = settled(config(RESIZE, CROP), tmp_path)
    assert (chosen.name, chosen.source, chosen.note) == ("imageClassification", "inference.yml", "")
    fields = vars(chosen.spec)
    assert {name: fields[name] for name in chosen.origins} == {
        "resize": "Crop",
        "resize_short": 40,
        "antialias": False,
        "width": 32,
        "height": 32,
        "mean": MEAN,
        "std": STD,
        "top_k": 3,
        "labels": ["cat", "dog", "猫"],
    }
    assert chosen.origins["top_k"] == "inference.yml: PostProcess.Topk.topk"
    assert chosen.origins["width"] == "inference.yml: PreProcess.transform_ops.1.CropImage"
    registry.fit(chosen, Place(model=model(32), folder=tmp_path))


def test_fields_of_the_spec_win_and_put_aside_what_belongs_to_them(tmp_path: Path) -> None:
    task = '{"imageClassification":{"resize":"Stretch","labelsFile":"names.txt","threshold":0.25}}'
    chosen = settled(config(RESIZE, CROP), tmp_path, task)
    spec = chosen.spec
    assert (spec.resize, spec.resize_short, spec.labels, spec.labels_file) == (
        "Stretch",
        None,
        None,
        "names.txt",
    )
    assert (spec.threshold, spec.width) == (0.25, 32)
    assert chosen.origins["resize"] == chosen.origins["labels_file"] == chosen.origins["threshold"] == "spec"
    assert "top_k" not in chosen.origins
    assert chosen.source == ""  # the spec told the task


def test_a_named_task_does_without_a_file_that_is_not_understood(tmp_path: Path) -> None:
    tree = config(RESIZE, {"RandFlipImage": {"flip_code": 1}})
    chosen = settled(tree, tmp_path, '{"imageClassification":{"topK":1}}')
    assert set(chosen.origins) == {"top_k"}
    assert "names the operation 'RandFlipImage'" in chosen.note
    with pytest.raises(StartError, match=r"transform_ops\.1 names the operation 'RandFlipImage', which this"):
        settled(tree, tmp_path)


@pytest.mark.parametrize(("said", "order"), [(True, "RGB"), (False, "BGR")])
def test_the_order_of_the_channels_is_read(said: bool, order: str, tmp_path: Path) -> None:
    """PaddleClas' DecodeImage; it was left out, and blue was served as red."""
    decode = {"DecodeImage": {"to_np": True, "to_rgb": said, "channel_first": False}}
    chosen = settled(config(RESIZE, CROP, decode), tmp_path)
    assert chosen.spec.channel_order == order
    assert chosen.origins["channel_order"].endswith("DecodeImage.to_rgb")


def test_names_without_quotes_are_as_they_are_written(tmp_path: Path) -> None:
    """Norway is no False, and part 007 is not part 7."""
    names = ["no", "007", "1:30", "null", "~", "2024-01-01", "1e3", "1.50", "Yes"]
    plain = config(RESIZE, CROP, post={"Topk": {"topk": 3, "label_list": ["NAMES"]}})
    text = yaml.dump(plain).replace("- NAMES", "\n".join(f"    - {name}" for name in names).strip())
    (tmp_path / "inference.yml").write_text(text, encoding="utf-8")
    chosen = registry.settled(registry.read('{"auto":{}}'), Beside(folder=tmp_path, model=model()))
    assert chosen.spec.labels == names
    assert chosen.spec.top_k == 3


def test_labels_may_be_more_than_a_spec_can_hold(tmp_path: Path) -> None:
    names = [f"n{at}" for at in range(21_841)]
    chosen = settled(config(RESIZE, CROP, post={"Topk": {"topk": 5, "label_list": names}}), tmp_path)
    assert chosen.spec.labels == names


def test_many_labels_for_one_picture(tmp_path: Path) -> None:
    post = {"MultiLabelThreshOutput": {"threshold": 0.5, "label_list": ["cat", "dog", "猫"]}}
    chosen = settled(config({"size": [32, 24]}, post=post), tmp_path)
    spec = chosen.spec
    assert (spec.threshold, spec.resize, spec.width, spec.height) == (0.5, "Stretch", 32, 24)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (config({"resize_short": 40}), "transform_ops gives pictures no size"),
        (config(RESIZE, {"CropImage": {"size": 48}}), "CropImage is larger than the shorter side"),
        (config({"size": 40}, CROP), "CropImage cuts a part out of a picture that was stretched"),
        (config(RESIZE | {"interpolation": "magic"}, CROP), "ResizeImage.interpolation is 'magic'"),
        (config(RESIZE | {"backend": "tv"}, CROP), "ResizeImage.backend is 'tv'"),
        (config(RESIZE | {"keep": 1}, CROP), "ResizeImage.keep is no parameter that can be served"),
        (config(RESIZE, CROP, normalize={"scale": "os.system"}), "scale is 'os.system' and no number"),
        (config(RESIZE, CROP, normalize={"std": [1, 0, 1]}), "NormalizeImage.std is not above zero"),
        (config(RESIZE, CROP, normalize={"output_fp16": True}), "asks for numbers of 16 bits"),
        (config(RESIZE, CROP, {"DecodeImage": {"channel_first": True}}), "asks for channels before"),
        (config(RESIZE, CROP, {"DecodeImage": {"gray": True}}), "DecodeImage.gray is no parameter"),
        (config(RESIZE, CROP, post={"Topk": {"topk": 5}, "Sort": {}}), "PostProcess.Sort is no parameter"),
        (
            config(RESIZE, CROP, post={"MultiLabelThreshOutput": {"threshold": {"default": 0.5}}}),
            "threshold is \"{'default': 0.5}\" and no number",
        ),
        (config(RESIZE, CROP, post={"Topk": {"label_list": {}}}), "label_list is no list"),
        (
            config(RESIZE, CROP, post={"Topk": {"topk": 0}}),
            "Topk.topk is '0' and no whole number from 1 to 8192",
        ),
    ],
)
def test_what_cannot_be_served_is_a_start_error_that_names_it(tree: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(StartError) as refusal:
        settled(tree, tmp_path)
    assert refusal.value.message.startswith("inference.yml: ")
    assert words in refusal.value.message
    assert "name the task with its fields in spec.task" in refusal.value.message


def _reference(picture: np.ndarray[Any, Any], resize: dict[str, Any], crop: int | None, scale: float) -> Any:
    """PaddleX 3.7: ResizeByShort or Resize, Crop, Normalize, ToCHWImage of paddlex/inference/models."""
    height, width = picture.shape[:2]
    if crop:
        ratio = resize["resize_short"] / min(height, width)
        size = round(width * ratio), round(height * ratio)
    else:
        size = tuple(resize["size"])
    if resize.get("backend") == "pil":
        small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    else:
        small = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    if crop:
        top, left = (small.shape[0] - crop) // 2, (small.shape[1] - crop) // 2
        small = small[top : top + crop, left : left + crop]
    alpha = np.array([scale / std for std in STD], np.float32)
    beta = np.array([-mean / std for mean, std in zip(MEAN, STD, strict=True)], np.float32)
    return (small.astype(np.float32) * alpha + beta).transpose(2, 0, 1)[None]


@pytest.mark.parametrize("size", [(33, 57), (57, 33), (100, 41), (32, 32), (40, 40), (211, 333)])
@pytest.mark.parametrize("backend", ["cv2", "pil"])
@pytest.mark.parametrize("crop", [32, None])
def test_pictures_of_odd_sizes_become_what_the_reference_makes_of_them(
    size: tuple[int, int], backend: str, crop: int | None, tmp_path: Path
) -> None:
    resize: dict[str, Any] = {"interpolation": "bicubic", "backend": backend}
    resize |= {"resize_short": 40} if crop else {"size": [32, 32]}
    tree = config(resize, *([CROP] if crop else []), normalize=NORMALIZE | {"scale": "1.0/255.0"})
    chosen = settled(tree, tmp_path)
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    made = pixels.image(content.getvalue(), plan(chosen.spec, model(), None))
    np.testing.assert_allclose(made, _reference(picture, resize, crop, 1 / 255), atol=1e-5)


def test_numbers_that_are_meant_for_0_to_255_are_converted(tmp_path: Path) -> None:
    plain = settled(config(RESIZE, CROP), tmp_path).spec
    large = {"scale": 1.0, "mean": [255 * mean for mean in MEAN], "std": [255 * std for std in STD]}
    converted = settled(config(RESIZE, CROP, normalize=large), tmp_path).spec
    np.testing.assert_allclose([converted.mean, converted.std], [plain.mean, plain.std])


def test_other_configurations_are_no_classifiers(tmp_path: Path) -> None:
    tree = config() | {"PostProcess": {"name": "DBPostProcess"}}
    (tmp_path / "inference.yml").write_text(yaml.dump(tree))
    assert beside.recognise(Beside(folder=tmp_path, model=model())) is None
