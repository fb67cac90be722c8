"""The metrics adapter between the real API server and pods that pretend: what an autoscaler asks, and discovery."""

from collections.abc import Iterator

import pytest
from paddlemodel_operator import names

from tests.operator.adapters import ROOT, Adapter, adapter_process, registered
from tests.operator.cluster import Cluster, eventually
from tests.operator.pretended_pods import PretendedPod, announce, pods

pytestmark = pytest.mark.control_plane


@pytest.fixture(scope="module")
def adapter(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    with adapter_process(cluster, tmp_path_factory.mktemp("adapter"), fresh_seconds="0") as result:
        yield result


@pytest.fixture
def pair(cluster: Cluster, namespace: str) -> Iterator[list[PretendedPod]]:
    """Two pods of the model `demo`."""
    with pods(2) as started:
        for number, pod in enumerate(started):
            announce(cluster, namespace, f"demo-{number}", pod.address)
        yield started


def test_each_pod_tells_its_own_value(adapter: Adapter, namespace: str, pair: list[PretendedPod]) -> None:
    pair[0].tell(paddle_gpu_utilization=95, paddle_busy_ratio=0.5)
    pair[1].tell(paddle_gpu_utilization=47.5)
    answer = adapter.metric(namespace, names.GPU_METRIC, "paddlemodel.dev%2Fmodel%3Ddemo")
    assert answer.values() == {"demo-0": "95", "demo-1": "47500m"}
    assert adapter.metric(namespace, names.BUSY_METRIC).values() == {"demo-0": "500m"}
