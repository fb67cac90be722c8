"""The recordings of docs/gitops.md: blocks that begin with `$ argocd` or `$ kubectl`, and what they print."""

import re
from collections.abc import Sequence

from tests.repository.sources import ROOT

PAGE = ROOT / "docs/gitops.md"
_BLOCK = re.compile(r"^```\n\$ ((?:argocd|kubectl) [^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from one cluster to the next, and what the width of a column is made of.
_CHANGING = (
    (re.compile(r"\b([a-z-]+)-[0-9a-z]{8,10}-[0-9a-z]{5}\b"), r"\1-POD"),
    (re.compile(r"\b([a-z-]+)-[0-9a-f]{8,10}\b"), r"\1-VERSION"),
    (re.compile(r"\([0-9a-f]{7}\)"), "(COMMIT)"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "COMMIT"),
    (re.compile(r"\b[a-z-]+-[a-z0-9]{5}\b(?= )"), "SLICE"),
    (re.compile(r"\b(\d+[smhd])+\b"), "AGE"),
    (re.compile(r"[├└│]─?"), ""),
    (re.compile(r"\d+(\.\d+)?"), "0"),
)

Told = tuple[str, str]
"""A command line, and what it printed."""


def recordings() -> list[Told]:
    return _BLOCK.findall(PAGE.read_text())


def comparable(text: str) -> list[str]:
    """The words, without what changes, sorted: a tree has its branches in any order."""
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return sorted(text.split())


def renew(told: Sequence[Told]) -> None:
    """Write what was printed now into the page, block by block."""
    blocks = iter(told)

    def renewed(_: re.Match[str]) -> str:
        line, printed = next(blocks)
        return f"```\n$ {line}\n{printed}```"

    PAGE.write_text(_BLOCK.sub(renewed, PAGE.read_text()))
