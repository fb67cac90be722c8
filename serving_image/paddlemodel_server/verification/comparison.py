"""Do two answers to one request agree? Pure; what cannot be compared better has to be the same bytes.

Tensors are compared as recorded ones are, whatever form they have. In JSON floats are compared, and all else
has to be equal: a text, a class, the number of boxes. Of a PNG, which is a mask, the pixels are compared. The
sentence about a difference has nothing of an answer in it, since it goes to the log.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import orjson

from paddlemodel_server.errors import StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.protocol.request import JSON, NPY
from paddlemodel_server.protocol.routes import INFER, PREDICT
from paddlemodel_server.verification import differences, json_answers, masks, v2_client
from paddlemodel_server.verification.differences import Difference, Tolerances
from paddlemodel_server.verification.json_answers import ANSWER

PNG: Final = "image/png"
_JSON_SIZE: Final = "inference-header-content-length"
_QUICK_BYTES: Final = 32 * 1024


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One with status 200.

    Attributes:
        media: its Content-Type.
        headers: all of them, by lower-case name.
        body: as it was sent.
    """

    media: str
    headers: Mapping[str, str]
    body: bytes


def compare(route: str, expected: Answer, found: Answer, tolerances: Tolerances) -> list[Difference]:
    """How each output, or each part of the answer that `tolerances` names, compares.

    Args:
        route: the label of the route that both were asked.
        expected: the stable version's.
        found: the canary's.
        tolerances: how far they may be from each other.
    """
    if expected.media != found.media:
        return [_unlike("it has another Content-Type")]
    if expected.body == found.body and expected.headers.get(_JSON_SIZE) == found.headers.get(_JSON_SIZE):
        return [Difference(output=ANSWER, fault="", size=1)]
    if expected.media == PNG:
        return [_masks(expected.body, found.body, tolerances)]
    try:
        one, other = _read(route, expected), _read(route, found)
        if isinstance(one, _Tensors) and isinstance(other, _Tensors):
            return differences.compare(one.arrays, other.arrays, tolerances)
        return json_answers.compare(one, other, tolerances)
    except (StartError, ValueError, KeyError, TypeError, RecursionError):
        return [_unlike("its bytes are others, and cannot be read in one way")]


def is_quick(expected: Answer, found: Answer) -> bool:
    """Whether `compare` takes but a moment; few bytes of a PNG may have millions of pixels."""
    longest = max(len(expected.body), len(found.body))
    return expected.body == found.body or (longest <= _QUICK_BYTES and expected.media != PNG)


@dataclass(frozen=True)
class _Tensors:
    arrays: v2_client.Arrays


def _read(route: str, answer: Answer) -> Any:
    """The tensors of an answer, or what its JSON says.

    Raises:
        ValueError, KeyError, TypeError, StartError: it is neither.
    """
    if route == INFER or _JSON_SIZE in answer.headers:
        return _Tensors(v2_client.answer(answer.headers, answer.body))
    if answer.media != JSON:
        return _Tensors(_tensor(answer))
    content = orjson.loads(answer.body)
    if route == PREDICT and _is_v2(content):
        return _Tensors(v2_client.answer(answer.headers, answer.body))
    return content


def _is_v2(content: Any) -> bool:
    """Whether it is what a model without a task answers."""
    outputs = content.get("outputs") if type(content) is dict else None
    return type(outputs) is list and all(type(one) is dict and "datatype" in one for one in outputs)


def _unlike(fault: str) -> Difference:
    return Difference(output=ANSWER, fault=fault)


def _tensor(answer: Answer) -> v2_client.Arrays:
    """The tensor that is the whole body, by its name."""
    name = _name(answer.headers.get("x-tensor-name", ANSWER))
    if answer.media == NPY:
        return {name: np.lib.format.read_array(io.BytesIO(answer.body), allow_pickle=False)}
    datatype, shape = answer.headers["x-tensor-datatype"], answer.headers["x-tensor-shape"]
    bits = datatype == "BF16"
    array = np.frombuffer(answer.body, np.uint16 if bits else v2_client.NUMPY[datatype])
    sides = _sides(shape)
    return {name: (bfloat16.numbers(array) if bits else array).reshape(sides)}


@lru_cache(maxsize=64)
def _name(header: str) -> str:
    return unquote(header)


@lru_cache(maxsize=256)
def _sides(header: str) -> tuple[int, ...]:
    return tuple(int(side) for side in header.split(",") if side)


def _masks(expected: bytes, found: bytes, tolerances: Tolerances) -> Difference:
    """Pixels are classes, which are equal or not: `relative` is the part of them that need not be."""
    one, other = masks.pixels(expected), masks.pixels(found)
    if one is None or other is None:
        return _unlike("its bytes are others")
    if one.shape != other.shape:
        return _unlike("its size is another")
    beyond = int(np.count_nonzero(one != other))
    part = beyond / max(1, one.size)
    fault = f"{beyond} of {one.size} pixels have another class" if part > tolerances.default.rtol else ""
    return Difference(output=ANSWER, fault=fault, largest_relative=part, beyond=beyond, size=one.size)
