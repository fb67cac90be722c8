"""import-linter's contract type `door`: a module has few importers, and each of them is named.

The built-in `forbidden` needs a stanza for each library; here a line is enough. A door that no longer
imports its library breaks the contract, too: the list stays true in both directions.
"""

from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class DoorContract(Contract):
    """Each line of `doors` is `imported = module, module`: these import it directly, and nobody else does."""

    type_name = "door"
    doors = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        faults: list[str] = []
        for line in cast("list[str]", self.doors):
            imported, _, named = (part.strip() for part in line.partition("="))
            doors = set() if named == "nobody" else set(named.replace(" ", "").split(","))
            known = imported in graph.modules  # a library that nobody imports is not in the graph
            importers = graph.find_modules_that_directly_import(imported) if known else set()
            faults += [f"{one} imports {imported}: {named} may" for one in sorted(importers - doors)]
            faults += [f"{one} does not import {imported}: no door" for one in sorted(doors - importers)]
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for fault in check.metadata["faults"]:
            output.print_error(fault)
