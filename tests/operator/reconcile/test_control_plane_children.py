"""Several children of one kind at a real API server: the operator's own reconcile applies and prunes them."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.pod_prober import PodProber
from paddlemodel_operator.probing.rollout_meter import RolloutMeter
from paddlemodel_operator.reconcile import recent
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.reconcile.reconcile import reconcile
from paddlemodel_operator.render import Children, Rollout, render
from paddlemodel_operator.settings import Settings

from tests.operator.support.builders import SETTINGS
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest, settled
from tests.operator.support.process import USER, Operator
from tests.operator.support.toys import SUFFIX, with_a_second

pytestmark = pytest.mark.control_plane

NAME = "resnet50"
SECOND = NAME + SUFFIX


@pytest.fixture
def alone(operator: Operator) -> Iterator[None]:
    """Without the operator's process, which would take away what it does not render."""
    operator.stop()
    yield
    operator.start()


def listed(cluster: Cluster, namespace: str) -> Cache:
    """What the watches would report."""
    cache = Cache()
    for kind in names.WATCHED_KINDS:
        for body in cluster.all(kind, namespace):
            cache.put(kind, {"apiVersion": kind.api_version, "kind": kind.kind, **body})
    return cache


def status(cluster: Cluster, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.need(names.MODEL, namespace, NAME)["status"]
    return found


@pytest.mark.usefixtures("alone")
async def test_a_second_deployment_and_service_come_and_go_beside_the_first(
    cluster: Cluster, api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.apply(manifest(namespace, replicas=2))
    clock = asyncio.get_running_loop().time
    second: tuple[names.Kind, ...] = (names.DEPLOYMENT, names.SERVICE)

    def rendered(
        model: PaddleModel, settings: Settings, contents: Mapping[str, str], rollout: Rollout
    ) -> Children:
        return with_a_second(render(model, settings, contents, rollout), *second)

    monkeypatch.setattr(recent, "render", rendered)

    async def step() -> None:
        cache, records = listed(cluster, namespace), ModelRecords()
        context = Context(
            api=api,
            cache=cache,
            settings=SETTINGS,
            instance="test",
            prober=PodProber(cache, records, lambda _: None, clock),
            meter=RolloutMeter(cache, lambda _: None, clock),
            records=records,
            registration=lambda: None,
            begun={(namespace, NAME)},
        )
        await reconcile(context, (namespace, NAME))

    def replicas(name: str) -> int:
        return int(cluster.need(names.DEPLOYMENT, namespace, name).get("status", {}).get("replicas", 0))

    await step()
    first = cluster.need(names.DEPLOYMENT, namespace, NAME)
    canary = cluster.need(names.DEPLOYMENT, namespace, SECOND)
    assert canary["spec"]["selector"]["matchLabels"] == {
        **first["spec"]["selector"]["matchLabels"],
        contract.TRACK_LABEL: "canary",
    }
    assert cluster.get(names.SERVICE, namespace, SECOND)
    eventually(lambda: (replicas(NAME), replicas(SECOND)) == (2, 2))
    await step()
    assert status(cluster, namespace)["replicas"] == 2  # Those of the first one alone.

    mark = cluster.mark()
    await step()
    assert cluster.writes(USER, namespace, mark) == []

    second = ()
    await step()
    assert cluster.get(names.DEPLOYMENT, namespace, SECOND) is None
    assert cluster.get(names.SERVICE, namespace, SECOND) is None
    assert cluster.need(names.DEPLOYMENT, namespace, NAME)["metadata"]["uid"] == first["metadata"]["uid"]
    assert cluster.get(names.SERVICE, namespace, NAME)


def test_the_operator_deletes_a_child_that_it_does_not_render(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """Left by another version of it: the watch tells, and the owner says whose it is."""
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    body = cluster.need(names.SERVICE, namespace, NAME)
    metadata = {key: body["metadata"][key] for key in ("namespace", "labels", "ownerReferences")}
    spec = {"ports": [{"port": 80}], "selector": body["spec"]["selector"]}
    cluster.apply({**body, "metadata": {**metadata, "name": SECOND}, "spec": spec})
    eventually(lambda: cluster.get(names.SERVICE, namespace, SECOND) is None)
    assert cluster.need(names.SERVICE, namespace, NAME)["metadata"]["uid"] == body["metadata"]["uid"]


def test_a_deployment_with_an_older_selector_is_explained_and_replaced_once_it_is_deleted(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """As a cluster shows it that was upgraded from labels before tracks and pools."""
    operator.stop()
    try:
        cluster.apply(manifest(namespace))
        uid = cluster.need(names.MODEL, namespace, NAME)["metadata"]["uid"]
        labels = {contract.NAME_LABEL: names.APP_NAME, contract.MODEL_LABEL: NAME}
        owner = {"apiVersion": contract.API_VERSION, "kind": contract.KIND, "name": NAME, "uid": uid}
        cluster.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": NAME,
                    "namespace": namespace,
                    "labels": names.child_labels(NAME),
                    "ownerReferences": [{**owner, "controller": True}],
                },
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [{"name": "server", "image": "older"}]},
                    },
                },
            }
        )
    finally:
        operator.start(wait=False)
    eventually(lambda: cluster.ready_reason(namespace, NAME) == "SelectorImmutable")
    command = f"kubectl delete deployment {NAME} --namespace {namespace}"
    assert f"run {command};" in cluster.conditions(namespace, NAME)["Ready"]["message"]
    cluster.kubectl(*command.split()[1:])

    def replaced() -> bool:
        found = cluster.need(names.DEPLOYMENT, namespace, NAME)
        return bool(found["spec"]["selector"]["matchLabels"] == names.pod_selector(NAME))

    eventually(replaced)
    eventually(lambda: cluster.ready_reason(namespace, NAME) == "Progressing")
