"""What a failure of Paddle means, told by its words. Pure.

Paddle raises whatever its C++ threw: the kinds overlap (MemoryError, OSError, RuntimeError, SystemError), the
words are stable. Their sources: paddle/fluid/memory/allocation/*_allocator.cc ("Out of memory error on GPU",
"Fail to alloc memory"), paddle/phi/core/enforce.h ("CUDA error(2)", "CUBLAS error(3)"), and the names of
CUDA's own error codes.
"""

import re
from typing import Literal

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
