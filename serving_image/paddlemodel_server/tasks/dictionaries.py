"""Files that say what a model's classes stand for, one per line: characters, or pieces of HTML; pure."""

from pathlib import Path

from paddlemodel_server.errors import StartError

MOST_BYTES = 4 * 1024 * 1024  # that of 18,383 characters has 75 KB


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
