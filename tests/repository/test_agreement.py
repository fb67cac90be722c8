"""Where two parts must agree: every field of the definition reaches the server, which takes its values."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_api.schema.crd import root_schema
from paddlemodel_api.tasks import Task
from paddlemodel_operator.base import model
from paddlemodel_operator.render import access, container
from paddlemodel_operator.render.recording import RECORDING_DIR
from paddlemodel_operator.render.templates import mirror
from paddlemodel_server.access import addresses, cors, limits
from paddlemodel_server.access.shared import place
from paddlemodel_server.access.tokens import issuer as tokens
from paddlemodel_server.engine.interface import Engine
from paddlemodel_server.mirror import wanted
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import registry
from paddlemodel_server.verification import rules

Schema = dict[str, Any]

SERVER: Schema = root_schema()["properties"]["spec"]["properties"]["server"]


def leaves(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every field below a block that is no block itself, as spec.server.queueSize, with its schema."""
    for name, child in schema["properties"].items():
        if "properties" in child:
            yield from leaves(child, f"{path}.{name}")
        else:
            yield f"{path}.{name}", child


FIELDS: dict[str, Schema] = dict(leaves(SERVER, "spec.server"))


def allowed(schema: Schema) -> list[Any]:
    """The values of a field at which it could break: both ends of a range, each of an enumeration."""
    if "enum" in schema:
        return list(schema["enum"])
    if schema["type"] == "boolean":
        return [True, False]
    return [schema["minimum"], schema["maximum"]]


VALUES = [(field, value) for field, schema in FIELDS.items() for value in allowed(schema)]


def nested(field: str, value: Any) -> dict[str, Any]:
    """spec.server with one field set."""
    for name in reversed(field.removeprefix("spec.server.").split(".")):
        value = {name: value}
    result: dict[str, Any] = value
    return result


def serve(
    server: dict[str, Any], task: dict[str, Any] | None = None, device: str = "CPU", **more: Any
) -> Settings:
    """The server's settings as the operator would send them, of a spec with these fields."""
    body = {
        "metadata": {"name": "m", "namespace": "default", "uid": "1"},
        "spec": {
            "model": {"uri": "file:///models/m"},
            "device": device,
            "server": server,
            **({"task": task} if task else {}),
            **more,
        },
    }
    manifest = model.from_body(body)
    environment = container.server(manifest, "image")["env"]
    settings = Settings.from_env({entry["name"]: entry["value"] for entry in environment})
    registry.read(settings.task)
    return settings


def test_every_field_of_the_server_block_has_a_setting_of_the_server() -> None:
    """One that is missing here would be accepted by the API server, and ignored."""
    sent = {field for field in contract.FIELD_SETTINGS if field.startswith("spec.server.")}
    assert sent == set(FIELDS)


@pytest.mark.parametrize(("field", "value"), VALUES, ids=[f"{field}={value}" for field, value in VALUES])
def test_every_allowed_value_reaches_the_server(field: str, value: Any) -> None:
    """A value that the server refused would turn an accepted PaddleModel into a pod that cannot start."""
    server = nested(field, value)
    if value == "INT8":
        server["tensorRT"] = {"enabled": True}  # on device GPU the one needs the other
    settings = serve(server, device="GPU")
    assert getattr(settings, contract.FIELD_SETTINGS[field]) == value


@pytest.mark.parametrize("device", ["CPU", "GPU"])
def test_name_and_device_reach_the_server(device: str) -> None:
    settings = serve({}, device=device)
    assert (settings.name, settings.device) == ("m", device.lower())


@pytest.mark.parametrize("path", ["/", "/resnet50", "/a/b.c_d~e%20f-g/"])
def test_the_path_of_the_ingress_reaches_the_server(path: str) -> None:
    ingress = {"host": "a.example.com", "path": path}
    assert serve({}, ingress=ingress).path_prefix == path.rstrip("/")


def test_the_path_of_the_gateway_reaches_the_server() -> None:
    gateway = {"parentRefs": [{"name": "public"}], "path": "/resnet50/"}
    assert serve({}, gateway=gateway).path_prefix == "/resnet50"


def test_the_fields_outside_the_server_block_are_these() -> None:
    """Each has a test of its own here: another one needs one, too."""
    others = {field for field in contract.FIELD_SETTINGS if not field.startswith("spec.server.")}
    assert others == {"metadata.name", "spec.device", "spec.task", "spec.verification", "spec.ingress.path"}


def test_what_is_to_be_verified_reaches_the_server() -> None:
    wanted = {
        "recording": {"configMap": {"name": "golden", "key": "a.jsonl"}},
        "tolerance": {"relative": "1e-2", "absolute": "0"},
        "outputs": [{"name": "scores", "compare": "TopK", "k": 2}],
        "minAgreementPercent": 90,
        "maxSeconds": 5,
    }
    settings = serve({}, verification=wanted)
    assert json.loads(settings.verification) == wanted
    assert rules.read(settings, Engine()) is not None
    assert serve({}).verification == ""
    assert str(settings.recording_dir) == RECORDING_DIR


def test_the_keys_reach_the_server() -> None:
    assert serve({}).api_keys_dir is None
    settings = serve({}, access={"apiKeys": {"secretName": "clients"}})
    assert str(settings.api_keys_dir) == access.API_KEYS_DIR


@pytest.mark.parametrize("place", [{"uri": "https://a/keys"}, {"configMapName": "keys"}])
def test_whose_tokens_are_taken_reaches_the_server(place: dict[str, str]) -> None:
    assert serve({}).jwt == ""
    least = {"issuer": "https://a", "audiences": ["b", "c"], "keys": place}
    settings = serve({}, access={"jwt": least})
    expected = tokens.Issuer(name="https://a", audiences=("b", "c"), uri=place.get("uri", ""))
    assert tokens.read(settings.jwt) == expected
    assert settings.jwt_keys_dir == (None if "uri" in place else Path(access.JWT_KEYS_DIR))
    more = least | {"clientClaim": "email", "clients": ["d", "e*"]}
    assert tokens.read(serve({}, access={"jwt": more}).jwt) == replace(
        expected, claim="email", clients=("d", "e*")
    )


def test_the_certificate_reaches_the_server() -> None:
    assert serve({}).tls_dir is None
    assert str(serve({}, access={"tls": {"secretName": "tls"}}).tls_dir) == access.TLS_DIR


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        ({"hops": 10}, addresses.Proxies(hops=10)),
        ({"cidrs": ["10.1.2.3/8"]}, addresses.Proxies(networks=(ip_network("10.0.0.0/8"),))),
    ],
)
def test_limits_and_proxies_reach_the_server(proxies: dict[str, Any], expected: addresses.Proxies) -> None:
    most: Any = {"per": "Address", "requests": 1_000_000, "seconds": 86_400, "burst": 1_000_000}
    least = {"per": "Model", "requests": 1}
    settings = serve({}, access={"rateLimits": [most, least], "trustedProxies": proxies})
    assert limits.read(settings.rate_limits) == (
        limits.Limit(**most),
        limits.Limit(per="Model", requests=1, seconds=60, burst=1),
    )
    assert addresses.read(settings.trusted_proxies) == expected


@pytest.mark.parametrize("uri", ["redis://valkey", "rediss://[fd00::1]:6380/15"])
def test_where_pods_count_together_reaches_the_server(uri: str) -> None:
    shared, rates = {"uri": uri, "secretName": "limits"}, [{"per": "Model", "requests": 1}]
    settings = serve({}, access={"rateLimits": rates, "sharedLimits": shared})
    assert place.read(settings.shared_limits) == place.Place(uri=uri, prefix="default/m")
    assert str(settings.shared_limits_dir) == access.SHARED_LIMITS_DIR


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"allowedOrigins": ["*"]}, cors.Cors(origins=frozenset())),
        (
            {"allowedOrigins": ["https://a.b", "http://c"], "allowedHeaders": ["X"], "maxAgeSeconds": 86_400},
            cors.Cors(origins=frozenset({"https://a.b", "http://c"}), headers=("X",), max_age_seconds=86_400),
        ),
    ],
)
def test_pages_of_other_origins_reach_the_server(given: dict[str, Any], expected: cors.Cors) -> None:
    assert cors.read(serve({}, access={"cors": given}).cors) == expected


def test_tensorrt_gets_a_folder_for_its_engines() -> None:
    settings = serve({"tensorRT": {"enabled": True}}, device="GPU")
    assert settings.cache_dir == Path("/tmp/tensorrt")


def test_the_names_that_a_spec_may_not_set_are_settings_of_the_server() -> None:
    known = {contract.variable(field.name) for field in fields(Settings)}
    assert {*contract.SERVER_VARIABLES, *contract.ACCESS_VARIABLES, *contract.FIXED_VARIABLES} <= known


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
def test_every_field_of_a_task_reaches_the_server(manifest: dict[str, Any]) -> None:
    task = {"imageClassification": manifest}
    assert registry.read(serve({}, task).task) == registry.read(json.dumps(task))
    assert registry.read(serve({}, task).task) != registry.read('{"imageClassification":{}}')


def test_server_and_definition_have_the_same_tasks() -> None:
    assert (registry.AUTO, *registry.TASKS) == Task.members()


def test_the_further_models_of_a_task_reach_the_server() -> None:
    place = {"uri": "https://a.example.com/m.tar?sig=5ecret", "credentials": {"secretName": "s"}}
    task = {"ocr": {"recognition": place, "orientation": place, "reading": {"widthStep": 1}}}
    settings = serve({}, task)
    lie = {name: (settings.model_dir / folder).resolve() for name, folder in settings.further_models.items()}
    assert lie == {"recognition": Path("/models/recognition"), "orientation": Path("/models/orientation")}
    assert registry.read(settings.task).spec.reading.width_step == 1
    assert "5ecret" not in settings.task
    assert not serve({}).further_models


def test_a_spec_without_a_task_is_a_server_of_tensors_without_pydantic() -> None:
    """The text of the default is compared, not parsed."""
    assert serve({}).task == contract.DEFAULT_TASK == Settings().task


@pytest.mark.parametrize("field", [field for field in FIELDS if FIELDS[field]["type"] != "boolean"])
def test_a_field_describes_the_default_of_the_server(field: str) -> None:
    """The operator sends only what a spec sets."""
    default = getattr(serve({}), contract.FIELD_SETTINGS[field])
    assert (
        f"Default: {default if isinstance(default, str) else f'{default:.0f}'}."
        in FIELDS[field]["description"]
    )


def test_the_defaults_that_the_operator_reckons_with_are_the_server_s() -> None:
    settings = serve({})
    assert not settings.tensorrt
    assert settings.drain_seconds == container.DEFAULT_DRAIN_SECONDS
    assert settings.timeout_seconds == container.DEFAULT_TIMEOUT_SECONDS
    assert settings.max_request_bytes == container.DEFAULT_REQUEST_BYTES
    assert settings.port == 8080
    assert str(settings.model_dir) == container.MODEL_DIR


@pytest.mark.parametrize(
    ("tls", "url"), [(False, ("m-canary.default.svc", 80, False)), (True, ("m-canary.default.svc", 80, True))]
)
def test_both_versions_understand_what_they_get_of_a_mirror(tls: bool, url: tuple[str, int, bool]) -> None:
    fields = {"percent": 7, "relative": "0.1", "outputs": [{"name": "a", "compare": "TopK", "k": 2}]}
    body = {
        "metadata": {"name": "m", "namespace": "default", "uid": "1"},
        "spec": {
            "model": {"uri": "file:///models/m"},
            "rollout": {"strategy": "Canary", "mirror": fields},
            **({"access": {"tls": {"secretName": "s"}}} if tls else {}),
        },
    }
    stable, canary = (
        wanted.read(
            Settings.from_env(
                {contract.MIRROR_VARIABLE: mirror.text(model.from_body(body), track) or ""}
            ).mirror
        )
        for track in (contract.TRACK_STABLE, contract.TRACK_CANARY)
    )
    assert stable.target is not None
    assert (stable.target.host, stable.target.port, stable.target.tls) == url
    assert (stable.target.part, stable.target.tolerances.default.rtol) == (0.07, 0.1)
    assert stable.target.tolerances.of["a"].top_k == 2
    assert canary.target is None
    assert stable.token == canary.token != wanted.UNTOLD
