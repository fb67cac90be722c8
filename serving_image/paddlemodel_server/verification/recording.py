"""Recorded requests: a file of JSON lines, each a V2 request and the V2 response that it must have.

    {"request": {"inputs": [...]}, "response": {"outputs": [...]}}
    {"request": {"content_type": "image/png", "body": "iVBORw0..."}, "response": {"text": "Invoice", ...}}

The second form is a request to the model's task and its answer; the body is in base64.
In the first form nothing is ours: a line is made of the two documents that any V2 server takes and gives, so
a recording can be written by hand, by another server, or by `export` from the layer itself. `.gz` in the name
compresses it. Numbers are the shortest decimal that gives the same bits again; NaN and infinity are null.
"""

import base64
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

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
class TaskExchange:
    """A request to `POST /predict` as the model's task takes it, and its answer.

    Attributes:
        media: the body's Content-Type.
        body: as it is sent.
        answer: JSON.
    """

    media: str
    body: bytes
    answer: Any


Recorded = Exchange | TaskExchange


def write(path: Path, known: v2_client.Metadata, exchanges: Iterable[Recorded]) -> int:
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
            line = _line(known, exchange)
            file.write(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def _line(known: v2_client.Metadata, exchange: Recorded) -> dict[str, Any]:
    if isinstance(exchange, TaskExchange):
        body = base64.b64encode(exchange.body).decode()
        return {"request": {"content_type": exchange.media, "body": body}, "response": exchange.answer}
    return {
        "request": {"inputs": _tensors(known.inputs, exchange.inputs)},
        "response": {"model_name": known.name, "outputs": _tensors(known.outputs, exchange.outputs)},
    }


def is_one(path: Path) -> bool:
    """Whether a file is a recording, by its first request."""
    try:
        return next(read(path), None) is not None
    except StartError:
        return False


def _tensors(described: Sequence[Tensor], arrays: Mapping[str, v2_client.Array]) -> list[dict[str, Any]]:
    datatypes = {tensor.name: tensor.datatype for tensor in (*v2_client.described(arrays), *described)}
    return [v2_client.tensor(name, datatypes[name], array) for name, array in arrays.items()]


def read(path: Path) -> Iterator[Recorded]:
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
            f"Line {number} of {path} is not a request with its response; record it again with --record.",
        ) from error


def _exchange(line: Mapping[str, Any]) -> Recorded:
    if "body" in line["request"]:
        asked = line["request"]
        body = base64.b64decode(asked["body"], validate=True)
        return TaskExchange(media=str(asked["content_type"]), body=body, answer=line["response"])
    request, response = line["request"]["inputs"], line["response"]["outputs"]
    return Exchange(
        inputs={tensor["name"]: v2_client.array_of(tensor) for tensor in request},
        outputs={tensor["name"]: v2_client.array_of(tensor) for tensor in response},
    )
