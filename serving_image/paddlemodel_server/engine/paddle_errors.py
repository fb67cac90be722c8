"""What Paddle says when it cannot load or run a model, as one sentence with the cure; pure.

warmup.py calls it with the text of Paddle's exception, which is otherwise a C++ stack trace. What can be seen
in the files was found before (files.py, formats/): here is what only Paddle knows. The texts are those of
PaddlePaddle 3.3; tests/serving_image/engine/test_paddle_errors.py provokes most of them.
"""

import re
from collections.abc import Sequence

from paddlemodel_server.engine.failures import said
from paddlemodel_server.errors import StartError

_UNKNOWN_OPERATOR = re.compile(r"Operator \(?(\w+)\)? (?:is not registered|does not have)")
# How a PIR program with an operator, type or attribute of another Paddle fails; the first names no operator.
_UNKNOWN_TO_PIR = re.compile(
    r"op \[[^\]]*\] kernel output args|Unknown (?:Type|Attr|id) \w+ for|"
    r"\w+ does not exist\.\s*\[Hint: Expected attributes"
)
_DAMAGED = re.compile(
    r"Cannot (?:read|parse) tensor desc|Not allowed to load partial data|model file is complete or damaged|"
    r"maybe the loaded file is not a paddle model"
)


def explain(error_text: str, unknown: Sequence[str] = ()) -> StartError:
    """Say why a model cannot be loaded.

    Args:
        error_text: what Paddle raised.
        unknown: the program's operators that the installed Paddle does not know, where the caller can tell.
    """
    told = said(RuntimeError(error_text))
    named = _UNKNOWN_OPERATOR.search(error_text)
    operators = list(unknown) or ([named[1]] if named else [])
    if operators:
        listed = ", ".join(operators[:5]) + (f" and {len(operators) - 5} more" if len(operators) > 5 else "")
        return StartError(
            "UnknownOperator",
            f"The model uses operators that the server's Paddle does not have ({listed}); export it with "
            "PaddlePaddle 3.3, or use a server image with the Paddle that wrote it.",
        )
    if _UNKNOWN_TO_PIR.search(error_text):
        return StartError(
            "OtherPaddle",
            f"The model is written in terms that the server's Paddle does not know ({told}); "
            "export it with PaddlePaddle 3.3, or use a newer server image.",
        )
    if _DAMAGED.search(error_text):
        return StartError(
            "MixedFiles",
            f"Paddle cannot read the parameters for this program ({told}); "
            "copy both files of the same export.",
        )
    return StartError("ModelDoesNotLoad", f"Paddle cannot load the model: {told}.")
