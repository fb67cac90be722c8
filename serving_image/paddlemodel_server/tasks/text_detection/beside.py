"""What PaddleOCR and PaddleX write beside a text detector (inference.yml) becomes the task's fields; pure.

To which size a picture is scaled is no matter of the file: PaddleX's pipeline overrides what stands there
(paddlex/inference/models/text_detection/predictor.py), and so the task's own fields hold.
"""

from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.images.beside import FOR_TRAINING, Fields, decode, fields_of, normalize

TASK = "textDetection"
_SCORES = {"thresh": "threshold", "box_thresh": "box_threshold", "unclip_ratio": "unclip_ratio"}
_SKIPPED = FOR_TRAINING | {"DetResizeForTest"}
_GROUPS = (frozenset({"mean", "std", "channel_order"}),)


def recognise(beside: Beside) -> Found | None:
    """A text detector, by its PostProcess; None where it is none.

    Raises:
        StartError: `ConfigurationNotUnderstood`; it is one, with something that cannot be served.
    """
    config = beside.config
    if config is None or config.get("PostProcess").get("name").value != "DBPostProcess":
        return None
    fields = fields_of(config.get("PreProcess").get("transform_ops"), _OPERATIONS, _SKIPPED)
    _answers(fields, config.get("PostProcess"))
    return Found(task=TASK, source=config.file, fields=fields.values, origins=fields.origins, groups=_GROUPS)


def _answers(fields: Fields, branch: Branch) -> None:
    branch.only(*_SCORES, "name", "max_candidates", "use_dilation", "score_mode", "box_type")
    for key, field in _SCORES.items():
        if (given := branch.get(key)).value is not None:
            fields.set(given, **{field: given.number()})
    if (count := branch.get("max_candidates")).value is not None:
        fields.set(count, max_lines=count.count())
    if (grown := branch.get("use_dilation")).value is not None:
        fields.set(grown, dilation=grown.truth(default=False))
    for key, only in (("score_mode", "fast"), ("box_type", "quad")):
        if (given := branch.get(key)).value not in {None, only}:
            raise given.unknown(f"is {given.value!r}")


_OPERATIONS = {"DecodeImage": decode, "NormalizeImage": normalize}
