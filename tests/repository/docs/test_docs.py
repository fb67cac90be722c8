"""Documents that lead somewhere: links, commands and paths that they name exist."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.repository.sources import ROOT, files, named, shown, text

PAGES = named("*.md")
MANUAL = [*PAGES, *named("examples/*.yaml", "helm/*/NOTES.txt", "helm/*/values.yaml")]


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text(page))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = page if not name else (page.parent / name)
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", MANUAL, ids=shown)
def test_make_targets_exist(page: Path) -> None:
    named_targets = set(re.findall(r"(?:`|^ *\$? *)make ([a-z][a-z-]*)", text(page), re.MULTILINE))
    assert named_targets <= set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", MANUAL, ids=shown)
def test_devcluster_commands_exist(page: Path) -> None:
    words = re.findall(r"-m devcluster(?: --name \S+)? ([a-z]+)|`devcluster ([a-z]+)", text(page))
    assert {one or other for one, other in words} <= devcluster_commands()


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_paths_in_backticks_exist(page: Path) -> None:
    """`docs/x.md` or `operator/y.py` in a text must be there, seen from the root or from the page."""
    tops = {path.relative_to(ROOT).parts[0] for path in files()}
    missing = [
        name
        for name in re.findall(r"`([A-Za-z_.][\w./-]*/[\w./-]*)`", text(page))
        if name.split("/")[0] in tops and not (ROOT / name).exists() and not (page.parent / name).exists()
    ]
    assert [name for name in missing if not name.endswith("/__init__.py")] == []  # what must not be there


def anchors(page: Path) -> set[str]:
    """The anchors that a Git host makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(markdown: str) -> str:
    return re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)


@cache
def devcluster_commands() -> set[str]:
    """As its own help lists them."""
    command = [sys.executable, "-m", "devcluster", "--help"]
    wide = os.environ | {"COLUMNS": "200"}
    usage = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=wide).stdout
    listed = re.search(r"\{([a-z,]+)\}", usage)
    assert listed is not None
    return set(listed[1].split(","))


def test_the_tests_that_stop_a_threat_are_there() -> None:
    places = [ROOT / "tests" / folder for folder in ("serving_image", "operator", ".")]
    rows = [line.split("|")[-2] for line in text(ROOT / "docs/security.md").splitlines() if "|" in line]
    told = {name for row in rows for name in re.findall(r"`([a-z_/]+/test_\w+\.py)`", row)}
    assert len(told) > 10
    assert {name for name in told if not any((place / name).is_file() for place in places)} == set()


def test_the_index_of_decisions_is_complete() -> None:
    """Numbered one after another, each with a line in the index."""
    folder = ROOT / "docs/decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"^- \[.*\]\((\S+)\)$", text(folder / "README.md"), re.MULTILINE) == records
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
