"""What a model costs the API server, counted in its audit log: no write in vain, and none twice."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.drift import is_applied
from paddlemodel_operator.render import render

from tests.operator.support.builders import SETTINGS, UID, URI
from tests.operator.support.cluster import CHILDREN, Cluster, eventually
from tests.operator.support.manifests import manifest, settled
from tests.operator.support.process import USER, Operator

pytestmark = pytest.mark.control_plane

FIELDS: dict[str, Any] = {"autoscaling": {"maxReplicas": 3}, "ingress": {"host": "a.example.com"}}
MADE = [kind for kind in CHILDREN if kind not in {names.CRON_JOB, names.NETWORK_POLICY}]
CLOSED: dict[str, Any] = {**FIELDS, "access": {"network": {"from": [{"podSelector": {}}]}}}
"""With a policy, too: such a model is not open to outsiders, and no Event says so."""


def writes(cluster: Cluster, namespace: str, since: int) -> Counter[tuple[str, int]]:
    """By resource and status code."""
    counts: Counter[tuple[str, int]] = Counter()
    for entry in cluster.entries(since):
        what = entry["objectRef"]
        if entry["user"]["username"] == USER and what.get("namespace") == namespace:
            name = "/".join(filter(None, (what["resource"], what.get("subresource"))))
            counts[name, entry["responseStatus"]["code"]] += 1
    return counts


def test_a_new_model_costs_one_write_for_each_child(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    mark = cluster.mark()
    cluster.apply(manifest(namespace, **FIELDS))
    settled(cluster, operator, namespace)
    counts = writes(cluster, namespace, mark)
    statuses = counts.pop(("paddlemodels/status", 200))
    counts.pop(("paddlemodels/status", 409), None)  # Over a version that the controllers' reports replaced.
    assert counts == {(kind.plural, 201): 1 for kind in MADE} | {("events", 201): 2}  # Progressing, Open
    assert statuses <= 4
    mark = cluster.mark()
    cluster.apply(manifest(namespace, **CLOSED))
    eventually(lambda: cluster.get(names.NETWORK_POLICY, namespace, "resnet50"))
    settled(cluster, operator, namespace)
    counts = writes(cluster, namespace, mark)
    assert {entry: count for entry, count in counts.items() if entry[0] in {k.plural for k in CHILDREN}} == {
        ("networkpolicies", 201): 1
    }


async def test_an_apply_that_creates_never_changes_what_exists(
    cluster: Cluster, api: Api, namespace: str
) -> None:
    """Of each kind of child: this rests on two steps inside the API server, which nobody promises."""
    cluster.apply(manifest(namespace, **CLOSED))
    for kind in (names.NETWORK_POLICY, *MADE):
        eventually(lambda kind=kind: cluster.get(kind, namespace, "resnet50"))  # type: ignore[misc]
        assert names.CREATE_GUARD not in cluster.need(kind, namespace, "resnet50")["metadata"]
        desired = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": "resnet50", "namespace": namespace, "labels": {"evil": "yes"}},
        }
        assert await api.create(kind, desired) is None
        assert "evil" not in cluster.need(kind, namespace, "resnet50")["metadata"]["labels"]


@pytest.mark.parametrize("text", ["𠮷", "🇺🇸", "猫", "\x7f", "\x85\u2028\ufeff", '\\ud83c "\n'], ids=ascii)
async def test_every_character_of_a_spec_reaches_the_children(api: Api, namespace: str, text: str) -> None:
    """An apply is YAML, which has other escapes than JSON, and takes fewer characters without one."""
    spec = {"model": {"uri": URI}, "device": "CPU", "task": {"imageClassification": {"labels": [text]}}}
    body = {**manifest(namespace), "spec": spec}
    body["metadata"] |= {"uid": UID, "generation": 1}
    children = render(from_body(body), SETTINGS)
    deployment = children[names.ChildKey(names.DEPLOYMENT, "resnet50")]
    assert is_applied(deployment, await api.apply(names.DEPLOYMENT, deployment))


def test_a_namespace_that_is_being_deleted_is_left_alone(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """It was asked for each child again and again, and the status blamed an admission plugin."""
    ending, models = f"{namespace}-ending", [f"m-{number}" for number in range(30)]
    cluster.kubectl("create", "namespace", ending)
    cluster.apply(*(manifest(ending, name) for name in models))
    for name in models:
        settled(cluster, operator, ending, name)
    mark = cluster.mark()
    cluster.kubectl("delete", "namespace", ending, "--timeout=180s")
    eventually(operator.is_idle)
    counts = writes(cluster, ending, mark)
    created = sum(number for (name, code), number in counts.items() if "/" not in name and code == 201)
    refused = sum(number for (_, code), number in counts.items() if code == 403)
    assert created == 0
    assert refused <= 8  # One of each worker, at most.
    assert counts["events", 403] == 0


@pytest.fixture
def second(
    cluster: Cluster, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """Another operator beside the first, as during an upgrade."""
    assert operator.is_idle()
    result = Operator(cluster, tmp_path_factory.mktemp("second"))
    result.start()
    yield result
    result.kill()


def test_two_operators_at_once_say_it_once(
    cluster: Cluster, operator: Operator, second: Operator, namespace: str
) -> None:
    """Each status is written over the version that it is about, and only who wrote it sends the Event."""
    models = [f"m-{number}" for number in range(10)]
    mark = cluster.mark()
    cluster.apply(*(manifest(namespace, name, **FIELDS) for name in models))
    for name in models:
        settled(cluster, operator, namespace, name)
    eventually(second.is_idle)
    told = Counter(
        (one["regarding"]["name"], one["reason"])
        for one in cluster.all(names.EVENT, namespace)
        if one["regarding"]["kind"] == "PaddleModel"
    )
    assert told == {(name, reason): 1 for name in models for reason in ("Progressing", "Open")}
    counts = writes(cluster, namespace, mark)
    for kind in MADE:
        assert counts[kind.plural, 201] == len(models)
        assert counts[kind.plural, 200] == 0
    for name in models:
        assert cluster.need(names.DEPLOYMENT, namespace, name)["metadata"]["generation"] == 1
