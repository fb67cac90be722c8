"""What PaddleSeg and PaddleX write beside a segmentation net, deploy.yaml or inference.yml, as fields; pure.

By paddleseg/core/export.py, paddleseg/transforms/transforms.py and deploy/python/infer.py of PaddleSeg, with
its defaults; PaddleX 3.7 has others where a Resize leaves them out (semantic_segmentation/predictor.py).
"""

from collections.abc import Callable
from typing import Any

from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.images.beside import Fields, fields_of
from paddlemodel_server.tasks.semantic_segmentation import plan

TASK = plan.TASK
_KEYS = ("model", "params", "transforms", "input_shape", "output_op", "output_dtype")
_INTERPOLATIONS = {
    "NEAREST": "Nearest",
    "LINEAR": "Linear",
    "CUBIC": "Cubic",
    "AREA": "Area",
    "LANCZOS4": "Lanczos",
}
_NO_LIMIT = 8192  # pixels of a side, where PaddleSeg has none
_ANOMALIES = "STFPM"  # PaddleX's name of a net that answers no classes
_GROUPS = (
    frozenset({"labels", "labels_file"}),
    frozenset({"resize", "height", "width", "size_divisor", "max_side", "enlarge", "pad_value"}),
)


def recognise(beside: Beside) -> Found | None:
    """A segmentation net, by how its output ends; None where it is none.

    Raises:
        StartError: `ConfigurationNotUnderstood`; it is one, with something that cannot be served.
    """
    config = beside.config
    if config is None or "output_op" not in (deploy := config.get("Deploy")):
        return None
    if config.get("Global").get("model_name").value == _ANOMALIES:
        return None
    config.only("Deploy", "Global", "Hpi")
    operations = deploy.only(*_KEYS).get("transforms")
    fields = Fields()
    if operations.value is not None:  # an empty list means the same
        fields = fields_of(operations, _OPERATIONS, named=Branch.typed)
    if "mean" not in fields.values:
        fields.set(operations, mean=[0.0] * 3, std=[1 / 255] * 3)  # values from 0 to 255
    return Found(task=TASK, source=config.file, fields=fields.values, origins=fields.origins, groups=_GROUPS)


def _once(fields: Fields, branch: Branch) -> None:
    """Sizes are decided by one operation, before pixels become numbers."""
    if "resize" in fields.values:
        raise branch.unknown("gives pictures a size for the second time")
    if "mean" in fields.values:
        raise branch.unknown("gives pictures a size behind Normalize")


def _resize(fields: Fields, branch: Branch) -> None:
    branch.only("target_size", "keep_ratio", "size_divisor", "interp")
    _once(fields, branch)
    target, divisor = branch.get("target_size"), branch.get("size_divisor")
    width, height = (512, 512) if target.value is None else target.pair()
    up = 1 if divisor.value is None else divisor.side()
    if branch.get("keep_ratio").truth(default=False):
        fields.set(target, resize="Fit", height=height, width=width)
        if up > 1:
            fields.set(divisor, size_divisor=up)
    else:
        fields.set(target, resize="Stretch", height=-(-height // up) * up, width=-(-width // up) * up)
    if (how := branch.get("interp")).value is not None:
        if how.value not in _INTERPOLATIONS:
            raise how.unknown(f"is {str(how.value)[:40]!r}")
        fields.set(how, interpolation=_INTERPOLATIONS[how.value])


def _resize_by_long(fields: Fields, branch: Branch) -> None:
    _once(fields, branch.only("long_size"))
    side = (long := branch.get("long_size")).side()
    fields.set(long, resize="Fit", height=side, width=side)


def _resize_by_short(fields: Fields, branch: Branch) -> None:
    _once(fields, branch.only("short_size", "max_size"))
    short, most = branch.get("short_size"), branch.get("max_size")
    side = short.side()
    limit = _NO_LIMIT if most.value is None else min(_NO_LIMIT, most.number())
    if not side <= limit == int(limit):
        raise most.unknown("is no number of pixels above short_size")
    fields.set(short, resize="Fit", height=side, width=int(limit))


def _limit_long(fields: Fields, branch: Branch) -> None:
    _once(fields, branch.only("max_long", "min_long"))
    if (least := branch.get("min_long")).value is not None:
        raise least.unknown("enlarges pictures up to a side")
    if (most := branch.get("max_long")).value is not None:
        fields.set(most, resize="Keep", max_side=most.side())


def _padding(fields: Fields, branch: Branch) -> None:
    branch.only("target_size", "im_padding_value", "label_padding_value")
    if "mean" in fields.values:
        raise branch.unknown("fills pictures up behind Normalize")
    width, height = (target := branch.get("target_size")).pair()
    values, given = fields.values, branch.get("im_padding_value")
    if "resize" not in values:
        fields.set(target, enlarge=False, height=height, width=width)
    elif [values.get(name) for name in ("resize", "height", "width", "size_divisor")] != [
        *("Fit", height, width),
        None,
    ]:
        raise branch.unknown("fills up pictures that were not fitted into the same size, ratio kept")
    value = 127.5 if given.value is None else given.number()
    if not 0 <= value <= 255:
        raise given.unknown("is no value of a pixel")
    fields.set(branch, resize="Pad", pad_value=[value] * 3)


def _normalize(fields: Fields, branch: Branch) -> None:
    branch.only("mean", "std")
    mean, std = branch.get("mean"), branch.get("std")
    divisors = _channels(std)
    if min(divisors) <= 0:
        raise std.unknown("is not above zero")
    fields.set(mean, mean=_channels(mean))
    fields.set(std, std=divisors)


def _channels(branch: Branch) -> list[float]:
    """A number for each channel, or a list of one for all; 0.5 where there is none."""
    if branch.value is None:
        return [0.5] * 3
    if isinstance(branch.value, list) and len(branch.value) == 1:
        return [entry.number() for entry in branch.items()] * 3
    return list(branch.three())


_OPERATIONS: dict[str, Callable[[Fields, Branch], Any]] = {
    "Resize": _resize,
    "ResizeByLong": _resize_by_long,
    "ResizeByShort": _resize_by_short,
    "LimitLong": _limit_long,
    "Padding": _padding,
    "Normalize": _normalize,
}
