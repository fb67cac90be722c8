"""What PaddleOCR and PaddleX write beside a recogniser (inference.yml) becomes the task's fields; pure."""

from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.images.beside import FOR_TRAINING, Fields, decode, fields_of

TASK = "textRecognition"
_GROUPS = (frozenset({"characters", "dictionary_file"}),)


def recognise(beside: Beside) -> Found | None:
    """A recogniser of text, by its PostProcess; None where it is none.

    Raises:
        StartError: `ConfigurationNotUnderstood`; it is one, with something that cannot be served.
    """
    config = beside.config
    if config is None or config.get("PostProcess").get("name").value != "CTCLabelDecode":
        return None
    fields = fields_of(config.get("PreProcess").get("transform_ops"), _OPERATIONS, FOR_TRAINING)
    post = config.get("PostProcess").only("name", "character_dict")
    listed = post.get("character_dict")
    fields.set(listed, characters=_characters(listed))
    return Found(task=TASK, source=config.file, fields=fields.values, origins=fields.origins, groups=_GROUPS)


def _characters(listed: Branch) -> list[str]:
    """The characters; a digit, ~ and y may stand there without quotes."""
    found = []
    for entry in listed.items():
        if not (character := entry.written()):
            raise entry.unknown("is no character")
        found.append(character)
    return found


def _resize(fields: Fields, branch: Branch) -> None:
    """RecResizeImg: channels, height, and the least width."""
    sides = list(branch.only("image_shape").get("image_shape").items())
    if len(sides) != 3:
        raise branch.unknown("has not three numbers")
    fields.set(branch, height=sides[1].side(), min_width=sides[2].side())


_OPERATIONS = {"DecodeImage": decode, "RecResizeImg": _resize}
