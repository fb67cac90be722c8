"""Files that say what a model's classes stand for, one per line: characters, or pieces of HTML; pure."""

from collections.abc import Sequence
from pathlib import Path

from paddlemodel_server.errors import StartError
from paddlemodel_server.tasks.outputs import misfit

MOST_BYTES = 4 * 1024 * 1024  # that of 18,383 characters has 75 KB


def chosen(
    task: str, what: str, file: str | None, listed: Sequence[str] | None, folder: Path
) -> tuple[list[str], str]:
    """What the spec says of the model's classes, and where it stands.

    Args:
        task: the member of spec.task.
        what: one is: the name of the field, in the singular, that lists them.
        file: the field `dictionaryFile`.
        listed: the other field.
        folder: of the model's files.

    Raises:
        StartError: `DictionaryMissing`, or `TaskDoesNotFit` where it says nothing.
    """
    if file is not None:
        return read(folder, file, what), file
    if listed:
        return list(listed), f"{what}s"
    raise misfit(
        task,
        f"needs the {what}s of the model's classes",
        f"name them in spec.task.{task}.{what}s, or their file in dictionaryFile, or add the export's "
        "inference.yml to the model",
    )


def read(folder: Path, name: str, what: str) -> list[str]:
    """The lines of a dictionary; one may be a space, or several code points.

    Args:
        folder: of the model's files.
        name: of the file.
        what: a line is: the name of the field, in the singular, that says the same.

    Raises:
        StartError: `DictionaryMissing`.
    """
    try:
        with (folder / name).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _missing(name, what, str(error)) from None
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if not lines[-1]:
        lines.pop()  # it stands behind the last line's end
    if not lines or len(content) > MOST_BYTES:
        raise _missing(name, what, f"it is empty, or has more than {MOST_BYTES} bytes")
    return lines


def _missing(name: str, what: str, why: str) -> StartError:
    return StartError(
        "DictionaryMissing",
        f"The dictionary {name} cannot be read from the model's folder ({why}); add it to the model as UTF-8 "
        f"text with one {what} per line, or use the field {what}s.",
    )
