"""Traefik and Contour follow the weights that the operator writes for a canary: HTTPRoute or Ingresses."""

from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render import Children, Rollout, render
from paddlemodel_operator.rollout.situation import Plan
from paddlemodel_operator.rollout.sizes import Divider, divider

from tests.neighbours.gateways import routed
from tests.neighbours.gateways.door import Door, endpoints, until_served, without_pods
from tests.neighbours.gateways.routed import ALLOWED, ANSWERED, INFER, ONES, PATH, Pods
from tests.operator.support.cluster import Cluster, eventually
from tests.serving_image.support.servers import Server, metric

Object = dict[str, Any]

CANARY = "mixed-canary"
REQUESTS = 200
WEIGHT = 5
REQUESTS_BY_CHANCE = 1000
FOUR_DEVIATIONS = 28  # of what is drawn so often with this chance
WAYS = [("traefik", "Gateway"), ("traefik", "IngressNginx"), ("contour", "Gateway")]


def tried(namespace: str, way: Divider, host: str) -> PaddleModel:
    """A model with a canary whose requests come by one way."""
    ways: dict[Divider, Object] = {
        "Gateway": {"gateway": routed.gateway(host)},
        "IngressNginx": {"ingress": {"host": host, "path": PATH, "className": "nginx"}},
    }
    return routed.model(namespace, rollout={"strategy": "Canary", "traffic": way}, **ways[way])


def children(model: PaddleModel, weight: int) -> Children:
    """The Services, and the ways to them, while the canary gets a share."""
    plan = Plan(promote=False, canary=1, weight=weight, divider=divider(model.spec))
    kinds = (names.SERVICE, names.HTTP_ROUTE, names.INGRESS)
    found = render(model, ALLOWED, rollout=Rollout(plan=plan))
    return {child: without_pods(body) for child, body in found.items() if child.kind in kinds}


@pytest.mark.parametrize(("door", "way"), WAYS, indirect=["door"])
def test_a_canary_gets_its_weight_and_then_nothing(
    cluster: Cluster, door: Door, namespace: str, pod: Pods, way: Divider
) -> None:
    """Five of a hundred requests, beside one pod: and none is lost when it begins, or when it ends."""
    host = f"{namespace}.example.com"
    found = tried(namespace, way, host)
    before, during = children(found, 0), children(found, WEIGHT)
    with pod(found) as stable, pod(found) as canary:
        slices = (endpoints(namespace, "mixed", stable.port), endpoints(namespace, CANARY, canary.port))
        cluster.apply(*slices, *before.values())
        until_served(door, host, f"{PATH}/v2/health/ready")
        eventually(lambda: door.ask(host, INFER, ONES)[0] == 200, 120)
        assert answered(canary) == 0
        cluster.apply(*during.values())
        until_divided(door, host, canary)
        then = answered(stable), answered(canary)
        count, apart = (REQUESTS, 1) if door.exact else (REQUESTS_BY_CHANCE, FOUR_DEVIATIONS)
        assert [door.ask(host, INFER, ONES)[0] for _ in range(count)] == [200] * count
        shares = [now - was for now, was in zip((answered(stable), answered(canary)), then, strict=True)]
        assert sum(shares) == count
        assert shares[1] == pytest.approx(count * WEIGHT / 100, abs=apart)
        cluster.apply(*before.values())
        for child in during.keys() - before.keys():
            cluster.kubectl("delete", child.kind.plural, child.name, "-n", namespace)
        answers: set[int] = set()
        eventually(lambda: is_left_alone(door, host, canary, answers), 120)
        assert answers == {200}


def until_divided(door: Door, host: str, canary: Server) -> None:
    """Nobody is refused until the share is in force, either."""
    answers = set()

    def divided() -> bool:
        answers.add(door.ask(host, INFER, ONES)[0])
        return answered(canary) > 0

    eventually(divided, 120)
    assert answers == {200}


def is_left_alone(door: Door, host: str, canary: Server, answers: set[int]) -> bool:
    """Of as many requests as would bring it four, it gets none."""
    before = answered(canary)
    answers |= {door.ask(host, INFER, ONES)[0] for _ in range(80)}
    return answered(canary) == before


def answered(server: Server) -> float:
    try:
        return metric(server, ANSWERED)
    except KeyError:
        return 0
