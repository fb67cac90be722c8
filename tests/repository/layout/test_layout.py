"""The layout that keeps Python's imports sane, and the limits that keep files readable."""

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.repository.sources import ROOT, files, shown, text

LINES_MAX = 300
CODE_MAX = 30  # of a function, without its signature, docstring, comments and blank lines
STORY_MAX = 45  # of a test or a helper of tests, which tells a story in order
MODULES_MAX = 14

LONG = {
    "one value, written out: cut in pieces it could not be compared by eye": {
        "benchmarks/serving/workloads.py::convnet",
        "devcluster/nodes/control_plane.py::api_server",
        "devcluster/nodes/node.py::_kubelet",
        "serving_image/paddlemodel_server/describe/openapi.py::_plain",
        "serving_image/paddlemodel_server/describe/schemas.py::_infer_request",
        "serving_image/paddlemodel_server/describe/schemas.py::components",
        "serving_image/paddlemodel_server/tasks/text/documents.py::describe",
        "tests/operator/support/manifests.py::everything",
    },
    "one table of options or metrics, a few lines for each": {
        "benchmarks/serving/__main__.py::_arguments",
        "devcluster/__main__.py::_parser",
        "serving_image/paddlemodel_server/commands/export/command.py::_parser",
        "serving_image/paddlemodel_server/metrics/exposition.py::collect",
    },
    "steps in order, of which none is used elsewhere": {
        "devcluster/builders/programs.py::_compile",
        "devcluster/demo/play.py::_play",
        "serving_image/paddlemodel_server/supervisor/main.py::_serve",
    },
    "layers of a network, which only a child process can define": {
        "tests/trained_tokens.py::_network",
    },
    "one decision or format, whose cases are read together": {
        "serving_image/paddlemodel_server/engine/autotune.py::_timed_sizes",
        "serving_image/paddlemodel_server/engine/autotune.py::lower_precision",
        "serving_image/paddlemodel_server/model/formats/pir.py::read",
        "serving_image/paddlemodel_server/supervisor/pool.py::_choose",
        "serving_image/paddlemodel_server/tasks/image_classification/plan.py::plan",
    },
}


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


def test_functions_stay_short_or_are_named_with_a_reason() -> None:
    """A name that is here and short again has to go, too."""
    long = {
        f"{shown(path)}::{function.name}"
        for path in named_python()
        for function in ast.walk(ast.parse(text(path)))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of_code(function, text(path).splitlines())
        >= (STORY_MAX if shown(path).startswith("tests/") else CODE_MAX)
    }
    assert long == set().union(*LONG.values())


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body or function.end_lineno is None:
        return 0
    inside = lines[body[0].lineno - 1 : function.end_lineno]
    return sum(1 for line in inside if line.strip() and not line.lstrip().startswith("#"))


def test_folders_stay_small() -> None:
    """So that a folder is read at once: more modules want rooms."""
    modules = Counter(path.parent for path in named_python())
    assert {shown(folder): count for folder, count in modules.items() if count > MODULES_MAX} == {}


PROGRAMS = {
    "operator": "operator/paddlemodel_operator",
    "serving_image": "serving_image/paddlemodel_server",
    "crds": "crds/paddlemodel_api",
}


@pytest.mark.parametrize(("tests", "program"), PROGRAMS.items(), ids=PROGRAMS)
def test_tests_stand_in_the_rooms_of_their_program(tests: str, program: str) -> None:
    """`tests/operator/render/` tests `render/`; what serves several rooms is in `support/`."""
    folder = ROOT / "tests" / tests
    rooms = {
        path.relative_to(folder).parts[0]
        for path in named_python()
        if path.is_relative_to(folder) and path.parent != folder
    } - {"support"}
    there = {path.name for path in (ROOT / program).iterdir() if (path / "__init__.py").exists()}
    assert rooms - there == set()


@pytest.mark.parametrize(("tests", "program"), PROGRAMS.items(), ids=PROGRAMS)
def test_every_room_has_tests(tests: str, program: str) -> None:
    rooms = {path.name for path in (ROOT / program).iterdir() if (path / "__init__.py").exists()}
    tested = {path.parent.name for path in (ROOT / "tests" / tests).glob("*/test_*.py")}
    assert rooms - tested <= TESTED_ELSEWHERE[tests]


TESTED_ELSEWHERE = {
    "operator": set(),
    "serving_image": set(),
    "crds": {"schema", "tasks"},  # what they print and accept is in tests/crds and tests/operator
}


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
