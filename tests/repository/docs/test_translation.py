"""README.zh.md is README.md in Chinese: it leads to the same pages, by the same commands."""

import re

from tests.repository.docs.test_docs import without_code
from tests.repository.sources import ROOT, text

ENGLISH, CHINESE = text(ROOT / "README.md"), text(ROOT / "README.zh.md")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def targets(page: str) -> list[str]:
    return sorted(set(re.findall(r"\]\(([^)\s]+)\)", without_code(page))))


def shape(page: str) -> list[str]:
    """What each line begins with, where that gives it its form: headings, rows with their cells, points."""
    lines = without_code(page).splitlines()
    marks = [re.match(r"#+ |- |!\[|\|", line) for line in lines]
    return [f"{mark[0]}{line.count('|')}" for mark, line in zip(marks, lines, strict=True) if mark]


def test_its_commands_and_examples_are_the_same() -> None:
    assert _CODE.findall(CHINESE) == _CODE.findall(ENGLISH)
    assert len(_CODE.findall(ENGLISH)) > 5


def test_it_leads_to_the_same_places() -> None:
    assert set(targets(CHINESE)) ^ set(targets(ENGLISH)) == {"README.md", "README.zh.md"}


def test_it_has_the_same_headings_tables_and_points() -> None:
    assert shape(CHINESE) == shape(ENGLISH)


def test_what_one_types_is_the_same() -> None:
    typed = {one for one in re.findall(r"`([^`\n]+)`", without_code(ENGLISH)) if re.match(r"[a-z.]", one)}
    assert {one for one in typed if f"`{one}`" not in CHINESE} == set()


def test_no_paragraph_is_left_in_english() -> None:
    paragraphs = without_code(CHINESE).split("\n\n")
    assert [one for one in paragraphs if re.search(r"([a-z]+ ){6}", one)] == []
