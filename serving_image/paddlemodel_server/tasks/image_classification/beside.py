"""What PaddleClas and PaddleX write beside a classifier (inference.yml) becomes the fields of the task; pure.

By ppcls/data/preprocess of PaddleClas and paddlex/inference/models/image_classification of PaddleX 3.7.
"""

from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.images.beside import Fields, fields_of

TASK = "imageClassification"
_SINGLE, _MANY = "Topk", "MultiLabelThreshOutput"
_OPENCV = {
    "NEAREST": "Nearest",
    "LINEAR": "Linear",
    "BILINEAR": "Linear",
    "BICUBIC": "Cubic",
    "AREA": "Area",
    "LANCZOS4": "Lanczos",
    "LANCZOS": "Lanczos",
}
_PILLOW = _OPENCV | {"BOX": "Area"}
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of NormalizeImage where it names none
_FOR_TRAINING = frozenset({"ToCHWImage", "MultiLabelEncode", "KeepKeys"})
_GROUPS = (
    frozenset({"labels", "labels_file"}),
    frozenset({"resize", "resize_short"}),
    frozenset({"top_k", "threshold"}),
)


def recognise(beside: Beside) -> Found | None:
    """A classifier, by its PostProcess; None where it is none.

    Raises:
        StartError: `ConfigurationNotUnderstood`; it is one, with something that cannot be served.
    """
    config = beside.config
    if config is None or not {_SINGLE, _MANY} & _keys(config.get("PostProcess")):
        return None
    operations = config.get("PreProcess").get("transform_ops")
    fields = fields_of(operations, _OPERATIONS, _FOR_TRAINING)
    _complete(fields, operations)
    _answers(fields, config.get("PostProcess"))
    return Found(task=TASK, source=config.file, fields=fields.values, origins=fields.origins, groups=_GROUPS)


def _keys(branch: Branch) -> frozenset[str]:
    return frozenset(branch.value) if isinstance(branch.value, dict) else frozenset()


def _complete(fields: Fields, operations: Branch) -> None:
    """The operations together must give pictures of one size; without NormalizeImage from 0 to 255."""
    if "width" not in fields.values:
        raise operations.unknown("gives pictures no size, by ResizeImage or by CropImage behind it")
    if "mean" not in fields.values:
        fields.set(operations, mean=[0.0] * 3, std=[1 / 255] * 3)


def _decode(fields: Fields, branch: Branch) -> None:
    """Who leaves it out has its channels as RGB; what else decodes the picture changes no pixel."""
    branch.only("to_np", "to_rgb", "channel_first", "backend")
    if (first := branch.get("channel_first")).truth(default=False):
        raise first.unknown("asks for channels before the pixels are scaled")
    if (order := branch.get("to_rgb")).value is not None:
        fields.set(order, channel_order="RGB" if order.truth(default=True) else "BGR")


def _resize(fields: Fields, branch: Branch) -> None:
    branch.only("resize_short", "size", "interpolation", "backend", "return_numpy")
    backend = branch.get("backend")
    if backend.value not in {None, "cv2", "pil"}:
        raise backend.unknown(f"is {backend.value!r}")
    pillow = backend.value == "pil"
    fields.set(branch, antialias=pillow)
    if (how := branch.get("interpolation")).value is not None:
        known = (_PILLOW if pillow else _OPENCV).get(how.text().upper())
        if known is None:
            raise how.unknown(f"is {how.value!r}")
        fields.set(how, interpolation=known)
    if (short := branch.get("resize_short")).value is not None:
        fields.set(short, resize="Crop", resize_short=short.side())
    else:
        width, height = (size := branch.get("size")).pair()
        fields.set(size, resize="Stretch", width=width, height=height)


def _crop(fields: Fields, branch: Branch) -> None:
    size = branch.only("size").get("size")
    width, height = (224, 224) if size.value is None else size.pair()
    if fields.values.get("resize") == "Stretch":
        if (fields.values["width"], fields.values["height"]) != (width, height):
            raise branch.unknown("cuts a part out of a picture that was stretched")
        return
    if min(width, height) > fields.values.get("resize_short", 0):
        raise branch.unknown("is larger than the shorter side, or cuts before the picture has its size")
    fields.set(branch, width=width, height=height)


def _normalize(fields: Fields, branch: Branch) -> None:
    branch.only("scale", "mean", "std", "order", "channel_num", "output_fp16")
    if (order := branch.get("order")).value not in {None, "", "hwc", "chw"}:
        raise order.unknown(f"is {order.value!r}")
    if (channels := branch.get("channel_num")).value not in {None, 3}:
        raise channels.unknown(f"is {channels.value!r}")
    if (half := branch.get("output_fp16")).truth(default=False):
        raise half.unknown("asks for numbers of 16 bits")
    scale = 1 / 255 if (given := branch.get("scale")).value is None else given.number()
    if scale <= 0:
        raise given.unknown("is not above zero")
    mean, std = branch.get("mean"), branch.get("std")
    means = _MEAN if mean.value is None else mean.three()
    divisors = _STD if std.value is None else std.three()
    if min(divisors) <= 0:
        raise std.unknown("is not above zero")
    fields.set(branch, mean=_scaled(means, scale), std=_scaled(divisors, scale))


def _scaled(numbers: tuple[float, ...], scale: float) -> list[float]:
    """For values in 0..1: the file's are for values times `scale`."""
    return [number / (255 * scale) for number in numbers] if scale != 1 / 255 else list(numbers)


def _answers(fields: Fields, branch: Branch) -> None:
    branch.only(_SINGLE, _MANY, "SavePreLabel")
    many = _MANY in branch
    parameters = branch.get(_MANY if many else _SINGLE)
    if many:
        parameters.only("threshold", "label_list", "class_id_map_file", "delimiter")
        share = (given := parameters.get("threshold")).number()
        if not 0 <= share <= 1:
            raise given.unknown("is no share of one")
        fields.set(given, threshold=share)
    else:
        parameters.only("topk", "label_list", "class_id_map_file", "delimiter")
        if (count := parameters.get("topk")).value is not None:
            fields.set(count, top_k=min(1000, count.count()))
    if names := (listed := parameters.get("label_list")).names():
        fields.set(listed, labels=names)


_OPERATIONS = {
    "DecodeImage": _decode,
    "ResizeImage": _resize,
    "CropImage": _crop,
    "NormalizeImage": _normalize,
}
