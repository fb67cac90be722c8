"""ARCHITECTURE.md names every room once, and no room, file or door that is not there."""

import configparser
import re
from pathlib import Path

import pytest

from tests.repository.layout.contracts import modules
from tests.repository.sources import ROOT, files, text

PAGE = text(ROOT / "ARCHITECTURE.md")
SECTIONS = dict(re.findall(r"^## [^\n]*\(`([^`]+)`\)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
PROGRAMS = ("operator/paddlemodel_operator/", "serving_image/paddlemodel_server/", "crds/paddlemodel_api/")
QUESTIONS = re.findall(r"^\| ([^|]+\?) \| ([^|]+) \|$", PAGE, re.MULTILINE)


def rows(section: str) -> list[str]:
    """What the first column of a section's table names, in order."""
    cells = re.findall(r"^\| (`[^|]*`) \|", SECTIONS[section], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_room_of_a_program_is_named_once(program: str) -> None:
    """A room is a package at any depth, or a module beside the packages."""
    folder = ROOT / program
    inside = [path for path in files() if path.is_relative_to(folder) and path.suffix == ".py"]
    rooms = {f"{path.parent.relative_to(folder)}/" for path in inside if path.parent != folder}
    loose = {path.name for path in inside if path.parent == folder and path.name != "__init__.py"}
    assert sorted(rows(program)) == sorted(rooms | loose)


def test_every_folder_of_the_repository_is_named_once() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in files() if path.parent != ROOT}
    assert sorted(rows("./")) == sorted(f"{top}/" for top in tops if not top.startswith("."))


@pytest.mark.parametrize("program", PROGRAMS[:2])
def test_rooms_stand_in_the_order_of_their_imports(program: str) -> None:
    """That of the layers in `.importlinter`; rooms beside each other may change places."""
    linted = configparser.ConfigParser()
    linted.read(ROOT / ".importlinter")
    name = Path(program).name
    (layers,) = (one["layers"] for one in linted.values() if one.get("containers") == name)
    level = {room.strip(): n for n, line in enumerate(layers.split("\n")) for room in line.split("|") if line}
    tops = [row.removesuffix("/").removesuffix(".py") for row in rows(program) if row.count("/") < 2]
    assert sorted(level) == sorted(tops)
    assert [level[top] for top in tops] == sorted(level.values())


@pytest.mark.parametrize("program", PROGRAMS[:2])
def test_a_room_that_is_called_pure_is_held_to_it(program: str) -> None:
    """By the contracts about purity, as a whole."""
    linted = configparser.ConfigParser()
    linted.read(ROOT / ".importlinter")
    pure = [one["modules"] for one in linted.values() if one.get("type") == "pure"]
    held = {name for lines in pure for name in modules(lines.splitlines())}
    called = re.findall(r"^\| `([^`]+)/` \| .*\bpure\b", SECTIONS[program], re.MULTILINE)
    assert called
    assert {f"{Path(program).name}.{room}" for room in called} <= held


def test_twenty_questions_have_an_answer() -> None:
    assert len(QUESTIONS) == len({question for question, _ in QUESTIONS}) == 20


@pytest.mark.parametrize(("question", "answer"), QUESTIONS, ids=[question for question, _ in QUESTIONS])
def test_an_answer_leads_to_a_file_or_a_folder(question: str, answer: str) -> None:
    paths = re.findall(r"`([^`]+)`", answer)
    assert paths, question
    known = {Path(program).name: ROOT / program for program in PROGRAMS}
    missing = [
        path for path in paths for top, _, rest in [path.partition("/")] if not (known[top] / rest).exists()
    ]
    assert missing == []
