"""The repository as its tests see it: the files that are, or would be, under version control."""

import subprocess
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Every tracked file, and every new one that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(ROOT / name for name in set(listed.split("\0")) if name and (ROOT / name).is_file()))


def named(*patterns: str) -> list[Path]:
    """The files whose path from the root matches one of the patterns; a star goes over slashes, too."""
    return [path for path in files() if any(fnmatch(shown(path), pattern) for pattern in patterns)]


def examples() -> list[Path]:
    """The YAMLs that people start from, without the files for Argo CD."""
    return [path for path in named("examples/*.yaml") if path.parent == ROOT / "examples"]


def text(path: Path) -> str:
    """The content of a text file; nothing for a binary one."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def shown(path: Path) -> str:
    """A path as a person would write it."""
    return str(path.relative_to(ROOT))
