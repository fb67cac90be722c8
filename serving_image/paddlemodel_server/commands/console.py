"""What all commands print with: tables for people, JSON for programs, help that keeps its lines."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.table import Table

from paddlemodel_server.host import log

_PIPE_WIDTH = 200  # a table in a file or pipe must not be folded to a terminal that is not there


def parser(command: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser whose help keeps the lines of its texts, and which takes no abbreviated options."""
    return argparse.ArgumentParser(
        prog=f"paddlemodel-server {command}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def tolerance(text: str) -> float:
    """Parse a number that is not negative.

    Raises:
        ValueError: for argparse.
    """
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def count(text: str) -> int:
    """Parse a number of rows or requests.

    Raises:
        ValueError: for argparse.
    """
    if not 1 <= int(text) <= 100_000:
        raise ValueError(text)
    return int(text)


def positive(text: str) -> float:
    """Parse a number above zero, such as a rate.

    Raises:
        ValueError: for argparse.
    """
    if not 0 < float(text) <= 86_400 * 1000:
        raise ValueError(text)
    return float(text)


def seconds(text: str) -> float:
    """Parse a time, which may be zero.

    Raises:
        ValueError: for argparse.
    """
    return 0.0 if float(text) == 0 else positive(text)


def goal(text: str) -> Path:
    """Parse the name of a file that is to be written; its folder must be there.

    Raises:
        ArgumentTypeError: for argparse.
    """
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder")
    return path


def console(*, stderr: bool = False) -> Console:
    """Where people read; plain text without folding where it is no terminal."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=None if terminal else _PIPE_WIDTH, highlight=False, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Table:
    """A table; the columns named in `right` hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_plain(cell) for cell in row))
    return made


def _plain(cell: object) -> str:
    return log.escaped(str(cell)).replace("[", "\\[")  # rich takes [x] for markup


def print_json(content: Any, *, compact: bool = False) -> None:
    """One JSON document on standard output; `compact` for tensors, which would take a line per number."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE | (0 if compact else orjson.OPT_INDENT_2)
    lines = orjson.dumps(content, option=options).decode().split("\n")
    # In JSON the same text; orjson escapes only the controls below 32.
    sys.stdout.buffer.write("\n".join(map(log.escaped, lines)).encode())
    sys.stdout.buffer.flush()
