"""What PaddleOCR and PaddleX write beside a table net (inference.yml) becomes the task's fields; pure."""

from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.images.beside import FOR_TRAINING, Fields, decode, fields_of, normalize

TASK = "tableStructure"
_SHARE_OF_PICTURE = "SLANet"  # by PaddleX's name of the model: nothing else of the file tells it
_SKIPPED = FOR_TRAINING | {"TableBoxEncode"}
_GROUPS = (frozenset({"tokens", "dictionary_file"}),)


def recognise(beside: Beside) -> Found | None:
    """A net for tables, by its PostProcess; None where it is none.

    Raises:
        StartError: `ConfigurationNotUnderstood`; it is one, with something that cannot be served.
    """
    config = beside.config
    if config is None or config.get("PostProcess").get("name").value != "TableLabelDecode":
        return None
    fields = fields_of(config.get("PreProcess").get("transform_ops"), _OPERATIONS, _SKIPPED)
    post = config.get("PostProcess").only("name", "character_dict", "merge_no_span_structure")
    fields.set(listed := post.get("character_dict"), tokens=[one.written() for one in listed.items()])
    if "merge_cells" not in fields.values:
        _merging(fields, post)
    if (name := config.get("Global").get("model_name")).value == _SHARE_OF_PICTURE:
        fields.set(name, boxes="Picture")
    return Found(task=TASK, source=config.file, fields=fields.values, origins=fields.origins, groups=_GROUPS)


def _merging(fields: Fields, branch: Branch) -> None:
    """TableLabelEncode is for training, but says what the tokens are."""
    if (merges := branch.get("merge_no_span_structure")).value is not None:
        fields.set(merges, merge_cells=merges.truth(default=True))


def _resize(fields: Fields, branch: Branch) -> None:
    branch.only("max_len", "resize_bboxes", "infer_mode")
    fields.set(longest := branch.get("max_len"), side=longest.side())


def _pad(fields: Fields, branch: Branch) -> None:
    """PaddingTableImage: what fills up is 0, and both sides are the longest one."""
    size = branch.only("size", "pad_value").get("size")
    if size.pair() != (fields.values.get("side"),) * 2:
        raise size.unknown("is not that of ResizeTableImage, on both sides")
    if (fill := branch.get("pad_value")).value not in {None, 0}:
        raise fill.unknown(f"is {str(fill.value)[:40]!r}")


_OPERATIONS = {
    "DecodeImage": decode,
    "TableLabelEncode": _merging,
    "ResizeTableImage": _resize,
    "NormalizeImage": normalize,
    "PaddingTableImage": _pad,
}
