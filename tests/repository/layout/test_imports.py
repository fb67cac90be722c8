"""The contracts of `.importlinter`: we keep them, and each kind is seen to break when it should."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.layout.contracts import modules
from tests.repository.sources import ROOT, named, shown, text

LINT = str(Path(sys.executable).parent / "lint-imports")
HEADER = """
[importlinter]
root_package = toy
include_external_packages = True
contract_types =
    door: tests.repository.layout.contracts.DoorContract
    pure: tests.repository.layout.contracts.PureContract

[importlinter:contract:one]
name = The one
"""
LAYERS = """
type = layers
containers = toy
exhaustive = True
layers =
    top
    left | right
    low
"""
DOOR = """
type = door
doors =
    json = toy.top
    toy.low = nobody
"""
PURE = """
type = pure
modules =
    toy: left, low
without = json, os
"""
CIRCLES = """
type = acyclic_siblings
ancestors =
    toy
"""
IN_ORDER = {"top": "import json", "left": "", "right": "", "low": ""}


def lint(folder: Path, contract: str, modules: dict[str, str]) -> tuple[int, str]:
    """Checks one contract on a package `toy` made of these modules."""
    package = folder / "toy"
    package.mkdir()
    for name, source in {"__init__": "", **modules}.items():
        (package / f"{name}.py").write_text(f"{source}\n")
    (folder / ".importlinter").write_text(HEADER + contract.lstrip())
    done = subprocess.run(
        [LINT, "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join(done.stdout.split())


@pytest.mark.parametrize("contract", [LAYERS, DOOR, PURE, CIRCLES])
def test_a_contract_that_is_kept_passes(tmp_path: Path, contract: str) -> None:
    code, said = lint(tmp_path, contract, IN_ORDER)
    assert (code, "Contracts: 1 kept, 0 broken." in said) == (0, True), said


@pytest.mark.parametrize(
    ("contract", "changed", "sentence"),
    [
        pytest.param(LAYERS, {"low": "import toy.top"}, "toy.low -> toy.top", id="an import upwards"),
        pytest.param(LAYERS, {"left": "import toy.right"}, "toy.left -> toy.right", id="an import sidewards"),
        pytest.param(LAYERS, {"new": ""}, "toy.new", id="a module without a layer"),
        pytest.param(
            DOOR, {"low": "import json"}, "toy.low imports json: toy.top may", id="a library beside its door"
        ),
        pytest.param(
            DOOR,
            {"top": "def late():\n    import json\n\nimport toy.low"},
            "toy.top imports toy.low: nobody may",
            id="a module of ours that nobody may import",
        ),
        pytest.param(DOOR, {"top": ""}, "toy.top does not import json: no door", id="a door that is none"),
        pytest.param(
            PURE, {"left": "import toy.top"}, "toy.left -> toy.top", id="a forbidden library, indirectly"
        ),
        pytest.param(PURE, {"low": "import os"}, "toy.low -> os", id="another one in another module"),
        pytest.param(
            DOOR.replace("json =", "json, os ="),
            {"top": "import json\nimport os", "left": "import os"},
            "toy.left imports os: toy.top may",
            id="the second library of a door",
        ),
        pytest.param(
            CIRCLES,
            {"left": "import toy.low", "low": "import toy.left"},
            "No cycles are allowed",
            id="a circle",
        ),
    ],
)
def test_a_contract_that_is_violated_breaks(
    tmp_path: Path, contract: str, changed: dict[str, str], sentence: str
) -> None:
    code, said = lint(tmp_path, contract, IN_ORDER | changed)
    assert (code, sentence in said) == (1, True), said


def test_our_contracts_are_kept() -> None:
    """Also for those who run only the tests."""
    done = subprocess.run([LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def contracts() -> list[configparser.SectionProxy]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return [parser[name] for name in parser.sections() if name != "importlinter"]


def test_every_kind_of_contract_in_use_was_seen_to_break() -> None:
    ours = {contract["type"] for contract in contracts()}
    assert ours == {"layers", "door", "pure", "acyclic_siblings"}


def test_no_contract_allows_what_it_forbids_by_a_detour() -> None:
    assert [contract["name"] for contract in contracts() if "allow_indirect_imports" in contract] == []


def test_a_module_that_calls_itself_pure_is_held_to_it() -> None:
    """A docstring is a claim; the contracts about purity name the module, or the room that it is in."""
    held = pure_modules()
    loose = [
        shown(path)
        for path in named("crds/*.py", "operator/*.py", "serving_image/*.py")
        if re.search(r"[;:.] pure\b|\bPure\b|is pure\b", docstring(path))
        and not any(f"{module(path)}.".startswith(f"{one}.") for one in held)
    ]
    assert loose == []


def pure_modules() -> set[str]:
    pure = [contract["modules"] for contract in contracts() if contract["type"] == "pure"]
    return {name for lines in pure for name in modules(lines.splitlines())}


def docstring(path: Path) -> str:
    found = re.match(r'"""(.*?)"""', text(path), re.DOTALL)
    return found[1] if found else ""


def module(path: Path) -> str:
    """The dotted name of a file of one of the distributions."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts[1:]).removesuffix(".__init__")
