"""Servers as the operator would start them, behind Services without pods."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel, from_body
from paddlemodel_operator.render import container, render
from paddlemodel_operator.settings import Settings

from tests.neighbours.gateways.door import PARENT, endpoints, without_pods
from tests.operator.support.builders import body
from tests.operator.support.cluster import Cluster
from tests.serving_image.support.servers import Server, serving

Object = dict[str, Any]

ALLOWED = Settings(gateway_api=True)
Pods = Callable[[PaddleModel], AbstractContextManager[Server]]
"""Starts the server of a model."""
PATH = "/below"
INFER = f"{PATH}/v2/models/mixed/infer"
ONES = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 1]}]}).encode()
ANSWERED = 'paddle_requests_total{route="infer",status="200"}'


def gateway(host: str, section: str = "web") -> Object:
    """`spec.gateway` of a model at a host, below a path."""
    return {"parentRefs": [{**PARENT, "sectionName": section}], "hostnames": [host], "path": PATH}


def model(namespace: str, **fields: Any) -> PaddleModel:
    return from_body(body("mixed", namespace, **fields))


def service(found: PaddleModel) -> Object:
    child: Object = render(found, ALLOWED)[names.ChildKey(names.SERVICE, found.name)]
    return child


def apply(cluster: Cluster, found: PaddleModel, way: Object | None, port: int) -> None:
    """A model's Service and a way to it, in front of one server."""
    assert way is not None
    slices = endpoints(found.namespace, found.name, port)
    cluster.apply(without_pods(service(found)), slices, without_pods(way))


@contextmanager
def pod(found: PaddleModel, files: Path, folder: Path) -> Iterator[Server]:
    """The server of a model with the variables that its pods get, reached from this machine's address."""
    variables = container.server(found, "image")["env"]
    settings = {
        one["name"].removeprefix("PADDLEMODEL_").lower(): one["value"]
        for one in variables
        if one["name"].startswith("PADDLEMODEL_") and "value" in one
    }
    with serving(files, folder, **{**settings, "bind": "0.0.0.0"}) as server:
        yield server
