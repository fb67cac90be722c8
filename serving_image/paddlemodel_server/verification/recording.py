"""Recorded requests: a file of JSON lines, each a V2 request and the V2 response that it must have.

    {"request": {"inputs": [...]}, "response": {"outputs": [...]}}

Nothing in it is ours: a line is made of the two documents that any V2 server takes and gives, so a recording
can be written by hand, by another server, or by `export` from the layer itself. `.gz` in the name compresses
it. Numbers are the shortest decimal that gives the same bits again; NaN and infinity are null.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.engine.difference import difference
from paddlemodel_server.errors import StartError
from paddlemodel_server.host import output_files
from paddlemodel_server.model.formats.program import Tensor
from paddlemodel_server.verification import v2_client


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer, by the tensors' names."""

    inputs: v2_client.Arrays
    outputs: v2_client.Arrays


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far a float may be from the recorded one: `atol + rtol * |recorded|`; others must be equal.

    With `top_k` not values count, but where the largest ones of each row, along the last dimension, are.
    """

    rtol: float
    atol: float
    top_k: int = 0


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """The tolerance of every output, and those of some by a name that they had or have."""

    default: Tolerance
    of: Mapping[str, Tolerance] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How one output of one request compares."""

    output: str
    fault: str  # "" where it agrees
    largest: float = 0.0  # absolute
    largest_relative: float = 0.0
    beyond: int = 0  # values beyond the tolerance
    size: int = 0
    example: str = ""  # the worst value, in words

    @property
    def agrees(self) -> bool:
        """Whether everything is within the tolerance."""
        return not self.fault

    @property
    def weight(self) -> tuple[bool, float, float]:
        """How bad it is: what cannot be compared is worst, then the part of the values that is off."""
        return not self.size, self.beyond / max(1, self.size), self.largest


def write(path: Path, known: v2_client.Metadata, exchanges: Iterable[Exchange]) -> int:
    """Write a recording, whole or not at all; returns the number of its requests.

    Raises:
        StartError: `OutputExists`.
    """
    count = 0
    with (
        output_files.file(path, is_one) as draft,
        gzip.open(draft, "wb") if path.suffix == ".gz" else draft.open("wb") as file,
    ):
        for exchange in exchanges:
            line = {
                "request": {"inputs": _tensors(known.inputs, exchange.inputs)},
                "response": {"model_name": known.name, "outputs": _tensors(known.outputs, exchange.outputs)},
            }
            file.write(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def is_one(path: Path) -> bool:
    """Whether a file is a recording, by its first request."""
    try:
        return next(read(path), None) is not None
    except StartError:
        return False


def _tensors(described: Sequence[Tensor], arrays: Mapping[str, v2_client.Array]) -> list[dict[str, Any]]:
    datatypes = {tensor.name: tensor.datatype for tensor in (*v2_client.described(arrays), *described)}
    return [v2_client.tensor(name, datatypes[name], array) for name, array in arrays.items()]


def read(path: Path) -> Iterator[Exchange]:
    """Every exchange of a recording.

    Raises:
        StartError: `UnreadableRecording`, naming the line.
    """
    number = 1
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield _exchange(orjson.loads(line))
                number += 1
    except OSError as error:
        why = error.strerror or "not compressed by gzip"
        raise StartError("UnreadableRecording", f"{path} cannot be read ({why}).") from error
    except (EOFError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise StartError(
            "UnreadableRecording",
            f"Line {number} of {path} is not a V2 request with its response; record it again with --record.",
        ) from error


def _exchange(line: Mapping[str, Any]) -> Exchange:
    request, response = line["request"]["inputs"], line["response"]["outputs"]
    return Exchange(
        inputs={tensor["name"]: v2_client.array_of(tensor) for tensor in request},
        outputs={tensor["name"]: v2_client.array_of(tensor) for tensor in response},
    )


def compare(expected: v2_client.Arrays, found: v2_client.Arrays, tolerances: Tolerances) -> list[Difference]:
    """Compare an answer with the recorded one, output by output.

    Who exports a model does not choose its outputs' names: if they are others now, but as many, order counts.

    Raises:
        StartError: `UnknownOutput`, of a tolerance.
    """
    unknown = [name for name in tolerances.of if name not in expected and name not in found]
    if unknown:
        outputs = ", ".join(dict.fromkeys([*found, *expected]))
        raise StartError("UnknownOutput", f"There is no output {unknown[0]}, only {outputs}.")
    renamed = set(expected) != set(found) and len(expected) == len(found)
    now = dict(zip(expected, found, strict=True)) if renamed else {name: name for name in expected}
    differences = []
    for name, array in expected.items():
        if now[name] in found:
            tolerance = tolerances.of.get(name) or tolerances.of.get(now[name]) or tolerances.default
            differences.append(_compare(name, array, found[now[name]], tolerance))
        else:
            differences.append(Difference(output=name, fault="it is missing in the answer"))
    more = [name for name in found if name not in now.values()]
    return differences + [Difference(output=name, fault="it is not in the recording") for name in more]


def _compare(
    name: str, expected: v2_client.Array, found: v2_client.Array, tolerance: Tolerance
) -> Difference:
    expected, found = _as_json(expected), _as_json(found)
    distance = difference(expected, found)
    if distance.fault:
        return Difference(output=name, fault=distance.fault)
    if tolerance.top_k:
        return _compare_places(name, expected, found, tolerance.top_k)
    off = distance.off(rtol=tolerance.rtol, atol=tolerance.atol)
    count = int(off.sum())
    return Difference(
        output=name,
        fault=_fault(expected, found, count),
        largest=distance.largest,
        largest_relative=distance.largest_relative,
        beyond=count,
        size=expected.size,
        example=_example(expected, found, np.where(off, distance.absolute, -1)) if count else "",
    )


def _fault(expected: v2_client.Array, found: v2_client.Array, count: int) -> str:
    if not count:
        return ""
    lost = int((_is_nan(found) & ~_is_nan(expected)).sum())
    if lost:
        return f"{lost} of {expected.size} values are NaN or infinite, where numbers are recorded"
    return f"{count} of {expected.size} values are beyond the tolerance"


def _is_nan(array: v2_client.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.isnan(array) if np.issubdtype(array.dtype, np.floating) else np.zeros(array.shape, bool)


def _example(expected: v2_client.Array, found: v2_client.Array, distance: v2_client.Array) -> str:
    """The value that is farthest off: where, what it is and what was recorded."""
    at = np.unravel_index(int(distance.argmax()), distance.shape)
    place = "".join(f"[{int(one)}]" for one in at)
    return f"; value {place} is {found[at]:.6g}, recorded is {expected[at]:.6g}"


def _compare_places(name: str, expected: v2_client.Array, found: v2_client.Array, k: int) -> Difference:
    """Whether the k largest values of each row are where they were; equal values may change places."""
    width = expected.shape[-1] if expected.ndim else 1
    if not expected.size:
        return Difference(output=name, fault="")
    recorded, now = (np.nan_to_num(one.reshape(-1, width), nan=-np.inf) for one in (expected, found))
    k = min(k, width)
    largest = np.argpartition(recorded, width - k, axis=1)[:, width - k :]
    bound = np.partition(now, width - k, axis=1)[:, width - k]
    off = np.any(np.take_along_axis(now, largest, axis=1) < bound[:, None], axis=1)
    count = int(off.sum())
    example = ""
    if count:
        row = int(off.argmax())
        example = (
            f"; row {row} has its largest value at {int(now[row].argmax())}, recorded is "
            f"{int(recorded[row].argmax())}"
        )
    fault = f"in {count} of {len(recorded)} rows the {k} largest values are at other places" if count else ""
    return Difference(output=name, fault=fault, beyond=count, size=len(recorded), example=example)


def _as_json(array: v2_client.Array) -> v2_client.Array:
    """JSON has null for NaN and for infinity: here all are NaN."""
    if not np.issubdtype(array.dtype, np.floating):
        return array
    return np.where(np.isfinite(array), array, np.array(np.nan, array.dtype))
