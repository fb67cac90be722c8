"""What PaddleDetection and PaddleX write beside a detector, infer_cfg.yml, as the fields of the task; pure.

By ppdet/engine/export_utils.py, deploy/python/preprocess.py of PaddleDetection, and
paddlex/inference/models/object_detection of PaddleX 3.7.
"""

from collections.abc import Callable
from typing import Any

from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.images.beside import Fields, fields_of
from paddlemodel_server.tasks.object_detection import plan

TASK = plan.TASK
_INTERPOLATIONS = ("Nearest", "Linear", "Cubic", "Area", "Lanczos")  # by OpenCV's numbers
_KNOWN = (
    *("mode", "draw_threshold", "metric", "use_dynamic_shape", "arch", "min_subgraph_size", "Preprocess"),
    *("label_list", "NMS", "fpn_stride", "Global", "Hpi", "export_onnx", "export_eb", "image_shape", "mask"),
)
_GROUPS = (
    frozenset({"labels", "labels_file"}),
    frozenset({"resize", "stride", "pad_value"}),
)


def recognise(beside: Beside) -> Found | None:
    """A detector, by its list of operations and of labels; None where it is none.

    Raises:
        StartError: `ConfigurationNotUnderstood`; it is one, with something that cannot be served.
    """
    config = beside.config
    if config is None or "Preprocess" not in config or "label_list" not in config:
        return None
    if config.get("mask").value:
        raise config.get("mask").unknown("asks for more than boxes")
    config.only(*_KNOWN)
    operations = config.get("Preprocess")
    fields = fields_of(operations, _OPERATIONS, named=Branch.typed)
    _complete(fields, operations)
    if (least := config.get("draw_threshold")).value is not None:
        fields.set(least, score_threshold=_share(least))
    if names := (listed := config.get("label_list")).names():
        fields.set(listed, labels=names)
    return Found(task=TASK, source=config.file, fields=fields.values, origins=fields.origins, groups=_GROUPS)


def _share(branch: Branch) -> float:
    found = branch.number()
    if not 0 <= found <= 1:
        raise branch.unknown("is no share of one")
    return found


def _complete(fields: Fields, operations: Branch) -> None:
    """The operations together must give pictures that the model takes."""
    found = fields.values
    if "resize" not in found:
        raise operations.unknown("gives pictures no size, by Resize")
    if ("pad_value" in found and found["resize"] != "Pad") or (
        "stride" in found and found["resize"] != "Fit"
    ):
        raise operations.unknown("fills up pictures that were stretched, or does it twice")
    if found["resize"] == "Fit" and "stride" not in found:
        fields.set(operations, stride=1)
    if "mean" not in found:
        fields.set(operations, mean=[0.0] * 3, std=[1 / 255] * 3)  # values from 0 to 255


def _resize(fields: Fields, branch: Branch) -> None:
    branch.only("target_size", "keep_ratio", "interp")
    height, width = (size := branch.get("target_size")).pair()
    keeps = branch.get("keep_ratio").truth(default=True)
    fields.set(size, resize="Fit" if keeps else "Stretch", height=height, width=width)
    how = branch.get("interp")
    number = 1 if how.value is None else how.value
    if isinstance(number, bool) or number not in range(len(_INTERPOLATIONS)):
        raise how.unknown(f"is {str(number)[:40]!r} and no number of OpenCV's interpolations")
    fields.set(how, interpolation=_INTERPOLATIONS[number])


def _normalize(fields: Fields, branch: Branch) -> None:
    branch.only("mean", "std", "is_scale", "norm_type")
    scale = 1.0 if branch.get("is_scale").truth(default=True) else 255.0
    kind = branch.get("norm_type")
    if kind.value not in {None, "mean_std", "none"}:
        raise kind.unknown(f"is {str(kind.value)[:40]!r}")
    if kind.value == "none":  # divided by 255 nevertheless; mean and std are not looked at
        fields.set(branch, mean=[0.0] * 3, std=[1 / scale] * 3)
        return
    means, divisors = branch.get("mean").three(), (std := branch.get("std")).three()
    if min(divisors) <= 0:
        raise std.unknown("is not above zero")
    fields.set(branch, mean=[number / scale for number in means], std=[number / scale for number in divisors])


def _pad_stride(fields: Fields, branch: Branch) -> None:
    stride = branch.only("stride").get("stride")
    if stride.value in {0, -1} or fields.values.get("resize") == "Stretch":
        _check_stretched(fields, stride)
        return
    fields.set(stride, stride=stride.side())


def _check_stretched(fields: Fields, stride: Branch) -> None:
    """A picture that was stretched has sides that the stride divides, so that nothing is filled up."""
    sides = fields.values.get("height", 1), fields.values.get("width", 1)
    if stride.value not in {0, -1} and any(side % stride.side() for side in sides):
        raise stride.unknown("does not divide the sides of a picture that was stretched")


def _pad(fields: Fields, branch: Branch) -> None:
    branch.only("size", "fill_value")
    if "mean" in fields.values:
        raise branch.unknown("fills pictures up behind NormalizeImage")
    height, width = (size := branch.get("size")).pair()
    values = fields.values
    if values.get("resize") != "Fit" or (values["height"], values["width"]) != (height, width):
        raise branch.unknown("fills up pictures that were not fitted into the same size, ratio kept")
    fields.set(size, resize="Pad")
    fill = branch.get("fill_value")
    fields.set(fill, pad_value=[127.5] * 3 if fill.value is None else list(fill.three()))


def _nothing(fields: Fields, branch: Branch) -> None:
    """The server puts channels first and makes a batch in any case."""
    del fields
    branch.only("to_bgr", "channel_first")
    if branch.get("to_bgr").truth(default=False):
        raise branch.get("to_bgr").unknown("turns colours round")


_OPERATIONS: dict[str, Callable[[Fields, Branch], Any]] = {
    "Resize": _resize,
    "NormalizeImage": _normalize,
    "PadStride": _pad_stride,
    "Pad": _pad,
    "Permute": _nothing,
}
