"""Ingresses through Traefik: by its own class, and by its provider for ingress-nginx's annotations."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from paddlemodel_operator.render.traffic import ingress

from tests.neighbours.gateways import routed
from tests.neighbours.gateways.door import own_address, until_served
from tests.neighbours.gateways.routed import INFER, ONES, PATH, Pods
from tests.neighbours.gateways.traefik import Traefik
from tests.operator.support.cluster import Cluster

MEBIBYTE = 1 << 20


@pytest.mark.parametrize("kind", ["traefik", "nginx"])
def test_a_model_answers_below_its_path_and_takes_bodies_up_to_its_own_limit(
    cluster: Cluster, traefik: Traefik, namespace: str, kind: str, pod: Pods
) -> None:
    """Where the provider for nginx's annotations buffers, it takes one mebibyte unless told otherwise."""
    host = f"{kind}.example.com"
    found = routed.model(
        namespace,
        ingress={"host": host, "path": PATH, "className": kind},
        server={"maxRequestBytes": 4 * MEBIBYTE},
    )
    with pod(found) as server:
        routed.apply(cluster, found, ingress.build(found), server.port)
        until_served(traefik, host, f"{PATH}/v2/health/ready")
        assert traefik.ask(host, INFER, ONES)[0] == 200
        assert traefik.ask(host, "/v2/models/mixed")[0] == 404  # not below the path
        assert traefik.ask(host, INFER, ONES + b" " * 3 * MEBIBYTE)[0] == 200
        assert traefik.announce(host, INFER, 5 * MEBIBYTE) == 413


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that takes connections, and never answers."""
    with socket.create_server((own_address(), 0)) as listener:
        yield listener.getsockname()[1]


def test_the_annotation_of_time_ends_the_wait_for_a_server_that_hangs(
    cluster: Cluster, traefik: Traefik, namespace: str
) -> None:
    """The user's own value, for the operator's is at least two minutes."""
    host = "slow.example.com"
    annotations = {"nginx.ingress.kubernetes.io/proxy-read-timeout": "1"}
    fields = {"host": host, "className": "nginx", "annotations": annotations}
    found = routed.model(namespace, ingress=fields)
    with silent() as port:
        routed.apply(cluster, found, ingress.build(found), port)
        until_served(traefik, host, "/predict")
        assert traefik.ask(host, "/predict")[0] == 504
