"""The words of the documents: the field's own, or in the glossary."""

import re
from pathlib import Path

import pytest

from tests.repository.sources import ROOT, named, shown, text

GLOSSARY = re.findall(r"^\| (?!word\b)([^|]+) \| ", text(ROOT / "docs/glossary.md"), re.MULTILINE)
READ_BY_USERS = [
    path
    for path in named("*.md", "examples/*.yaml", "helm/*.yaml", "helm/*/NOTES.txt", "crds/*.yaml")
    if not shown(path).startswith("docs/decisions/")  # what was decided is left as it was written
]
SOURCES = [path for path in named("*.py", "*.c", "*.js", "*.html") if not shown(path).startswith("tests/")]
HARD_TO_READ = (
    r"(?i)for want of|hard upon|whomever|whoever|whosoever|\bdares?\b|pretend(?:s|ed)?\b|\bwish(?:es|ed)?\b"
    r"|\bparagraphs?\b|\bpatience\b|\bstrangers?\b|on its head|\bthe lane\b|\bHTTP HTTP\b|\ba HTTP\b"
)


def test_the_glossary_is_short_and_in_order() -> None:
    assert sorted(GLOSSARY, key=str.lower) == GLOSSARY
    assert 0 < len(GLOSSARY) <= 25


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_the_glossary_is_found(page: str) -> None:
    assert "(docs/glossary.md" in text(ROOT / page)


@pytest.mark.parametrize("word", GLOSSARY)
def test_every_word_of_the_glossary_is_used(word: str) -> None:
    used = [
        path
        for path in named("*.md", "*.py")
        if path.name not in {"glossary.md", Path(__file__).name}
        and re.search(rf"\b{word}s?\b", text(path), re.IGNORECASE)
    ]
    assert used != []


@pytest.mark.parametrize("page", READ_BY_USERS, ids=shown)
def test_no_page_uses_words_that_send_a_reader_to_a_dictionary(page: Path) -> None:
    found = [
        f"{number}: {line.strip()[:120]}"
        for number, line in enumerate(text(page).splitlines(), start=1)
        if re.search(HARD_TO_READ, line)
    ]
    assert found == []


def test_no_source_uses_such_words_or_our_former_names() -> None:
    """A class, a variable or a comment that only its author understands comes back into the documents."""
    former = re.compile(rf"{HARD_TO_READ}|(?-i:\b(?:Dial|Sheet)s?\b)")
    found = [
        f"{shown(path)}:{number}: {line.strip()[:120]}"
        for path in SOURCES
        for number, line in enumerate(text(path).splitlines(), start=1)
        if former.search(line)
    ]
    assert found == []
