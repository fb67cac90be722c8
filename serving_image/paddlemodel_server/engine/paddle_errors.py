"""What an error of Paddle means, told by its words: when it loads a model, and when it runs one. Pure.

Paddle raises whatever its C++ threw, with a stack trace for a text: the kinds overlap (MemoryError, OSError,
RuntimeError, SystemError), the words are stable. Their sources: paddle/fluid/memory/allocation/*_allocator.cc
("Out of memory error on GPU", "Fail to alloc memory"), paddle/phi/core/enforce.h ("CUDA error(2)",
"CUBLAS error(3)"), the names of CUDA's own error codes, and PaddlePaddle 3.3 itself, which
tests/serving_image/engine/test_paddle_errors.py makes say most of them. What can be seen in a model's files
is found before Paddle loads them: here is what only Paddle knows.
"""

import re
from collections.abc import Sequence
from typing import Literal

from paddlemodel_server.errors import StartError

Kind = Literal["memory", "device", "input", "model"]

_MEMORY = re.compile(
    r"ResourceExhausted|Out of memory|OutOfMemory|Fail to alloc memory|bad_alloc|"
    r"CUDA error\(2\)|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|"
    r"CUBLAS error\(3\)|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
# After these every further call in the same process fails: only a new process helps.
_DEVICE = re.compile(
    r"CUDA error\((4|46|100|101|214|219|220|700|702|707|708|709|710|714|715|716|717|718|719|999)\)|"
    r"illegal memory access|unspecified launch failure|device-side assert|uncorrectable ECC|"
    r"cudaErrorIllegalAddress|cudaErrorLaunchFailure|cudaErrorDevicesUnavailable|device is lost",
    re.IGNORECASE,
)

# Shapes are checked before a run; what remains are open dimensions and values that do not fit the model.
_INPUT = re.compile(r"\bInvalidArgument|\bOutOfRange")

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


def kind(error: BaseException) -> Kind:
    """Whether memory ran out, the device is lost, the input does not fit, or the model itself failed."""
    text = str(error)
    if _DEVICE.search(text):
        return "device"
    if isinstance(error, MemoryError) or _MEMORY.search(text):
        return "memory"
    return "input" if _INPUT.search(text) else "model"


def said(error: Exception | None) -> str:
    """The telling line of a Paddle error, which is otherwise a C++ stack trace."""
    text = re.sub(r"\s*\(at /[^)]*\)", "", str(error))  # where in Paddle's own source
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("(", "[Hint")) or "Error:" in line]
    return " ".join((telling or lines or [type(error).__name__])[-2:])[:400].rstrip(".")


def explain(error_text: str, unknown: Sequence[str] = ()) -> StartError:
    """Say why a model cannot be loaded.

    Args:
        error_text: what Paddle raised.
        unknown: the program's operators that the installed Paddle does not know, where the caller can tell.
    """
    cause = said(RuntimeError(error_text))
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
            f"The model is written in terms that the server's Paddle does not know ({cause}); "
            "export it with PaddlePaddle 3.3, or use a newer server image.",
        )
    if _DAMAGED.search(error_text):
        return StartError(
            "MixedFiles",
            f"Paddle cannot read the parameters for this program ({cause}); "
            "copy both files of the same export.",
        )
    return StartError("ModelDoesNotLoad", f"Paddle cannot load the model: {cause}.")
