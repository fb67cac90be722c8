"""The operations that run the model: their bodies by Content-Type, their headers, their examples; pure."""

from typing import Any

import orjson

from paddlemodel_server.describe import answers, examples
from paddlemodel_server.describe.schemas import BINARY, ref
from paddlemodel_server.protocol import INFER, JSON, NPY, OCTETS, OF_TASKS, PREDICT, V1, Served
from paddlemodel_server.protocol.served import Call, Shapes

Schema = dict[str, Any]

_JSON_SIZE = "Inference-Header-Content-Length"
_SIZE: Schema = {"type": "integer", "minimum": 0}
_SIZED = {_JSON_SIZE: {"description": "bytes of the JSON, where binary outputs follow it", "schema": _SIZE}}
_TENSOR_HEADERS = {
    "X-Tensor-Name": {"description": "of a binary answer, percent-encoded", "schema": {"type": "string"}},
    "X-Tensor-Datatype": {"description": "of a binary answer", "schema": {"type": "string"}},
    "X-Tensor-Shape": {"description": "of a binary answer, such as 1,1000", "schema": {"type": "string"}},
}


def operation(label: str, served: Served, proven: Shapes | None) -> Schema:
    """One operation, without its id."""
    if label in OF_TASKS:
        description = served.task.describe(served, proven)
        made = dict(description.operation if label == PREDICT else description.more[label])
    else:
        made = {INFER: _infer, V1: _v1}[label](served, proven)
    return made | {
        "parameters": [*_everywhere(served), *made.get("parameters", ())],
        "responses": made["responses"] | answers.errors(*answers.RUN),
    }


def _everywhere(served: Served) -> list[Schema]:
    return [
        _header(
            "X-Request-Timeout",
            "Seconds that the client will wait; the server's own deadline stays.",
            {"type": "number", "exclusiveMinimum": 0},
        ),
        _header(
            "Content-Encoding",
            f"How the body is compressed; {served.max_request_bytes} bytes at most are inflated.",
            {"enum": ["gzip", "x-gzip", "deflate", "identity"]},
        ),
    ]


def tensors(served: Served, proven: Shapes | None) -> Schema:
    """`POST /predict` of a model whose task are tensors."""
    binary = {OCTETS: {"schema": BINARY}}
    if served.only_input and not served.only_input.bits:  # a .npy file has no BF16
        binary[NPY] = {"schema": BINARY}
    return {
        "summary": "Run the model",
        "description": "JSON as in the Open Inference Protocol V2, with binary tensors behind it where "
        f"{_JSON_SIZE} says so; or, where the model has one input, its little-endian bytes, or a .npy file. "
        "Accept chooses the form of the answer: JSON with every wanted output, or the first one as bytes.",
        "parameters": [_json_size(), *_tensor_shape(served)],
        "requestBody": _body({JSON: _v2_json(served, proven), **binary}),
        "responses": answers.ok(
            "The outputs.",
            {**answers.json_of("InferResponse"), OCTETS: {"schema": BINARY}, NPY: {"schema": BINARY}},
            _TENSOR_HEADERS | _SIZED,
        ),
    }


def _infer(served: Served, proven: Shapes | None) -> Schema:
    return {
        "summary": "Run the model (Open Inference Protocol V2)",
        "description": "Tensors are numbers in the JSON, or bytes behind it: an input with the parameter "
        f"`binary_data_size`, the Content-Type {OCTETS} and the header {_JSON_SIZE}. "
        f"With {_JSON_SIZE}: 0 the body is the little-endian bytes of the model's only input.",
        "parameters": [_json_size(), *_tensor_shape(served)],
        "requestBody": _body({JSON: _v2_json(served, proven), OCTETS: {"schema": BINARY}}),
        "responses": answers.ok(
            "The outputs.",
            {**answers.json_of("InferResponse"), OCTETS: {"schema": BINARY}},
            _SIZED,
        ),
    }


def _json_size() -> Schema:
    return _header(_JSON_SIZE, "Bytes of the JSON, where binary tensors follow it.", _SIZE)


def _tensor_shape(served: Served) -> list[Schema]:
    if served.only_input is None:
        return []
    return [
        _header(
            "X-Tensor-Shape",
            "The shape of a body that is one tensor's bytes, such as 1,3,224,224; needed where the model "
            "leaves several dimensions open, refused with any other body.",
            {"type": "string", "pattern": "^[0-9]{1,10}(,[0-9]{1,10})*$"},
        )
    ]


def _v1(served: Served, proven: Shapes | None) -> Schema:
    content: Schema = {"schema": ref("PredictRequest")}
    if example := examples.v1(served, proven):
        content["examples"] = {"zeros": {"summary": "One row of zeros", "value": example}}
    return {
        "summary": "Run the model (KServe V1)",
        "description": "Rows as `instances` are answered by rows, columns as `inputs` by columns.",
        "requestBody": _body({JSON: content}),
        "responses": answers.ok(
            "The outputs; NaN and infinity are null.", answers.json_of("PredictResponse")
        ),
    }


def _v2_json(served: Served, proven: Shapes | None) -> Schema:
    content: Schema = {"schema": ref("InferRequest")}
    example = examples.infer(served, proven)
    if examples.complete(example):
        content["examples"] = {"zeros": {"summary": "One row of zeros", "value": example}}
    return content


def _body(content: Schema) -> Schema:
    return {"required": True, "content": content}


def _header(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "description": description, "schema": schema}


def curl(served: Served, proven: Shapes | None) -> Call:
    """A V2 request, for the page; inline where it is short."""
    example = examples.infer(served, proven)
    inline = examples.complete(example)
    body = orjson.dumps(example).decode() if inline else "@request.json"
    return Call(
        route=f"v2/models/{served.name}/infer",
        arguments=("-H", f"Content-Type: {JSON}", "--data-binary", body),
        file="" if inline else "request.json",
        stands_for="" if inline else "a file with the JSON of the form above",
    )
