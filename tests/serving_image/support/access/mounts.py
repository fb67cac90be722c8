"""Secrets as the kubelet mounts them: a folder with a link that turns to a new folder as a whole."""

import itertools
from collections.abc import Mapping
from pathlib import Path

_NUMBERS = itertools.count()


def mount(folder: Path, **entries: str) -> Path:
    """Make or renew the Secret in a folder; a name's `__` stands for a dot."""
    return mount_bytes(folder, {name.replace("__", "."): value.encode() for name, value in entries.items()})


def mount_bytes(folder: Path, entries: Mapping[str, bytes]) -> Path:
    """The same, of bytes."""
    folder.mkdir(exist_ok=True)
    inside = folder / f"..2026_01_01_00_00_00.{next(_NUMBERS)}"
    inside.mkdir()
    for name, value in entries.items():
        (inside / name).write_bytes(value)
    link = folder / "..data_tmp"
    link.symlink_to(inside.name)
    link.rename(folder / "..data")
    for old in folder.iterdir():
        if not old.name.startswith(".") and old.name not in entries:
            old.unlink()
    for name in entries:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    return folder
