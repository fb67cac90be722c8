"""What a command writes for a person: nothing of theirs is replaced, and a result is whole or not there.

A file may be new, empty, or an earlier result of the same command; a folder may be new or empty. The result
is made beside, and takes its place when it is whole.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paddlemodel_server.errors import StartError

IsOurs = Callable[[Path], bool]


def check_file(path: Path, is_ours: IsOurs) -> None:
    """Refuse a file that may not be replaced; a device or a pipe may be written.

    Raises:
        StartError: `OutputExists`.
    """
    if path.is_dir() or (path.is_file() and path.stat().st_size and not is_ours(path)):
        raise StartError(
            "OutputExists", f"{path} is there already, and not a result of this command; name a new file."
        )


@contextmanager
def file(path: Path, is_ours: IsOurs) -> Iterator[Path]:
    """The path to write instead of `path`, which it becomes in the end.

    Raises:
        StartError: `OutputExists`.
    """
    check_file(path, is_ours)
    if path.exists() and not path.is_file():
        yield path
        return
    goal = path.resolve()
    draft = _draft(goal)
    try:
        yield draft
        draft.replace(goal)
    finally:
        draft.unlink(missing_ok=True)


def check_folder(path: Path) -> None:
    """Refuse a folder that holds anything.

    Raises:
        StartError: `OutputExists`.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StartError("OutputExists", f"{path} is there already; name a new folder.")


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """The new folder to fill instead of `path`, which it becomes in the end.

    Raises:
        StartError: `OutputExists`.
    """
    check_folder(path)
    goal = path.resolve()
    goal.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(goal)
    draft.mkdir()
    try:
        yield draft
        draft.rename(goal)  # succeeds over an empty folder only
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(goal: Path) -> Path:
    return goal.with_name(f".{goal.stem}.{os.getpid()}.partial{goal.suffix}")
