"""import-linter's contract types `door` and `pure`: a line each, where the built-in ones need a stanza.

`door`: a module has few importers, and each of them is named. A door that no longer imports its library
breaks the contract, too: the list stays true in both directions. `pure` is `forbidden` with several names in
a line.
"""

from collections.abc import Iterable
from typing import Any, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.contracts.forbidden import ForbiddenContract


def names(text: str) -> list[str]:
    """The parts of a list with commas; none where it is empty."""
    return [part.strip() for part in text.split(",") if part.strip()]


def modules(lines: Iterable[str]) -> list[str]:
    """The modules that lines such as `package` and `package: one, two.three` name."""
    halves = [[half.strip() for half in line.split(":")] for line in lines if line.strip()]
    return [".".join([package, *inside]) for package, *rest in halves for inside in _inside(rest)]


def _inside(rest: list[str]) -> list[list[str]]:
    return [[name] for name in names(rest[0])] if rest else [[]]


class DoorContract(Contract):
    """Each line of `doors` is `imported = module, module`: these import it directly, and nobody else does."""

    type_name = "door"
    doors = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        faults: list[str] = []
        for line in cast("list[str]", self.doors):
            libraries, _, named = (part.strip() for part in line.partition("="))
            doors = set() if named == "nobody" else set(names(named))
            for imported in names(libraries):
                known = imported in graph.modules  # a library that nobody imports is not in the graph
                importers = graph.find_modules_that_directly_import(imported) if known else set()
                faults += [f"{one} imports {imported}: {named} may" for one in sorted(importers - doors)]
                faults += [f"{one} does not import {imported}: no door" for one in sorted(doors - importers)]
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for fault in check.metadata["faults"]:
            output.print_error(fault)


class PureContract(ForbiddenContract):
    """`modules`, and what is inside them, import nothing of `without`, directly or by a detour."""

    type_name = "pure"

    def __init__(self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]) -> None:
        options = dict(contract_options)
        lines = options.pop("modules")
        options["source_modules"] = modules([lines] if isinstance(lines, str) else lines)
        options["forbidden_modules"] = names(options.pop("without"))
        super().__init__(name, session_options, options)
