"""The file with the names of a model's classes, one per line; pure."""

from pathlib import Path

from paddlemodel_server.errors import StartError


def read(name: str, folder: Path, classes: int) -> tuple[str, ...]:
    """The names; an empty line is a class without one, at the end there may be more of them than classes.

    Args:
        name: of the file.
        folder: of the model's files.
        classes: how many the model has; -1 where that is not known.

    Raises:
        StartError: `LabelsMissing`.
    """
    try:
        text = (folder / name).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(
            "LabelsMissing",
            f"The labels file {name} cannot be read from the model's folder ({error}); "
            "add it to the model as UTF-8 text with one label per line, or use the field labels.",
        ) from None
    lines = [line.strip() for line in text.split("\n")]
    if not any(lines):
        raise StartError("LabelsMissing", f"The labels file {name} is empty; write one label per line.")
    if not lines[-1]:
        lines.pop()  # it stands behind the last line's end
    while not lines[-1] and len(lines) > classes:
        lines.pop()
    return tuple(lines)
