"""Columns and wrapped sentences for a terminal, which no text from a cluster may command; pure."""

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Final

NONE: Final = "-"
WIDTH: Final = 110
# Controls, line separators, marks that change the direction of writing, lone surrogates.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def safe(text: object) -> str:
    """A text from outside, on one line, with every character that could command a terminal as its escape."""
    return _UNSAFE.sub(lambda found: " " if found[0] == "\n" else f"\\u{ord(found[0]):04x}", str(text))


def table(rows: Sequence[Sequence[object]], indent: str = "") -> str:
    """Rows in columns as wide as their widest cell; an empty cell is a dash."""
    cells = [[safe(cell) if cell not in (None, "") else NONE for cell in row] for row in rows]
    widths = [max(columns(row[n]) for row in cells) for n in range(len(cells[0]))] if cells else []
    lines = (
        "   ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)) for row in cells
    )
    return "".join(f"{indent}{line.rstrip()}\n" for line in lines)


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def padded(text: str, width: int) -> str:
    """A text with blanks behind it, up to a number of columns."""
    return text + " " * (width - columns(text))


def wrapped(text: str, indent: str) -> str:
    """A sentence on lines of a readable length; addresses and commands stay whole."""
    return textwrap.fill(
        safe(text).strip(),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
