"""What the commands say: each sentence has both languages, and none is left out."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_operator import cli, commands
from paddlemodel_operator.commands import options
from paddlemodel_operator.commands.deployed.doctor.seen import State
from paddlemodel_operator.commands.listed import COMMANDS
from paddlemodel_operator.language.help import HELP
from paddlemodel_operator.language.sentences import SENTENCES
from paddlemodel_operator.language.words import CHINESE, speak, t

FOLDER = Path(commands.__file__).parent
TRANSLATED = [
    *(FOLDER / "deployed" / f"{name}.py" for name in ("connection", "facts", "operator_settings")),
    *(FOLDER / "deployed" / f"{name}.py" for name in ("rollout_page", "status", "status_page")),
    *sorted((FOLDER / "deployed/doctor").glob("*.py")),
]
"""The modules behind `status` and `doctor`: all that they say is in both languages."""
_GIVEN = re.compile(r"\{\w+\}")


@pytest.fixture
def chinese() -> Iterator[None]:
    """Words are Chinese in one test."""
    speak("zh")
    yield
    speak("en")


def literals(path: Path, *, inside: bool) -> set[str]:
    """The texts in a module that stand in a call of `t`, or outside of all of them and are no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    asked = [node.args[0] for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_t(node)]
    found = {id(node): node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    given = {id(node) for one in asked for node in ast.walk(one)}
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        text
        for key, text in found.items()
        if isinstance(text, str) and (key in given) == inside and (inside or key not in documents)
    }


def _is_t(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "t" and bool(call.args)


def test_every_sentence_of_status_and_doctor_has_both_languages_and_there_are_no_others() -> None:
    asked = set().union(*(literals(path, inside=True) for path in TRANSLATED))
    assert len(asked) > 80
    assert asked | {one.value for one in State} == set(SENTENCES)


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: path.stem)
def test_status_and_doctor_say_nothing_else(path: Path) -> None:
    """A text with two words in a row outside of `t` would be English for everybody."""
    helps = {"DESCRIPTION", "EXAMPLES"}
    module = importlib.import_module(
        "paddlemodel_operator.commands." + ".".join(path.relative_to(FOLDER).with_suffix("").parts)
    )
    known = {getattr(module, name, "") for name in helps} | set(HELP) | set(SENTENCES)
    known.add("kubectl logs --namespace ")
    said = {text for text in literals(path, inside=False) if re.search(r"[a-z]+ [a-z]+", text)}
    assert said - known == set()


@pytest.mark.usefixtures("chinese")
def test_every_text_of_a_help_page_has_both_languages_and_there_are_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: set[str] = set()

    def record(text: str) -> str:
        asked.add(text)
        return t(text)

    monkeypatch.setattr(options, "t", record)
    for module in COMMANDS.values():
        page = importlib.import_module(module).options().format_help()
        assert not re.search(r"(?m)^[A-Za-z]+ [a-z]+ [a-z]+", page.partition("\n\n")[2]), page
    options.blocks(cli.HELP)
    assert asked - {""} == set(HELP)


@pytest.mark.parametrize(("english", "words"), CHINESE.items())
def test_a_translation_keeps_what_is_given_and_what_one_types(english: str, words: str) -> None:
    assert sorted(_GIVEN.findall(english)) == sorted(_GIVEN.findall(words))
    typed = re.findall(
        r"`[^`]+`|--[a-z-]+|spec\.[A-Za-z.]*[a-zA-Z]|[A-Z]+_[A-Z_]+|docs/\S+md|-[A-Za-z]\b", english
    )
    assert all(one in words for one in typed), typed


@pytest.mark.usefixtures("chinese")
def test_what_is_given_is_not_looked_at_again() -> None:
    assert t("not known: {why}", why="{why} {name}") == "未知：{why} {name}"


@pytest.mark.usefixtures("chinese")
def test_without_a_translation_it_is_english() -> None:
    assert t("nobody has said {this}", this="that") == "nobody has said that"
