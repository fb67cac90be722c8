"""One version everywhere: where it is written, and what becomes of the changelog."""

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from release import versions
from release.errors import ReleaseError
from tests.repository.sources import ROOT, files, shown, text

DISTRIBUTIONS = ("crds", "operator", "serving_image")
DAY = date(2026, 12, 1)
LOG = """\
# Changelog

## 0.2.0 (unreleased)

### Added

- New.

## 0.1.0 (2026-11-01)

- Old.
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Every file that names a version like ours."""
    for path in files():
        if versions.current(ROOT) in text(path):
            target = tmp_path / shown(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path


def test_all_places_get_the_new_version_and_nothing_else(copy: Path) -> None:
    """Once set and set back, the files are as they were; no mention of the old one is left that is ours."""
    was = versions.current(ROOT)
    names = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
    before = {name: (copy / name).read_bytes() for name in names}
    changed = versions.set_everywhere(copy, names, "9.8.7")
    assert versions.current(copy) == "9.8.7"
    alone = re.compile(rf"(?<![\w.=]){re.escape(was)}(?![\w.])")
    left = [
        f"{name}: {line.strip()}"
        for name in changed
        for line in (copy / name).read_text().splitlines()
        if alone.search(line)
    ]
    assert left == []
    assert {"README.md", "README.zh.md", "Dockerfile.operator", "docs/install.md"} <= set(changed)
    versions.set_everywhere(copy, names, was)
    assert {name: (copy / name).read_bytes() for name in names} == before


def test_no_file_names_our_version_in_a_place_that_is_not_known(copy: Path) -> None:
    """Such as a new sentence in a document, which a release would leave behind."""
    was = versions.current(ROOT)
    names = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
    versions.set_everywhere(copy, names, "9.8.7")
    alone = re.compile(rf"(?<![\w.=-]){re.escape(was)}(?![\w.])")
    others = {
        f"{name}: {line.strip()}"
        for name in names
        if not re.match(r"CHANGELOG|docs/decisions/|requirements/|devcluster/go/|tests/|pyproject.toml", name)
        for line in (copy / name).read_text().splitlines()
        if alone.search(line)
    }
    assert others == set()


def test_a_distribution_of_another_version_is_found(copy: Path) -> None:
    file = copy / "crds/pyproject.toml"
    file.write_text(file.read_text().replace(versions.current(ROOT), "0.0.9"))
    names = ["helm/paddlemodel-operator/Chart.yaml", *(f"{one}/pyproject.toml" for one in DISTRIBUTIONS)]
    with pytest.raises(ReleaseError, match=r"is not in crds/pyproject.toml: correct it there"):
        versions.set_everywhere(copy, names, "9.8.7")


@pytest.mark.parametrize("version", ["0.1.0", "0.1.1", "0.10.0", "1.0.0-rc.1"])
def test_a_newer_version_may_be_released(version: str) -> None:
    versions.check(version, "0.1.0")


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.2", "is no version"),
        ("v0.2.0", "is no version"),
        ("0.02.0", "is no version"),
        ("0.0.9", "is older"),
    ],
)
def test_other_versions_are_refused(version: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        versions.check(version, "0.1.0")


def test_the_unreleased_part_becomes_the_version_s() -> None:
    text, notes = versions.release_notes(LOG, "0.3.0", DAY)
    assert notes == "### Added\n\n- New.\n"
    assert text == LOG.replace("0.2.0 (unreleased)", "0.3.0 (2026-12-01)")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (LOG.replace("(unreleased)", "(2026-11-30)"), "has no part"),
        (LOG.replace("- New.\n", ""), "is empty"),
    ],
)
def test_nothing_is_released_that_has_no_notes(log: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        versions.release_notes(log, "0.3.0", DAY)


def test_our_own_changelog_has_something_to_release() -> None:
    _, notes = versions.release_notes(text(ROOT / "CHANGELOG.md"), "9.8.7", DAY)
    assert notes.startswith("### ")
