"""The OpenAPI document is true: of every route, of its examples, and of whatever schemathesis thinks up."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema_rs
import numpy as np
import pytest
import schemathesis
from paddlemodel_server import errors, protocol
from paddlemodel_server.describe import openapi
from paddlemodel_server.engine.made_up import inputs
from paddlemodel_server.errors import ServingError
from paddlemodel_server.http import connection, head_checks, request_reader
from paddlemodel_server.http.flask_app import create_app
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.pipeline.context import Service
from paddlemodel_server.protocol import v1
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks.tensors import Tensors

from tests import cleartext
from tests.serving_image.support import bodies
from tests.serving_image.support.bodies import IDS, ON, X, body, echo, parsed
from tests.serving_image.support.servers import Server, serving

LABELS = ["zero", "one", *[""] * 8]
PICTURE = json.dumps({"imageClassification": {"labels": LABELS, "mean": [0, 0, 0], "std": [1, 1, 1]}})
SECONDS = 800  # of a schemathesis run, at most: usually it takes 20


@pytest.fixture(scope="module", params=["mixed", "pair", "thumbnail"])
def described(
    request: pytest.FixtureRequest,
    exported: Callable[[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """Servers of three models: open dimensions, two inputs and two outputs, pictures."""
    name = request.param
    task = {"task": PICTURE} if name == "thumbnail" else {}
    with serving(exported("pir", name), tmp_path_factory.mktemp("openapi"), name=name, **task) as running:
        yield running


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_document_has_every_route_and_no_other() -> None:
    """Flask's own map is compared; nothing is asked of the application but that."""
    tensor = Tensor(name="x", dtype="float32", shape=(-1, 4))
    model = Model(format="PIR", inputs=(tensor,), outputs=(tensor,))
    served = protocol.Served(name="this", model=model, task=Tensors(), max_request_bytes=1000)
    service = SimpleNamespace(served=served, settings=Settings(), documents=SimpleNamespace(openapi=None))
    rules = {
        (method, rule.rule.replace("<name>", "this").replace("<version>", "1"))
        for rule in create_app(cast("Service", service)).url_map.iter_rules()
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }
    document = json.loads(openapi.document(served, 30))
    assert {(method, path) for method, path, _ in operations(document)} == rules
    names = [operation["operationId"] for *_, operation in operations(document)]
    assert len(set(names)) == len(names)


TENSORS = {"x-tensor-shape": "1,2"}
SIZED = {"inference-header-content-length": str(len(body(X, IDS, ON)))}
ANYWHERE = {"x-request-timeout": "5", "content-encoding": "identity"}
OCTETS = {"content-type": protocol.OCTETS}
RAW = np.array([[1, 2.5]], np.float32).tobytes()
V1_BODY = b'{"instances":[[1,2.5]]}'


@pytest.mark.parametrize(
    ("model", "route", "headers", "content", "further"),
    [
        (bodies.served(), protocol.PREDICT, {}, body(X, IDS, ON), SIZED),
        (bodies.served(), protocol.INFER, {}, body(X, IDS, ON), SIZED),
        (echo("float32"), protocol.PREDICT, OCTETS, RAW, TENSORS | {"inference-header-content-length": "0"}),
        (echo("float32"), protocol.INFER, OCTETS, RAW, TENSORS | {"inference-header-content-length": "0"}),
        (echo("float32"), protocol.V1, {}, V1_BODY, {}),
    ],
)
def test_the_headers_that_are_read_are_in_the_document(
    model: protocol.Served, route: str, headers: dict[str, str], content: bytes, further: dict[str, str]
) -> None:
    """Each one that a request may have, and no other."""
    parsed(route, headers | further | ANYWHERE, content, model)
    document = json.loads(openapi.document(model, 30))
    (path,) = [r.path("m") for r in protocol.TABLE if r.label == route and "version" not in r.rule]
    parameters = document["paths"][path]["post"]["parameters"]
    assert {parameter["name"].lower() for parameter in parameters} == further.keys() | ANYWHERE.keys()
    for name in (TENSORS | SIZED).keys() - further.keys():
        with pytest.raises(ServingError):
            parsed(route, {name: (TENSORS | SIZED)[name]}, content, model)


def test_the_headers_of_answers_are_in_the_document() -> None:
    model = echo("float32")
    document = json.loads(openapi.document(model, 30))
    outputs = [np.array([[1, 2]], np.float32)]
    for route, path, accept in (
        (protocol.PREDICT, "/predict", protocol.NPY),
        (protocol.PREDICT, "/predict", protocol.JSON),
        (protocol.INFER, "/v2/models/m/infer", protocol.JSON),
    ):
        binary = () if accept == protocol.NPY else model.all_binary
        request = protocol.Request(arrays=[], media=accept, outputs=binary)
        answer = protocol.render(model, route, request, outputs)
        described = document["paths"][path]["post"]["responses"]["200"]
        assert answer.content_type in described["content"]
        assert {name for name, _ in answer.extra} <= described["headers"].keys()
        assert answer.extra


def test_what_any_connection_can_be_told_is_in_the_document() -> None:
    """The connection refuses before it is known which route is meant."""
    sources = [inspect.getsource(module) for module in (connection, head_checks, request_reader)]
    made = re.findall(r"(\w+Error)\(", "".join(sources))
    statuses = {str(getattr(errors, name).status) for name in made}
    assert statuses == {"400", "408", "429", "431", "501", "503"}
    for *_, operation in operations(json.loads(openapi.document(bodies.served(), 30))):
        assert statuses <= operation["responses"].keys()


def test_a_number_as_a_tensor_is_described() -> None:
    """Of no dimension: V1 sends and answers it bare, and has no rows of it."""
    served = echo("float32", ())
    document = json.loads(openapi.document(served, 30))
    content = document["paths"]["/v1/models/m:predict"]["post"]["requestBody"]["content"]["application/json"]
    example = content["examples"]["zeros"]["value"]
    assert example == {"inputs": {"t": 0}}
    answer = json.loads(
        v1.render(served, v1.parse(served, json.dumps(example).encode()), [np.array(0, np.float32)])
    )
    for name, good, value in (
        ("PredictRequest", True, example),
        ("PredictRequest", True, {"inputs": 0.5}),
        ("PredictRequest", False, {"instances": [0.5]}),
        ("PredictRequest", False, {"instances": 0.5}),
        ("PredictResponse", True, answer),
    ):
        schema = document["components"]["schemas"][name]
        assert jsonschema_rs.is_valid(schema, value) == good, (name, value)


def test_the_document_is_valid(described: Server) -> None:
    schemathesis.openapi.from_url(f"{described.url}/openapi.json").validate()


def test_every_example_is_answered_as_it_is(described: Server) -> None:
    document = cleartext.get(f"{described.url}/openapi.json").json()
    sent = 0
    for method, path, operation in operations(document):
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            for example in content.get("examples", {}).values():
                schema = {**content["schema"], "components": document["components"]}
                jsonschema_rs.validate(schema, example["value"])
                answer = cleartext.request(method, f"{described.url}{path}", json=example["value"])
                assert (media, answer.status_code) == ("application/json", 200), answer.text
                sent += 1
    assert sent == (3 if "Classes" in document["components"]["schemas"] else 4)


def test_a_route_that_is_none_is_told_where_all_routes_are(server: Server) -> None:
    lost = cleartext.get(f"{server.url}/nothing")
    assert lost.status_code == 404
    assert lost.json() == {"error": "There is no such route; /openapi.json has them all."}
    assert len(cleartext.get(f"{server.url}/openapi.json").json()["paths"]) > 10


def test_examples_have_shapes_with_which_the_model_ran(server: Server) -> None:
    """Its columns are open; the warm-up found a number of them that the model takes."""
    document = cleartext.get(f"{server.url}/openapi.json").json()
    content = document["paths"]["/v2/models/mixed/infer"]["post"]["requestBody"]["content"]
    (tensor,) = content["application/json"]["examples"]["zeros"]["value"]["inputs"]
    assert (tensor["shape"], len(tensor["data"])) == ([1, inputs.OPEN_SIDES[0]], inputs.OPEN_SIDES[0])


def test_schemathesis_finds_nothing(described: Server, tmp_path: Path) -> None:
    """Every check it has, on requests that are right, wrong, and at the edges of the schemas."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{described.url}/openapi.json"]
    command += ["--checks=all", "--mode=all", "--phases=examples,coverage,fuzzing", "--max-examples=10"]
    command += ["--seed=1", "--continue-on-failure", "--no-color"]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.serving_image.support.schemathesis_hooks"}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment | {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
