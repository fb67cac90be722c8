"""Where two parts must agree: what the definition allows, the server must take."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_api.schema.crd import root_schema
from paddlemodel_operator.base import model
from paddlemodel_operator.render import container
from paddlemodel_server.settings import Settings

LIMITS = ("minimum", "maximum")


def serve(server: dict[str, Any], task: dict[str, Any] | None = None, device: str = "CPU") -> Settings:
    """The server's settings as the operator would send them."""
    body = {
        "metadata": {"name": "m", "namespace": "default", "uid": "1"},
        "spec": {
            "model": {"uri": "file:///models/m"},
            "device": device,
            "server": server,
            "task": task or {},
        },
    }
    manifest = model.from_body(body)
    environment = container.server(manifest, "image")["env"]
    return Settings.from_env({entry["name"]: entry["value"] for entry in environment})


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("field", ["queueSize", "timeoutSeconds", "drainSeconds", "maxRequestBytes"])
def test_every_allowed_number_starts_a_server(field: str, limit: str) -> None:
    """Else a PaddleModel that the API server accepts becomes a pod that refuses to start."""
    schema = root_schema()["properties"]["spec"]["properties"]["server"]["properties"]
    serve({field: schema[field][limit]})


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("field", ["maxBatchSize", "maxDelayMs"])
def test_every_allowed_batching_starts_a_server(field: str, limit: str) -> None:
    schema = root_schema()["properties"]["spec"]["properties"]["server"]["properties"]["batching"][
        "properties"
    ]
    serve({"batching": {field: schema[field][limit]}})


def test_every_precision_and_tensorrt_start_a_server() -> None:
    schema = root_schema()["properties"]["spec"]["properties"]["server"]["properties"]
    for precision in schema["precision"]["enum"]:
        settings = serve({"precision": precision, "tensorRT": {"enabled": True}}, device="GPU")
        assert (settings.precision, settings.tensorrt, settings.device) == (precision, True, "gpu")
        assert settings.cache_dir == Path("/tmp/tensorrt")


def test_the_names_that_a_spec_may_not_set_are_settings_of_the_server() -> None:
    known = {f"PADDLEMODEL_{field.name.upper()}" for field in fields(Settings)}
    assert {*contract.SERVER_VARIABLES, *contract.FIXED_VARIABLES} <= known


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param({"labels": ["cat", "dog"], "topK": 1000, "activation": "None"}, id="labels"),
        pytest.param({"labelsFile": "labels.txt", "resize": "Stretch"}, id="labels-file"),
        pytest.param({"labelsFile": "meta/labels.txt"}, id="labels-file-in-a-folder"),
        pytest.param({"mean": [0, 0, 0], "std": [0.1, 1, 255], "channelOrder": "BGR"}, id="normalisation"),
        pytest.param({"width": 8192, "height": 1, "resize": "Pad"}, id="size"),
    ],
)
def test_every_allowed_task_starts_a_server(manifest: dict[str, Any]) -> None:
    serve({}, {"type": "ImageClassification", **manifest})


def test_the_defaults_are_the_same() -> None:
    """The operator sends only what a spec sets, and tells the server's defaults in its descriptions."""
    settings = serve({})
    schema = root_schema()["properties"]["spec"]["properties"]["server"]["properties"]
    told = {
        "queueSize": settings.queue_size,
        "timeoutSeconds": settings.timeout_seconds,
        "drainSeconds": settings.drain_seconds,
        "maxRequestBytes": settings.max_request_bytes,
    }
    for field, value in told.items():
        assert f"Default: {value:.0f}." in schema[field]["description"]
    batching = schema["batching"]["properties"]
    assert f"Default: {settings.max_batch_size}." in batching["maxBatchSize"]["description"]
    assert f"Default: {settings.max_delay_ms:.0f}." in batching["maxDelayMs"]["description"]
    assert f"Default: {settings.precision}." in schema["precision"]["description"]
    assert not settings.tensorrt
    assert settings.drain_seconds == container.DEFAULT_DRAIN_SECONDS
    assert settings.timeout_seconds == container.DEFAULT_TIMEOUT_SECONDS
    assert settings.max_request_bytes == container.DEFAULT_REQUEST_BYTES
    assert settings.port == 8080
    assert str(settings.model_dir) == container.MODEL_DIR
