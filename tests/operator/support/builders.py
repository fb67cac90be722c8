"""Small worlds for the operator's tests: a test states only what differs from the default."""

import json
from typing import Any

from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel, from_body
from paddlemodel_operator.observe.autoscaler import Autoscaler
from paddlemodel_operator.observe.children import Container, Observed, Pod, Workload
from paddlemodel_operator.observe.conditions import Conditions
from paddlemodel_operator.render import render
from paddlemodel_operator.settings import Settings

Object = dict[str, Any]

UID = "11111111-1111-1111-1111-111111111111"
URI = "https://models.example.com/resnet50.tar"
DIGEST = "sha256:" + "a" * 64
NOW = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T01:00:00Z"
SETTINGS = Settings(server_image_cpu="server:cpu", server_image_gpu="server:gpu")


def spec(**fields: Any) -> Object:
    """A model on the processor; `model={...}` and every other field replace the defaults."""
    return {"model": {"uri": URI}, "device": "CPU", **fields}


def body(name: str = "resnet50", namespace: str = "ml", **fields: Any) -> Object:
    return {
        "apiVersion": contract.API_VERSION,
        "kind": contract.KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": UID,
            "generation": 7,
            "resourceVersion": "1",
        },
        "spec": spec(**fields),
    }


def model(**fields: Any) -> PaddleModel:
    return from_body(body(**fields))


def rendered(kind: names.Kind, settings: Settings = SETTINGS, **fields: Any) -> Any:
    """The child of a kind that has the model's name, or None."""
    found = model(**fields)
    return render(found, settings).get(names.ChildKey(kind, found.name))


def workload(**fields: Any) -> Workload:
    return Workload(**{"current": True, "desired": 1, "replicas": 1, "updated": 1, **fields})


def words(**fields: Any) -> str:
    """What a fetcher leaves behind."""
    return json.dumps(fields)


def fetched(digest: str = DIGEST, **more: Any) -> Container:
    return Container(exit_code=0, exit_message=words(digest=digest, format="PIR", bytes=5, **more))


def ready_pod(name: str = "pod-a", **fields: Any) -> Pod:
    """`fetch` is what brings the main model; further ones are in `fetches`."""
    server = Container(running=True, ready=True)
    return pod(**{"name": name, "ready": True, "fetch": fetched(), "server": server, **fields})


def pod(fetch: Container | None = None, **fields: Any) -> Pod:
    """A pod that is not ready."""
    fetches = {**({names.MAIN: fetch} if fetch else {}), **fields.pop("fetches", {})}
    return Pod(**{"name": "pod-a", "scheduled": True, "fetches": fetches, **fields})


def observed(*pods: Pod, autoscaler: Conditions | None = None, **fields: Any) -> Observed:
    """A Deployment of one replica with these pods."""
    ready = sum(one.ready for one in pods)
    return Observed(
        workload=workload(**{"ready": ready, **fields}),
        autoscaler=None if autoscaler is None else Autoscaler(conditions=autoscaler),
        pods=pods,
    )
