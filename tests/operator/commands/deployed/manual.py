"""The recordings of docs/kubectl.md: a fenced block that begins with `$ paddlemodel`, and what it printed."""

import re
from collections.abc import Callable
from pathlib import Path

PAGE = Path(__file__).parents[4] / "docs/kubectl.md"
_BLOCK = re.compile(r"^```\n\$ paddlemodel ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from one cluster to the next.
_CHANGING = (
    (re.compile(r"The pods are being created\."), "The Deployment is being created or changed."),
    (re.compile(r"\b([a-z-]+)-[0-9a-f]{6,10}-[0-9a-z]{5}\b"), r"\1-POD"),
    (re.compile(r"\b[0-9a-f]{10}\b"), "VERSION"),
    (re.compile(r"\d+(\.\d+)?"), "0"),
    (re.compile(r"\b0[smhd]\b"), "AGE"),
)


def recordings() -> list[tuple[str, str]]:
    """Every command line, and what the page says that it prints."""
    return _BLOCK.findall(PAGE.read_text())


def comparable(text: str) -> list[str]:
    """The words, without what changes: names of pods, ages, measured numbers."""
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text.split()


def renew(printed: Callable[[str], str]) -> None:
    """Write what the commands print now into the page."""
    PAGE.write_text(
        _BLOCK.sub(lambda found: f"```\n$ paddlemodel {found[1]}\n{printed(found[1])}```", PAGE.read_text())
    )
