"""The metrics adapter between the real API server and pods that simulate: an autoscaler asks; discovery."""

from collections.abc import Iterator

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.operator.support.adapters import ROOT, Adapter, adapter_process, registered
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.simulated_pods import SimulatedPod, announce, pods

pytestmark = pytest.mark.control_plane


@pytest.fixture(scope="module")
def adapter(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    with adapter_process(cluster, tmp_path_factory.mktemp("adapter"), fresh_seconds="0") as result:
        yield result


@pytest.fixture
def pair(cluster: Cluster, namespace: str) -> Iterator[list[SimulatedPod]]:
    """Two pods of the model `demo`."""
    with pods(2) as started:
        for number, pod in enumerate(started):
            announce(cluster, namespace, f"demo-{number}", pod.address)
        yield started


def test_each_pod_tells_its_own_value(adapter: Adapter, namespace: str, pair: list[SimulatedPod]) -> None:
    pair[0].tell(paddle_gpu_utilization=95, paddle_busy_ratio=0.5)
    pair[1].tell(paddle_gpu_utilization=47.5)
    answer = adapter.metric(namespace, contract.GPU_METRIC, "paddlemodel.dev%2Fmodel%3Ddemo")
    assert answer.values() == {"demo-0": "95", "demo-1": "47500m"}
    assert adapter.metric(namespace, contract.BUSY_METRIC).values() == {"demo-0": "500m"}


def test_an_autoscaler_asks_through_the_api_server(
    adapter: Adapter, cluster: Cluster, namespace: str, pair: list[SimulatedPod]
) -> None:
    """By the aggregation layer, with its certificate and the registered authority."""
    pair[0].tell(paddle_gpu_utilization=95)
    with registered(adapter):
        target = f"{ROOT}/v1beta2/namespaces/{namespace}/pods/*/{contract.GPU_METRIC}"
        answer = cluster.http.get(target, params={"labelSelector": "paddlemodel.dev/model=demo"}).json()
        (item,) = answer.pop("items")
        assert answer == {
            "kind": "MetricValueList",
            "apiVersion": "custom.metrics.k8s.io/v1beta2",
            "metadata": {},
        }
        assert item.pop("timestamp").endswith("Z")
        assert item == {
            "describedObject": {"kind": "Pod", "namespace": namespace, "name": "demo-0", "apiVersion": "/v1"},
            "value": "95",
            "metric": {"name": contract.GPU_METRIC, "selector": None},
        }
        assert "pods/paddle_gpu_utilization" in cluster.kubectl("get", "--raw", f"{ROOT}/v1beta2")
        eventually(lambda: in_discovery(cluster))
        assert cluster.http.get("/openapi/v2").status_code == 200
    # And without the adapter the API server is well, and so is every namespace that is to be deleted.
    assert cluster.http.get(f"{ROOT}/v1beta2").status_code == 404


def in_discovery(cluster: Cluster) -> bool:
    """In the aggregated document, which the API server makes of ours."""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    groups = cluster.http.get("/apis", headers={"Accept": accept}).json()["items"]
    found = [group for group in groups if group["metadata"]["name"] == names.CUSTOM_METRICS_GROUP]
    if not found:
        return False
    (version,) = (one for one in found[0]["versions"] if one["version"] == "v1beta2")
    (resource,) = version.get("resources", [{}]) or [{}]
    metrics = {one["subresource"] for one in resource.get("subresources", [])}
    return version["freshness"] == "Current" and metrics == set(contract.SCALING_METRICS)


def test_a_user_without_the_right_does_not_reach_the_adapter(
    adapter: Adapter, cluster: Cluster, namespace: str, pair: list[SimulatedPod]
) -> None:
    with registered(adapter):
        target = f"{ROOT}/v1beta2/namespaces/{namespace}/pods/*/{contract.GPU_METRIC}"
        answer = cluster.kubectl("get", "--raw", target, "--as=nobody", check=False)
        assert "Forbidden" in answer
        assert pair[0].requests == 0


def test_both_versions_tell_the_same_in_their_shapes(
    adapter: Adapter, namespace: str, pair: list[SimulatedPod]
) -> None:
    pair[0].tell(paddle_queue_seconds=0.25)
    target = f"namespaces/{namespace}/pods/demo-0/{contract.QUEUE_METRIC}"
    old, new = (adapter.ask(f"{ROOT}/{version}/{target}").json() for version in ("v1beta1", "v1beta2"))
    (old_item,), (new_item,) = old.pop("items"), new.pop("items")
    assert (old["apiVersion"], new["apiVersion"]) == (f"{ROOT[6:]}/v1beta1", f"{ROOT[6:]}/v1beta2")
    assert (old_item["metricName"], old_item["value"]) == (contract.QUEUE_METRIC, "250m")
    assert (new_item["metric"]["name"], new_item["value"]) == (contract.QUEUE_METRIC, "250m")


def test_only_running_pods_of_ours_in_the_namespace_are_asked(
    adapter: Adapter, cluster: Cluster, namespace: str
) -> None:
    with pods(4) as (ours, foreign, pending, elsewhere):
        for pod in (ours, foreign, pending, elsewhere):
            pod.tell(paddle_busy_ratio=1)
        announce(cluster, namespace, "ours", ours.address)
        announce(cluster, namespace, "foreign", foreign.address, **{contract.MANAGED_BY_LABEL: "helm"})
        waiting = announce(cluster, namespace, "pending", pending.address)
        cluster.set_pod_status(waiting, {"phase": "Pending"})
        cluster.kubectl("create", "namespace", f"{namespace}-b")
        announce(cluster, f"{namespace}-b", "elsewhere", elsewhere.address)
        for selector in ("", "app.kubernetes.io%2Fname", "a%21%3Db"):
            assert adapter.metric(namespace, contract.BUSY_METRIC, selector).values() == {"ours": "1"}
        assert [pod.requests for pod in (ours, foreign, pending, elsewhere)] == [3, 0, 0, 0]
        for name in ("foreign", "pending", "elsewhere", "nobody"):
            answer = adapter.metric(namespace, contract.BUSY_METRIC, pod=name)
            assert (answer.status, answer.json()["reason"]) == (404, "NotFound")
            assert f"there is no running pod {namespace}/{name}" in answer.json()["message"]
        cluster.kubectl("delete", "namespace", f"{namespace}-b", "--wait=false")


def test_a_selector_cannot_widen_the_question(adapter: Adapter, cluster: Cluster, namespace: str) -> None:
    """Neither beyond our pods nor into other parameters of the request to the API server."""
    with pods(2) as (ours, foreign):
        ours.tell(paddle_gpu_utilization=1)
        foreign.tell(paddle_gpu_utilization=2)
        announce(cluster, namespace, "ours", ours.address)
        announce(cluster, namespace, "foreign", foreign.address, **{contract.MANAGED_BY_LABEL: "helm"})
        for attempt in (
            "app.kubernetes.io%2Fmanaged-by%3Dhelm",
            "app.kubernetes.io%2Fmanaged-by",
            "a+notin+%28b",
            "a%26fieldSelector%3Dmetadata.name%3Dforeign",
            "%2Capp.kubernetes.io%2Fmanaged-by%3Dhelm",
        ):
            answer = adapter.metric(namespace, contract.GPU_METRIC, attempt)
            assert answer.status == 400 or set(answer.values()) <= {"ours"}
        assert foreign.requests == 0


def test_a_pod_with_an_ipv6_address(adapter: Adapter, cluster: Cluster, namespace: str) -> None:
    pod = SimulatedPod(at="::1")
    try:
        pod.tell(paddle_inflight_requests=3)
        announce(cluster, namespace, "six", pod.address)
        assert adapter.metric(namespace, contract.INFLIGHT_METRIC).values() == {"six": "3"}
    finally:
        pod.close()


def test_several_metrics_and_autoscalers_cost_one_scrape(
    cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory, pair: list[SimulatedPod]
) -> None:
    """Within the time that a page stays fresh, here longer than any test."""
    pair[0].tell(paddle_gpu_utilization=10, paddle_queue_seconds=2, paddle_busy_ratio=1)
    with adapter_process(cluster, tmp_path_factory.mktemp("adapter"), fresh_seconds="15") as adapter:
        for metric in contract.SCALING_METRICS:
            for selector in ("", "paddlemodel.dev%2Fmodel%3Ddemo"):
                adapter.metric(namespace, metric, selector)
        assert [pod.requests for pod in pair] == [1, 1]
