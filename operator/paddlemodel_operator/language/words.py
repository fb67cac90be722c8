"""The commands' sentences in the reader's language: English as it stands in the code, or its translation."""

import re
from contextvars import ContextVar
from typing import Final

from paddlemodel_operator.language.conditions import Language
from paddlemodel_operator.language.help import HELP
from paddlemodel_operator.language.sentences import SENTENCES

CHINESE: Final = {**HELP, **SENTENCES}
_language: Final[ContextVar[Language]] = ContextVar("language", default="en")


def speak(chosen: Language) -> None:
    """Choose the language of what follows; a process has one reader."""
    _language.set(chosen)


def language() -> Language:
    """The one that is spoken."""
    return _language.get()


def t(text: str, /, **given: object) -> str:
    """A text in the reader's language; what stands in braces is given by name."""
    found = CHINESE.get(text, text) if language() == "zh" else text
    return re.sub(r"\{(\w+)\}", lambda one: str(given.get(one[1], one[0])), found)
