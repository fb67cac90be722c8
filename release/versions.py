"""The places where the version is written, and the part of the changelog that becomes its own."""

import re
import tomllib
from datetime import date
from pathlib import Path

from release.errors import ReleaseError

SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*)?")
CHANGELOG = "CHANGELOG.md"
#: Files in which an image's name is one of the past, or of an example.
_KEPT = re.compile(r"CHANGELOG\.md|docs/decisions/.*|requirements/.*|devcluster/go/.*|tests/release/.*")
#: What stands around the version, wherever it is ours; a number alone may be anybody's.
_AROUND = [
    (r"\b(?:operator|server):", r"(?!\w|\.\d)"),
    (r"\bpaddlemodel-operator-", r"(?=\.tgz)"),
    (r"\bpaddlemodel-operator --version ", r"\b"),
    (r"\btag=", r"(?=-[cg]pu)"),
    (r'"server":"paddlemodel-server","version":"', r'(?=")'),
    (r"^ARG VERSION=", r"$"),
    (r"\| `VERSION` \| ", r"(?= \|)"),
    (r"A digest may follow the tag: ", r"(?=@)"),
]
_FILES = {
    "crds/pyproject.toml": (r'^version = "', r'(?="$)'),
    "operator/pyproject.toml": (r'^version = "', r'(?="$)'),
    "serving_image/pyproject.toml": (r'^version = "', r'(?="$)'),
    "helm/paddlemodel-operator/Chart.yaml": (r"^(?:appV|v)ersion: ", r"$"),
}


def current(root: Path) -> str:
    """The version of a checkout, as its operator's distribution has it."""
    version: str = tomllib.loads((root / "operator/pyproject.toml").read_text())["project"]["version"]
    return version


def set_everywhere(root: Path, names: list[str], version: str) -> list[str]:
    """Write another version into all files that name ours; returns those that it changed.

    Args:
        root: A checkout.
        names: Its files, relative to it.
        version: The new one.

    Raises:
        ReleaseError: One of the files that must name it does not.
    """
    was = current(root)
    changed = []
    for name in names:
        if _KEPT.fullmatch(name) or not (root / name).is_file():
            continue
        content = (root / name).read_bytes()
        if was.encode() not in content:
            continue
        text = content.decode()
        after = _with(text, was, version, [*_AROUND, *([_FILES[name]] if name in _FILES else [])])
        if after != text:
            (root / name).write_text(after)
            changed.append(name)
    if was != version and not set(_FILES) <= set(changed):
        raise ReleaseError(
            f"{was} is not in {', '.join(sorted(set(_FILES) - set(changed)))}: correct it there"
        )
    return changed


def _with(text: str, was: str, version: str, places: list[tuple[str, str]]) -> str:
    for before, after in places:
        text = re.sub(f"({before}){re.escape(was)}(?:{after})", rf"\g<1>{version}", text, flags=re.MULTILINE)
    return text


def check(version: str, was: str) -> None:
    """A version may be released once it is a version, and none of the past.

    Raises:
        ReleaseError: It is not.
    """
    if not SEMVER.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version such as 0.2.0 or 1.0.0-rc.1")
    if _numbers(version) < _numbers(was):
        raise ReleaseError(f"{version} is older than {was}, which the checkout has")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def release_notes(text: str, version: str, day: date) -> tuple[str, str]:
    """The changelog with the unreleased part as this version's, and that part alone.

    Raises:
        ReleaseError: There is no such part, or nothing is in it.
    """
    found = re.search(r"(?m)^## \S+ \(unreleased\)\n", text)
    if found is None:
        raise ReleaseError(f"{CHANGELOG} has no part '## VERSION (unreleased)': say there what has changed")
    heading = f"## {version} ({day.isoformat()})\n"
    rest = text[found.end() :]
    end = re.search(r"(?m)^## ", rest)
    notes = rest[: end.start() if end else len(rest)].strip()
    if not re.search(r"(?m)^- ", notes):
        raise ReleaseError(f"the unreleased part of {CHANGELOG} is empty: say there what has changed")
    return text[: found.start()] + heading + rest, notes + "\n"
