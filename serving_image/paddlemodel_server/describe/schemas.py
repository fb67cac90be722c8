"""JSON Schemas of requests and answers, as exact as the model's own names, dtypes and shapes; pure.

What a schema cannot say is in the description: that the number of values is the product of the shape.
"""

from typing import Any

import numpy as np

from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import DATATYPES, Tensor
from paddlemodel_server.protocol import EMBEDDINGS, Served

Schema = dict[str, Any]
NAME: Schema = {"type": "string"}
BINARY: Schema = {"type": "string", "format": "binary"}
_MOST = (1 << 31) - 1  # of one dimension: Paddle's are signed 32-bit numbers


def obj(properties: Schema, *, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with these properties and no others."""
    required = [name for name in properties if name not in optional]
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return found | ({"required": required} if required else {})


def ref(name: str) -> Schema:
    """A reference to a schema of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def components(served: Served) -> Schema:
    """Every schema that the document refers to, but for the task's own."""
    inputs, outputs = served.model.inputs, served.model.outputs
    return {
        "Error": obj(
            {"error": _error(served)},
            description="One sentence that names the field, what was expected and what was found.",
        ),
        "Live": obj({"live": {"const": True}}),
        "Ready": obj({"ready": {"type": "boolean"}}),
        "ModelReady": obj({"name": {"const": served.name}, "ready": {"type": "boolean"}}),
        "Models": obj({"models": {"const": [served.name]}}),
        "Server": obj(
            {
                "name": {"const": "paddlemodel-server"},
                "version": NAME,
                "extensions": {"type": "array", "items": NAME},
            }
        ),
        "Tensor": obj(
            {
                "name": NAME,
                "datatype": {"enum": sorted(DATATYPES.values())},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": -1}},
            },
            description="An input or output; -1 stands for a dimension that the request decides.",
        ),
        "Model": obj(
            {
                "name": {"const": served.name},
                "versions": {"type": "array", "items": NAME},
                "platform": NAME,
                "inputs": {"type": "array", "items": ref("Tensor")},
                "outputs": {"type": "array", "items": ref("Tensor")},
            }
        ),
        "About": _about(served),
        "InferRequest": _infer_request(inputs, served),
        "InferResponse": _infer_response(outputs, served),
        "PredictRequest": _v1_request(inputs, served),
        "PredictResponse": obj({"predictions": _predictions(served)}),
    }


def _error(served: Served) -> Schema:
    """The sentence; OpenAI's route has it where its clients look for it."""
    sentence: Schema = {"type": "string", "minLength": 1}
    if EMBEDDINGS not in served.task.routes:
        return sentence
    absent: Schema = {"type": "null"}
    openai = obj({"message": sentence, "type": NAME, "param": absent, "code": absent})
    return {"anyOf": [sentence, openai]}


_FORMAT: Schema = {"enum": ["PIR", "Legacy"]}
_TENSORS: Schema = {side: {"type": "array", "items": ref("Tensor")} for side in ("inputs", "outputs")}


def _about(served: Served) -> Schema:
    unknown = {"type": ["string", "null"]}
    return obj(
        {
            "status": {"const": "alive", "description": "What KServe's V1 clients look for."},
            "server": {"const": "paddlemodel-server"},
            "version": NAME,
            "name": {"const": served.name},
            "state": {"enum": ["loading", "ready", "draining"]},
            "task": {"const": served.task.name},
            "task_source": NAME | {"description": "spec, or the file beside the model that tells the task"},
            "task_settings": {
                "type": "array",
                "items": obj({"field": NAME, "value": {"type": "string"}, "from": NAME}),
            },
            "digest": unknown | {"description": "null while it is computed"},
            "format": _FORMAT,
            "paddle_version": unknown | {"description": "null until the model is loaded"},
            "device": {"enum": ["cpu", "gpu"]},
            **_TENSORS,
            "further_models": {
                "type": "array",
                "items": obj({"name": NAME, "format": _FORMAT, **_TENSORS}),
                "description": "those beside the first, of a task that has several",
            },
        }
    )


def _infer_request(inputs: tuple[Tensor, ...], served: Served) -> Schema:
    outputs = [tensor.name for tensor in served.model.outputs]
    entries = [_input(tensor, served.max_request_bytes) for tensor in inputs]
    listed: Schema = {"type": "array", "minItems": len(entries), "maxItems": len(entries)}
    if len(entries) == 1:
        listed["items"] = entries[0]
    else:  # in any order, each once
        listed["items"] = {"anyOf": entries}
        listed["allOf"] = [
            {"contains": {"type": "object", "properties": {"name": {"const": tensor.name}}}, "maxContains": 1}
            for tensor in inputs
        ]
    output = obj(
        {
            "name": {"enum": outputs},
            "parameters": _parameters({"binary_data": {"type": "boolean"}}),
        },
        optional=("parameters",),
    )
    return obj(
        {
            "id": {"type": ["string", "null"], "description": "comes back in the answer"},
            "model_name": {"const": served.name},
            "parameters": _parameters(
                {
                    "timeout": {"type": "integer", "minimum": 0, "description": "microseconds; 0: none"},
                    "binary_data_output": {"type": "boolean"},
                }
            ),
            "inputs": listed,
            "outputs": {
                "type": ["array", "null"],
                "items": output,
                "maxItems": len(outputs),
                "description": "The wanted outputs, each at most once; all where it is missing or empty.",
            },
        },
        optional=("id", "model_name", "parameters", "outputs"),
    )


def _parameters(known: Schema) -> Schema:
    found = obj(known, optional=tuple(known))
    return found | {"type": ["object", "null"]}


def _input(tensor: Tensor, most: int) -> Schema:
    """One entry of `inputs` with its numbers in the JSON."""
    return obj(
        {
            "name": {"const": tensor.name},
            "datatype": {"const": tensor.datatype},
            "shape": _tuple(
                [
                    {"type": "integer", "minimum": 1, "maximum": min(_MOST, most)}
                    if n == -1
                    else {"const": n}
                    for n in tensor.shape
                ]
            ),
            "data": _data(tensor),
            "parameters": {"type": ["object", "null"], "additionalProperties": False},
        },
        optional=("parameters",),
        description="data has as many values as the product of the shape: flat, or nested as the shape says.",
    )


def _data(tensor: Tensor) -> Schema:
    kinds = _values(tensor)
    forms = [_flat(tensor.shape, kind) for kind in kinds]
    if len(tensor.shape) > 1:
        forms += [nested(tensor.shape, kind) for kind in kinds]
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _flat(shape: tuple[int, ...], kind: Schema) -> Schema:
    least = int(np.prod([abs(n) for n in shape], dtype=object))  # an open dimension has 1 at least
    found: Schema = {"type": "array", "items": kind, "minItems": least}
    return found if -1 in shape else found | {"maxItems": least}


def nested(shape: tuple[int, ...], kind: Schema) -> Schema:
    """Lists of lists of values, one level for each dimension."""
    for size in reversed(shape):
        kind = {"type": "array", "items": kind, "minItems": abs(size)}
        if size != -1:
            kind["maxItems"] = size
    return kind


def _values(tensor: Tensor) -> list[Schema]:
    """What a value may be; a list holds values of one of these."""
    if tensor.dtype == "bool":
        return [{"type": "boolean"}, {"enum": [0, 1]}]
    if tensor.dtype == "bfloat16":
        most = float(bfloat16.numbers(np.array([0x7F7F], np.uint16))[0])
    elif tensor.numpy.kind == "f":
        most = float(np.finfo(tensor.numpy).max)
    else:
        info = np.iinfo(tensor.numpy)
        return [{"type": "integer", "minimum": int(info.min), "maximum": int(info.max)}]
    return [{"type": "number", "minimum": -most, "maximum": most}]


def _infer_response(outputs: tuple[Tensor, ...], served: Served) -> Schema:
    entry = obj(
        {
            "name": {"enum": [tensor.name for tensor in outputs]},
            "datatype": {"enum": sorted(DATATYPES.values())},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "parameters": obj({"non_finite_values": {"type": "integer", "minimum": 1}}),
            "data": {"type": "array", "items": {"type": ["number", "boolean", "null"]}},
        },
        optional=("parameters",),
        description="data is flat; JSON has no NaN and no infinity, they are null.",
    )
    return obj(
        {
            "model_name": {"const": served.name},
            "id": NAME,
            "outputs": {"type": "array", "items": entry, "minItems": 1},
        },
        optional=("id",),
    )


def _v1_request(inputs: tuple[Tensor, ...], served: Served) -> Schema:
    columns = _columns(inputs, first=0)
    rows: list[Schema] = [{"type": "array", "items": obj(_columns(inputs, first=1)), "minItems": 1}]
    forms: list[Schema] = [obj(columns)]
    if served.only_input is not None:
        whole = next(iter(columns.values()))
        rows, forms = [whole, *rows], [whole, *forms]
    more: Schema = {
        "signature_name": {"enum": ["serving_default", "", None]},
        "parameters": {"type": ["object", "null"], "maxProperties": 0},
    }
    by_columns = obj({"inputs": {"anyOf": forms}, **more}, optional=tuple(more), description="columns")
    by_rows = obj({"instances": {"anyOf": rows}, **more}, optional=tuple(more), description="rows")
    single = any(not tensor.shape for tensor in inputs)  # a number is no row
    return {
        "oneOf": [by_columns] if single else [by_rows, by_columns],
        "description": "Each input nested as its shape says; a single input may come without its name.",
    }


def _predictions(served: Served) -> Schema:
    """What V1 answers: lists by row or by name; a single output comes without its name."""
    kinds = ["array", "object"]
    if len(served.outputs) == 1 and not next(iter(served.outputs.values())).shape:
        kinds += ["number", "boolean", "null"]
    return {"type": kinds}


def _columns(inputs: tuple[Tensor, ...], first: int) -> Schema:
    """Each input's nested values, without its first dimensions."""
    found = {}
    for tensor in inputs:
        forms = [nested(tensor.shape[first:], kind) for kind in _values(tensor)]
        found[tensor.name] = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return found


def _tuple(items: list[Schema]) -> Schema:
    found: Schema = {"type": "array", "minItems": len(items), "maxItems": len(items)}
    return found | ({"prefixItems": items} if items else {})
