"""What is installed in a root file system, by the records that Debian and Python keep of it.

Reads files, runs nothing of the image: it may be of another processor.
"""

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

from release.errors import ReleaseError

_STATUS = "var/lib/dpkg/status"
_SHORT = 100
"""Characters; a field License that is longer holds the text of a licence, not its name."""


@dataclass(frozen=True, order=True)
class DebianPackage:
    """One installed package; `source` and its version are what Debian's security tracker goes by."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    licences: tuple[str, ...]


@dataclass(frozen=True, order=True)
class PythonPackage:
    """One installed distribution.

    `name` is normalised; `folder` its *.dist-info; `boms` what it brings as lists of the parts inside its own
    binaries; both relative to the root.
    """

    name: str
    version: str
    folder: str
    licences: tuple[str, ...]
    boms: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """Everything that a root file system says it holds."""

    system: tuple[str, str]
    """ID and VERSION_ID of its os-release, as ("debian", "12")."""
    debian: list[DebianPackage] = field(default_factory=list)
    python: list[PythonPackage] = field(default_factory=list)


def read(root: Path) -> Inventory:
    """Look through a root file system.

    Raises:
        ReleaseError: It is not one of Debian.
    """
    return Inventory(_system(root), sorted(_debian(root)), sorted(_python(root)))


def _system(root: Path) -> tuple[str, str]:
    file = root / "usr/lib/os-release"
    if not file.exists():
        raise ReleaseError(f"no {file.relative_to(root)}: is this the root of a Debian system?")
    found = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', file.read_text(), re.MULTILINE))
    return found["ID"], found["VERSION_ID"]


def _debian(root: Path) -> Iterator[DebianPackage]:
    file = root / _STATUS
    if not file.exists():
        raise ReleaseError(f"no {_STATUS}: its list of packages was removed, and nothing says what is in it")
    for entry in re.split(r"\n\n+", file.read_text().strip()):
        record = email.message_from_string(entry)
        if record["Status"].split()[-1] != "installed":
            continue
        name, version = record["Package"], record["Version"]
        source, _, source_version = record.get("Source", name).partition(" ")
        yield DebianPackage(
            name, version, record["Architecture"], source, source_version.strip("()") or version,
            tuple(_debian_licences(root / "usr/share/doc" / name / "copyright")),
        )  # fmt: skip


def _debian_licences(file: Path) -> Iterator[str]:
    """The short names in a copyright file that machines can read; none in one that they cannot."""
    if not file.exists():
        return
    said = file.read_text(errors="replace")
    if re.match(r"Format:.*copyright-format", said, re.IGNORECASE):
        yield from sorted({name.strip() for name in re.findall(r"(?m)^License:[ \t]*(\S.*)$", said)})


def _python(root: Path) -> Iterator[PythonPackage]:
    for folder in sorted([*root.rglob("*.dist-info"), *root.rglob("*.egg-info")]):
        records = [folder / name for name in ("METADATA", "PKG-INFO") if (folder / name).exists()]
        if not records:
            raise ReleaseError(f"{folder.relative_to(root)} has no METADATA: nothing says what it is")
        record = email.message_from_string(records[0].read_text())
        yield PythonPackage(
            re.sub(r"[-_.]+", "-", record["Name"]).lower(), record["Version"], str(folder.relative_to(root)),
            tuple(_python_licences(record)),
            tuple(str(path.relative_to(root)) for path in sorted((folder / "sboms").glob("*"))),
        )  # fmt: skip


def _python_licences(record: Message) -> list[str]:
    """The best of what a distribution says: an expression of SPDX, a name, or its classifiers."""
    for name in ("License-Expression", "License"):
        said = str(record.get(name, "")).strip()
        if said and said != "UNKNOWN" and len(said) <= _SHORT and "\n" not in said:
            return [said]
    classified = [one for one in record.get_all("Classifier", []) if one.startswith("License :: ")]
    return sorted(one.rpartition(" :: ")[2] for one in classified)
