"""A Secret as files in a folder: what is in it, and whether that has changed.

The kubelet renews a mounted Secret as a whole: it writes a folder beside the old one and then turns the link
`..data` to it, so what is read by way of one link belongs together.
"""

import os
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 64 * 1024  # of one entry
_LINK = "..data"


def fingerprint(folder: Path) -> object:
    """Something that differs once an entry has changed; None where there is no folder."""
    try:
        if (folder / _LINK).is_symlink():
            link = (folder / _LINK).readlink()
            return link, (folder / link).stat().st_ino
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return None
    return sorted((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found)


def read(folder: Path) -> dict[str, bytes]:
    """The entries by name; empty where there is no folder. One that is too long is cut, and then refused."""
    link = folder / _LINK
    inside = Path(os.path.realpath(link)) if link.is_symlink() else folder
    try:
        paths = [path for path in inside.iterdir() if not path.name.startswith(".") and path.is_file()]
        return {path.name: _content(path) for path in paths}
    except OSError:
        return {}


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
