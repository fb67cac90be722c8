"""A condition's message in the reader's language: the cure, and behind it the English sentence; pure.

The sentence names objects and quotes others, so it stays. Type and reason are for programs, and stay too.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from paddlemodel_operator.language.cures import OF_TYPE

Language = Literal["en", "zh"]
DETAILS: Final = "详情："
MESSAGE_MAX: Final = 2048
"""Characters that the definition allows."""


def worded(kind: str, reason: str, message: str, language: Language) -> str:
    """The message of a condition in a language, whichever it has now.

    Args:
        kind: the type of the condition.
        reason: its reason.
        message: in English, or as this function has made it.
        language: English has no cure in front: the sentence says it.
    """
    cure = OF_TYPE.get(kind, {}).get(reason)
    if cure is None:
        return message
    front = cure + DETAILS
    sentence = message.removeprefix(front)
    return sentence if language == "en" else (front + sentence)[:MESSAGE_MAX]


def of_status(status: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """The status of a PaddleModel with the messages of its conditions in a language."""
    return {
        **status,
        "conditions": [
            {**one, "message": worded(one["type"], one["reason"], one["message"], language)}
            for one in status.get("conditions", ())
        ],
    }
