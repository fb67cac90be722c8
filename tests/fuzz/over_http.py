"""Sends a program's requests to a whole server, many at once: V2 as JSON and as binary tensors, raw bodies.

A server takes seconds to start, so only a few seeds come here; the others meet a real worker (see child.py).
"""

import http.client
import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import compare, generator, runner
from tests.fuzz.child import answers
from tests.serving_image.support.servers import Server, serving

Array = np.ndarray[Any, np.dtype[Any]]
CLIENTS = 8
ROUNDS = 3  # in which every client sends every request, in an order of its own
DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "int32": "INT32", "int64": "INT64",
    "float16": "FP16", "float32": "FP32", "float64": "FP64",
}  # fmt: skip
LENGTH = "Inference-Header-Content-Length"
INFER = "/v2/models/model/infer"


def examine(seed: int, root: Path) -> runner.Verdict:
    """Serve a model that `runner.examine` has left in `root`, and compare every answer."""
    program, folder = generator.program(seed), root / str(seed)
    expected, requests = answers(folder), generator.requests(program)
    logs = folder / "server"
    logs.mkdir()
    try:
        with serving(folder, logs, http_workers=1) as server:
            faults = [f for f in _faults(server, seed, requests, expected) if f]
    except RuntimeError as error:
        faults = [str(error)[-400:]]
    return runner.Verdict(
        seed=seed,
        format="pir" if program.pir else "legacy",
        blocks=program.blocks,
        result="wrong" if faults else "same",
        why=f"over HTTP: {faults[0]}" if faults else "",
    )


def _faults(
    server: Server, seed: int, requests: Sequence[generator.Request], expected: Sequence[list[Array]]
) -> list[str]:
    def client(number: int) -> str:
        chance = random.Random(seed * CLIENTS + number)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
        try:
            for at in chance.sample(range(len(requests)), len(requests)) * ROUNDS:
                how = chance.choice([_json, _binary, _raw] if len(requests[at]) == 1 else [_json, _binary])
                found = how(connection, requests[at])
                fault = found if isinstance(found, str) else compare.fault(expected[at], found)
                if fault:
                    return f"request {at} ({how.__name__[1:]}): {fault}"
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(client, range(CLIENTS)))


def _json(connection: http.client.HTTPConnection, request: generator.Request) -> list[Array] | str:
    inputs = [_entry(name, array) | {"data": array.ravel().tolist()} for name, array in request.items()]
    return _sent(connection, INFER, json.dumps({"inputs": inputs}).encode(), "application/json")


def _binary(connection: http.client.HTTPConnection, request: generator.Request) -> list[Array] | str:
    inputs = [
        _entry(name, array) | {"parameters": {"binary_data_size": array.nbytes}}
        for name, array in request.items()
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    body = head + b"".join(array.tobytes() for array in request.values())
    return _sent(connection, INFER, body, "application/octet-stream", {LENGTH: str(len(head))})


def _raw(connection: http.client.HTTPConnection, request: generator.Request) -> list[Array] | str:
    (array,) = request.values()
    shape = ",".join(map(str, array.shape))
    headers = {"X-Tensor-Shape": shape, "Accept": "application/json"}
    return _sent(connection, "/predict", array.tobytes(), "application/octet-stream", headers)


def _entry(name: str, array: Array) -> dict[str, Any]:
    return {"name": name, "datatype": DATATYPES[array.dtype.name], "shape": list(array.shape)}


def _sent(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes,
    content_type: str,
    headers: dict[str, str] | None = None,
) -> list[Array] | str:
    """The outputs of the answer; a text where there are none."""
    connection.request("POST", path, body, {"Content-Type": content_type} | (headers or {}))
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        return f"{answer.status} {content[:200]!r}"
    end = int(answer.headers.get(LENGTH, len(content)))
    rest, outputs = content[end:], []
    for output in json.loads(content[:end])["outputs"]:
        dtype = next(name for name, datatype in DATATYPES.items() if datatype == output["datatype"])
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            array = np.array(output["data"], dtype)
        else:
            array, rest = np.frombuffer(rest[:size], dtype), rest[size:]
        outputs.append(array.reshape(output["shape"]))
    return outputs
