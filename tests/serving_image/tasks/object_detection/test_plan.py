"""Whether a model is a detector, and how a picture becomes its inputs; others are refused with a cure."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from paddlemodel_api.tasks import ObjectDetection as Spec
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place, Ragged
from paddlemodel_server.tasks.object_detection.task import ObjectDetection
from PIL import Image

SIDES = (-1, 3, 64, 64)
OPEN = (-1, 3, -1, -1)


def tensor(name: str, *shape: int, dtype: str = "float32") -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


IMAGE = tensor("image", *SIDES)
SCALE, SHAPE = tensor("scale_factor", -1, 2), tensor("im_shape", -1, 2)
BOXES, COUNTS = tensor("a", -1, 6), tensor("b", -1, dtype="int32")


def fitted(
    inputs: tuple[Tensor, ...] = (IMAGE, SCALE),
    outputs: tuple[Tensor, ...] = (BOXES, COUNTS),
    folder: Path = Path("/nowhere"),
    **spec: Any,
) -> ObjectDetection:
    model = Model(format="PIR", inputs=inputs, outputs=outputs)
    return ObjectDetection.fit(Spec(**spec), Place(model=model, folder=folder))


def test_the_families_of_paddledetection_fit_by_names_and_shapes() -> None:
    yoloe = fitted()
    assert yoloe.warm_up.shapes == {"image": [1, 3, 64, 64], "scale_factor": [1, 2]}
    assert yoloe.warm_up.ragged == Ragged(counts=1, outputs=[0])
    detr = fitted((SHAPE, IMAGE, SCALE), (COUNTS, BOXES))
    assert detr.plan.roles == ("im_shape", "image", "scale_factor")
    assert detr.warm_up.ragged == Ragged(counts=0, outputs=[1])
    alone = fitted((tensor("x", *OPEN),), height=50, width=100, resize="Fit")
    assert alone.warm_up.shapes == {"x": [1, 3, 64, 128]}


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"inputs": (SCALE,)}, "takes one picture, and perhaps im_shape and scale_factor"),
        ({"inputs": (IMAGE, IMAGE)}, "takes one picture"),
        ({"inputs": (IMAGE, tensor("size", -1, 2))}, "does not know what the input size FP32 [-1, 2] is"),
        ({"inputs": (tensor("image", 8, 3, 64, 64),)}, "sends one picture at a time, the model takes 8"),
        ({"outputs": (BOXES,)}, "answers from boxes FP32 [-1, 6] and their numbers INT32 [-1]"),
        ({"outputs": (BOXES, COUNTS, tensor("m", -1, 8, 8, dtype="int32"))}, "and without masks"),
        ({"outputs": (tensor("s", -1, 80, 8400), tensor("b", -1, 8400, 4))}, "export the detector with NMS"),
        ({"outputs": (tensor("a", -1, 10), COUNTS)}, "the model's have 10 numbers"),
        ({"inputs": (tensor("x", *OPEN),)}, "needs the field height"),
        ({"height": 32}, "has height 32, but the model's is fixed"),
        ({"resize": "Fit"}, "gives pictures many sizes with resize Fit, the model takes one"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_cure(case: dict[str, Any], words: str) -> None:
    with pytest.raises(StartError) as refusal:
        fitted(**case)
    assert refusal.value.reason == "TaskDoesNotFit"
    assert words in refusal.value.message
    assert refusal.value.message.endswith(", or use the task tensors.")


def test_labels_are_read_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    assert fitted(folder=tmp_path, labels_file="names.txt").labels == ("cat", "dog")
    with pytest.raises(StartError, match="The labels file none\\.txt cannot be read"):
        fitted(folder=tmp_path, labels_file="none.txt")


def _picture(height: int, width: int) -> tuple[bytes, np.ndarray[Any, Any]]:
    pixels = np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue(), pixels


@pytest.mark.parametrize("sides", [(40, 90), (90, 40), (33, 33), (200, 31)])
@pytest.mark.parametrize("resize", ["Stretch", "Fit", "Pad"])
def test_inputs_are_those_of_the_reference(sides: tuple[int, int], resize: str) -> None:
    """Resize, NormalizeImage, Permute, PadStride and Pad of PaddleX 3.7's object_detection/processors.py."""
    height, width = sides
    body, pixels = _picture(height, width)
    mean, std = (np.array(c, np.float32) for c in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    scale = min(64 / height, 96 / width) if resize == "Pad" else min(96 / max(sides), 64 / min(sides))
    size = (64, 96) if resize == "Stretch" else (round(height * scale), round(width * scale))
    wanted: Any = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float32)
    if resize == "Pad":
        canvas = np.full((64, 96, 3), 114, np.float32)
        canvas[: wanted.shape[0], : wanted.shape[1]] = wanted
        wanted = canvas
    wanted = ((wanted / 255 - mean) / std).transpose(2, 0, 1)
    if resize == "Fit":
        padded = np.zeros((3, -(-size[0] // 32) * 32, -(-size[1] // 32) * 32), np.float32)
        padded[:, : size[0], : size[1]] = wanted
        wanted = padded
    more: dict[str, Any] = {"pad_value": (114, 114, 114)} if resize == "Pad" else {}
    task = fitted((SHAPE, tensor("x", *OPEN), SCALE), height=64, width=96, resize=resize, **more)
    request = task.request(body)
    shape, image, factor = request.arrays
    np.testing.assert_allclose(image[0], wanted, atol=1e-5)
    np.testing.assert_allclose(shape, [size])
    np.testing.assert_allclose(factor, [[size[0] / height, size[1] / width]], rtol=1e-6)
    assert request.kept == sides
