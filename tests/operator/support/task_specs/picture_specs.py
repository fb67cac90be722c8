"""The part of the tables of specs that is about text in pictures; specs.py puts it beside the others."""

from typing import Any

from tests.operator.support.builders import spec
from tests.operator.support.source_specs import Refused
from tests.operator.support.task_specs import ocr_specs


def _reading(**fields: Any) -> dict[str, Any]:
    return spec(task={"textRecognition": fields})


def _finding(**fields: Any) -> dict[str, Any]:
    return spec(task={"textDetection": fields})


def _segmenting(**fields: Any) -> dict[str, Any]:
    return spec(task={"semanticSegmentation": fields})


def _table(**fields: Any) -> dict[str, Any]:
    return spec(task={"tableStructure": fields})


RULES = (
    *ocr_specs.RULES,
    Refused("a width for pictures that keep theirs", _segmenting(width=512), "width needs resize Stretch"),
    Refused("a height likewise", _segmenting(resize="Keep", height=512), "height needs resize Stretch"),
    Refused(
        "a multiple of sides that are given",
        _segmenting(resize="Stretch", width=512, height=512, sizeDivisor=32),
        "sizeDivisor needs resize Keep or Fit",
    ),
    Refused("two limits", _segmenting(resize="Fit", maxSide=512), "maxSide needs resize Keep"),
    Refused("pictures enlarged twice", _segmenting(resize="Fit", enlarge=False), "enlarge needs resize Pad"),
    Refused("a filling for nothing", _segmenting(padValue=[0, 0, 0]), "padValue needs resize Pad"),
    Refused("classes named twice", _segmenting(labels=["a"], labelsFile="b"), "exclude each other"),
    Refused("two dictionaries", _reading(characters=["a"], dictionaryFile="a.txt"), "keep one"),
    Refused("a dictionary elsewhere", _reading(dictionaryFile="../a.txt"), "must be a plain relative path"),
    Refused("tokens named twice", _table(tokens=["<tr>"], dictionaryFile="a.txt"), "keep one"),
    Refused("tokens elsewhere", _table(dictionaryFile="/a.txt"), "must be a plain relative path"),
    Refused("more at least than at most", _reading(minWidth=64, maxWidth=32), "minWidth is above maxWidth"),
    Refused("less at most than by default", _reading(maxWidth=319), "minWidth is above maxWidth"),
    Refused("more at least than by default", _reading(minWidth=3201), "minWidth is above maxWidth"),
)

TYPES = (
    *ocr_specs.TYPES,
    Refused("more classes than a PNG has", _segmenting(labels=["x"] * 257), "semanticSegmentation.labels"),
    Refused("a mask that is cut out", _segmenting(resize="Crop"), "semanticSegmentation.resize"),
    Refused("an empty character", _reading(characters=[""]), "spec.task.textRecognition.characters"),
    Refused("no step", _reading(widthStep=0), "spec.task.textRecognition.widthStep"),
    Refused("a score beyond one", _finding(threshold=1.5), "spec.task.textDetection.threshold"),
    Refused("polygons that shrink", _finding(unclipRatio=0.5), "spec.task.textDetection.unclipRatio"),
    Refused("an unknown limit", _finding(limitType="resize_long"), "spec.task.textDetection.limitType"),
    Refused("an unknown share", _table(boxes="Half"), "spec.task.tableStructure.boxes"),
    Refused("a crop", spec(task={"textLineOrientation": {"resize": "Crop"}}), "textLineOrientation.resize"),
)

UNKNOWN = ocr_specs.UNKNOWN

ACCEPTED: dict[str, dict[str, Any]] = {
    **ocr_specs.ACCEPTED,
    "a line's text": _reading(
        dictionaryFile="keys/v1.txt",
        height=32,
        minWidth=100,
        maxWidth=1000,
        widthStep=1,
        channelOrder="RGB",
        mean=[0, 0, 0],
        std=[1, 1, 1],
        output="y",
    ),
    "digits": _reading(characters=[*"0123456789", "🇺🇸"]),
    "lines of text": _finding(
        limitType="Max",
        limitSide=960,
        maxSide=4000,
        threshold=0,
        boxThreshold=1,
        unclipRatio=1,
        maxLines=10,
        dilation=True,
    ),
    "lines of text by default": _finding(),
    "classes of pixels": _segmenting(
        labels=["road", "", "sky"],
        resize="Pad",
        width=520,
        height=520,
        enlarge=False,
        padValue=[114, 114, 114],
        interpolation="Cubic",
        channelOrder="BGR",
        mean=[0, 0, 0],
        std=[1, 1, 1],
        output="y",
    ),
    "classes of large pictures": _segmenting(maxSide=4096, sizeDivisor=32),
    "classes of pictures of one size": _segmenting(resize="Fit", width=2048, height=1024, sizeDivisor=32),
    "a table": _table(dictionaryFile="dict.txt", mergeCells=False, boxes="Picture", side=512),
    "a table by default": _table(),
    "a turn": spec(
        task={"textLineOrientation": {"resize": "Pad", "width": 192, "height": 48, "output": "y"}}
    ),
}
