"""The containers: `fetch` brings the model, `server` serves it, `check` looks for newer content."""

import json
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import MODELS_DIR, FetchedModel, PaddleModel
from paddlemodel_operator.render import access, fetching, recording
from paddlemodel_operator.render.metadata import Object, compact, literal

USER: Final = 65532
MODEL_DIR: Final = f"{MODELS_DIR}/{names.MAIN}"
DEFAULT_TIMEOUT_SECONDS: Final = 30
DEFAULT_DRAIN_SECONDS: Final = 5
DEFAULT_REQUEST_BYTES: Final = 10 * 1024 * 1024
END_SECONDS: Final = 15
"""What a server takes to end beside its drain and its longest request, and some to spare."""

START_SECONDS: Final = 600
"""How long a server may take until it answers /healthz. It does so while the model loads; that has a deadline
of its own, PADDLEMODEL_LOAD_TIMEOUT_SECONDS."""

CACHE: Final = {"name": contract.variable("cache_dir"), "value": "/tmp/tensorrt"}  # noqa: S108 - inside the container
"""Where TensorRT's engines outlive a container that is restarted, though not the pod."""

DEFAULT_RESOURCES: Final[dict[str, dict[str, dict[str, str]]]] = {
    "CPU": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
    "GPU": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"cpu": "4", "memory": "16Gi"}},
}

CHECK_RESOURCES: Final = {
    "requests": {"cpu": "10m", "memory": "64Mi"},
    "limits": {"cpu": "500m", "memory": "256Mi"},
}
"""A list of files, and no file."""

_VOLUME_MODELS: Final = "models"


def timeout_seconds(model: PaddleModel) -> int:
    """Seconds until a request is answered 504."""
    return model.spec.server.timeout_seconds or DEFAULT_TIMEOUT_SECONDS


def grace_seconds(model: PaddleModel) -> int:
    """Seconds that a pod may take to end: it still accepts, then it finishes what it has.

    There is no preStop hook: the server goes on accepting requests for its drain time after SIGTERM.
    """
    server = model.spec.server
    drain = DEFAULT_DRAIN_SECONDS if server.drain_seconds is None else server.drain_seconds
    return drain + timeout_seconds(model) + END_SECONDS


def request_bytes(model: PaddleModel) -> int:
    """Bytes of the largest body."""
    return model.spec.server.max_request_bytes or DEFAULT_REQUEST_BYTES


def fetch(model: PaddleModel, found: FetchedModel, image: str) -> Object:
    """The init container of one model; its termination message, in JSON, holds the digest or the fault."""
    where = ["--uri", fetching.address(found), "--into", found.folder]
    return compact(
        {
            **_common(names.of_model(names.FETCH_CONTAINER, found.name), image),
            "args": ["fetch", *where, *fetching.content(found), *fetching.access(found)],
            "env": _extra_env(model) or None,
            "resources": _resources(model),
            "volumeMounts": [
                _mount(_VOLUME_MODELS, MODELS_DIR),
                _mount("tmp", "/tmp"),  # noqa: S108 - inside the container
                *fetching.mounts(found, cached=True),
            ],
            "terminationMessagePolicy": "File",
        }
    )


def check(model: PaddleModel, found: FetchedModel, image: str) -> Object:
    """What looks for new content of one model; its termination message holds the revision or the fault."""
    return compact(
        {
            **_common(names.of_model(names.CHECK_CONTAINER, found.name), image),
            "args": ["fetch", "--check", "--uri", fetching.address(found), *fetching.access(found)],
            "env": _extra_env(model) or None,
            "resources": CHECK_RESOURCES,
            "volumeMounts": [
                _mount("tmp", "/tmp"),  # noqa: S108 - inside the container
                *fetching.mounts(found, cached=False),
            ],
            "terminationMessagePolicy": "File",
        }
    )


def server(model: PaddleModel, image: str) -> Object:
    """The container that answers requests."""
    resources = _resources(model)
    if model.gpu is not None:
        resources["limits"] = {**resources.get("limits", {}), model.gpu.resource_name: str(model.gpu.count)}
    return {
        **_common(names.SERVER_CONTAINER, image),
        "args": ["serve"],
        "env": _environment(model),
        "ports": [
            {"name": names.HTTP_PORT_NAME, "containerPort": contract.HTTP_PORT, "protocol": "TCP"},
            {"name": names.ADMIN_PORT_NAME, "containerPort": contract.ADMIN_PORT, "protocol": "TCP"},
        ],
        "resources": resources,
        "volumeMounts": [
            {**_mount(_VOLUME_MODELS, MODELS_DIR), "readOnly": True},
            _mount("tmp", "/tmp"),  # noqa: S108 - inside the container
            *recording.mounts(model),
            *access.mounts(model),
        ],
        "startupProbe": {**_probe("/healthz"), "periodSeconds": 2, "failureThreshold": START_SECONDS // 2},
        "livenessProbe": {**_probe("/healthz"), "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 2, "failureThreshold": 3},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def volumes(model: PaddleModel) -> list[Object]:
    """Empty folders, and what the fetcher reads and writes besides."""
    return [
        {"name": _VOLUME_MODELS, "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        *fetching.volumes(model.fetched, cached=True),
        *recording.volumes(model),
        *access.volumes(model),
    ]


def _common(name: str, image: str) -> Object:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _resources(model: PaddleModel) -> Object:
    """Of the user as a whole, or the defaults as a whole: a mixture could contradict itself."""
    given = model.spec.resources
    if given is None:
        default = DEFAULT_RESOURCES[model.spec.device]
        return {part: dict(amounts) for part, amounts in default.items()}
    parts = {"requests": given.requests, "limits": given.limits}
    return {
        part: {name: str(amount) for name, amount in amounts.items()}
        for part, amounts in parts.items()
        if amounts
    }


def _environment(model: PaddleModel) -> list[Object]:
    """All variables of the server; the user's own come last."""
    made = (_server_env, _further_env, _granted_env, access.variables, _cache_env, _extra_env)
    return [variable for variables in made for variable in variables(model)]


def _server_env(model: PaddleModel) -> list[Object]:
    """What the spec sets; for everything else the server has the same defaults."""
    verification = recording.text(model)
    spec = {
        "device": model.spec.device.lower(),
        "verification": literal(verification) if verification else None,
        "task": literal(model.task_json),
        "server": model.spec.server.model_dump(by_alias=True, exclude_none=True),
        "ingress": {"path": model.path_prefix or None},
    }
    body = {"metadata": {"name": model.name}, "spec": spec}
    values = {setting: _at(body, field) for field, setting in contract.FIELD_SETTINGS.items()}
    return [
        {"name": contract.variable(setting), "value": _text(value)}
        for setting, value in values.items()
        if value is not None and (value is not False or setting in contract.ON_BY_DEFAULT)
    ]


def _further_env(model: PaddleModel) -> list[Object]:
    """Where the further models of the task lie.

    Relative to the main model: `paddlemodel run` moves paths to this machine, but none inside JSON.
    """
    folders = {one.name: f"../{one.name}" for one in model.fetched[1:]}
    if not folders:
        return []
    return [{"name": contract.FURTHER_MODELS_VARIABLE, "value": json.dumps(folders)}]


def _granted_env(model: PaddleModel) -> list[Object]:
    """What the chart allows; `render` has refused it where it does not."""
    (granted,) = contract.GRANTED_SETTINGS
    return [{"name": contract.variable(granted), "value": "true"}] if model.spec.task.custom else []


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _at(body: Object, field: str) -> Any:
    """The value of a field such as spec.server.queueSize; None where it is not set."""
    value: Any = body
    for name in field.split("."):
        value = (value or {}).get(name)
    return value


def _cache_env(model: PaddleModel) -> list[Object]:
    tensor_rt = model.spec.server.tensor_rt
    given = any(variable.name == CACHE["name"] for variable in model.spec.pod.env or ())
    return [dict(CACHE)] if tensor_rt and tensor_rt.enabled and not given else []


def _extra_env(model: PaddleModel) -> list[Object]:
    return [
        compact({"name": variable.name, "value": variable.value, "valueFrom": variable.value_from})
        for variable in model.spec.pod.env or ()
    ]


def _mount(name: str, path: str) -> Object:
    return {"name": name, "mountPath": path}


def _probe(path: str) -> Object:
    return {"httpGet": {"path": path, "port": names.ADMIN_PORT_NAME}, "timeoutSeconds": 2}
