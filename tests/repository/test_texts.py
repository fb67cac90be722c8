"""The texts that users read are wrapped by hand: a re-wrap leaves scars, literals of one or two words."""

import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.repository.sources import files, shown, text

LEAST = 20  # characters of a literal between two others
STARTS = {tokenize.STRING, getattr(tokenize, "FSTRING_START", tokenize.STRING)}
ENDS = {tokenize.STRING, getattr(tokenize, "FSTRING_END", tokenize.STRING)}
BETWEEN = {tokenize.NL, tokenize.COMMENT}


def concatenations(source: str) -> Iterator[list[tuple[int, str]]]:
    """Literals that stand behind each other, with their lines; since Python 3.12 an f-string is several."""
    row: list[tuple[int, str]] = []
    depth, begun = 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in STARTS and depth == 0:
            begun = token.start
        depth += (token.type in STARTS) - (token.type in ENDS)
        if token.type in ENDS and depth == 0:
            row.append((begun[0], between(source, begun, token.end)))
        elif token.type not in BETWEEN and depth == 0 and token.type not in STARTS:
            if len(row) > 1:
                yield row
            row = []


def between(source: str, begun: tuple[int, int], ended: tuple[int, int]) -> str:
    """What stands between two places, as tokenize tells them: lines from 1, columns from 0."""
    lines = source.split("\n")[begun[0] - 1 : ended[0]]
    lines[-1] = lines[-1][: ended[1]]
    lines[0] = lines[0][begun[1] :]
    return "\n".join(lines)


def short(path: Path) -> Iterator[str]:
    """Literals between two others that hold less than a line of a text does."""
    for row in concatenations(text(path)):
        for line, literal in row[1:-1]:
            if len(literal.strip("rbfRBF").strip("'\"")) < LEAST:
                yield f"{shown(path)}:{line}: {literal}"


def test_no_text_is_cut_into_scraps() -> None:
    found = [scrap for path in files() if path.suffix == ".py" for scrap in short(path)]
    assert found == []


def test_a_scrap_is_found() -> None:
    source = (
        'a = (\n    "a first line of a text "\n    f"and "  # a comment\n    "a last line",\n)\nb = "x" "y"\n'
    )
    rows = list(concatenations(source))
    assert [[literal for _, literal in row] for row in rows] == [
        ['"a first line of a text "', 'f"and "', '"a last line"'],
        ['"x"', '"y"'],
    ]
