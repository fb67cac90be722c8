"""The parser of each command, whose help is in the reader's language."""

import argparse
import copy
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from paddlemodel_operator.language.words import language, t

_ABOUT: Final = re.compile(r"(  \S.*?(?:  +(?:# )?| # ))(.*)")
"""A line of examples, or of a list of commands: what one types, and behind it what it is."""


class Parser(argparse.ArgumentParser):
    """English all through but for what `--help` prints: completion and refusals have the same texts."""

    def __init__(self, command: str, description: str, epilog: str) -> None:
        """Make one for a command; the epilog has its examples."""
        super().__init__(
            prog=f"paddlemodel {command}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def format_help(self) -> str:
        """As argparse puts it together, of translated texts."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups, t("usage: "))
        formatter.add_text(blocks(self.description or ""))
        for group in self._action_groups:
            actions = group._group_actions  # noqa: SLF001 - argparse has no other list of them
            formatter.start_section(t(group.title or ""))
            formatter.add_arguments([_translated(one) for one in actions])
            formatter.end_section()
        formatter.add_text(blocks(self.epilog or ""))
        return formatter.format_help()


def blocks(text: str) -> str:
    """A text of a help page in the reader's language: each block, and what stands behind commands."""
    if language() == "en":
        return text
    return "\n\n".join("\n".join(_lines(one)) for one in text.split("\n\n"))


def _lines(block: str) -> Iterator[str]:
    for is_indented, lines in groupby(block.rstrip("\n").split("\n"), lambda line: line.startswith("  ")):
        if not is_indented:
            yield t(" ".join(lines))
            continue
        for line in lines:
            found = _ABOUT.fullmatch(line)
            yield f"{found[1]}{t(found[2])}" if found else line


def _translated(action: argparse.Action) -> argparse.Action:
    found = copy.copy(action)
    found.help = t(action.help or "")
    return found
