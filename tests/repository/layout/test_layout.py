"""The layout that keeps Python's imports sane, and the limits that keep files readable."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.repository.sources import ROOT, files, shown, text

LINES_MAX = 300


def test_project_folders_are_no_packages() -> None:
    """`operator/__init__.py` would shadow the standard library's operator, and kill even pip."""
    wrong = [
        shown(path)
        for folder in ("crds", "operator", "serving_image")
        for path in sorted((ROOT / folder).glob("*.py"))
    ]
    assert wrong == []


def test_test_folders_are_no_packages() -> None:
    """`tests/operator/__init__.py` would do the same inside the tests."""
    assert [shown(path) for path in sorted((ROOT / "tests").rglob("__init__.py"))] == []


def test_files_stay_short() -> None:
    long = {shown(path): len(text(path).splitlines()) for path in files() if path.suffix in {".py", ".sh"}}
    assert {name: lines for name, lines in long.items() if lines >= LINES_MAX} == {}


def test_modules_say_why_they_exist() -> None:
    silent = [
        shown(path)
        for path in named_python()
        if text(path).strip() and not re.match(r'(#!.*\n)?r?"""\S', text(path))
    ]
    assert silent == []


def named_python() -> list[Path]:
    return [path for path in files() if path.suffix == ".py"]


@pytest.mark.parametrize(
    "distribution",
    ["crds/paddlemodel_api", "operator/paddlemodel_operator", "serving_image/paddlemodel_server"],
)
def test_every_package_is_shipped(distribution: str) -> None:
    """A folder without `__init__.py` works here, editable, and is missing in the image."""
    folder = ROOT / distribution
    packages = {
        str(init.parent.relative_to(folder.parent)).replace("/", ".") for init in folder.rglob("__init__.py")
    }
    modules = {str(path.parent.relative_to(folder.parent)).replace("/", ".") for path in folder.rglob("*.py")}
    assert modules == packages
    project = tomllib.loads(text(folder.parent / "pyproject.toml"))
    assert project["tool"]["setuptools"]["packages"] == {"find": {"include": [f"{folder.name}*"]}}
