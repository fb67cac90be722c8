"""Every reason that the sources give a condition, read from the syntax trees."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import paddlemodel_operator
import paddlemodel_server

_POSITION = {"Condition": 1, "_told": 1, "Fault": 0, "broken": 0, "Told": 0}
"""Where the reason stands in a call."""


def of_operator() -> set[str]:
    """The reasons in calls that make a condition, or a fault that becomes one."""
    return {one for path in _sources(paddlemodel_operator.__file__) for one in _of_file(path)}


def of_images() -> set[str]:
    """The reasons of StartErrors, but for the commands that people call, which make no condition."""
    files = _sources(paddlemodel_server.__file__)
    return {one for path in files if "commands" not in path.parts for one in _start_errors(path)}


def _sources(package: str | None) -> list[Path]:
    return sorted(Path(package or "").parent.rglob("*.py"))


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


def _of_file(path: Path) -> Iterator[str]:
    folder = Path(paddlemodel_operator.__file__).parent
    module = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
    for name, call in _calls(path):
        at = _POSITION.get(name)
        if at is None or len(call.args) <= at or "commands" in path.parts:
            continue
        yield from _words(call.args[at], module)


def _start_errors(path: Path) -> Iterator[str]:
    for name, call in _calls(path):
        if name == "StartError" and call.args:
            yield from _words(call.args[0], "paddlemodel_server.access.certificate")


def _words(argument: ast.expr, module: str) -> Iterator[str]:
    """The texts in an argument, and those that constants of the module or of the contract stand for."""
    for node in ast.walk(argument):
        if isinstance(node, ast.Constant) and _is_reason(node.value):
            yield node.value
        if isinstance(node, ast.Name | ast.Attribute):
            value: object = importlib.import_module(module)
            for part in ast.unparse(node).split("."):
                value = getattr(value, part, None)
            if _is_reason(value):
                yield value


def _is_reason(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and re.fullmatch("[A-Z][A-Za-z]+", value) is not None
