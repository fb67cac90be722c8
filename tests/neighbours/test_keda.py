"""KEDA makes the autoscaler of our ScaledObject and feeds it from Prometheus; all three are real.

Without Prometheus it asks the pods themselves, whose addresses must not be loopback: on_node/test_sources.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from devcluster.neighbours import keda, prometheus
from devcluster.neighbours.host import Host
from tests.autoscaling.support.metrics_api import MetricsApi
from tests.autoscaling.support.simulated import page
from tests.autoscaling.support.world import NAME
from tests.neighbours import monitors
from tests.neighbours.desired import MOST, Desired
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.process import Operator
from tests.operator.support.simulated_pods import Behaviour
from tests.repository.helm import charts

Object = dict[str, Any]

pytestmark = pytest.mark.control_plane


@pytest.fixture(scope="module", autouse=True)
def _keda(host: Host, operator: Operator, cluster: Cluster) -> Iterator[None]:
    """KEDA and Prometheus; the operator as the chart's `keda.prometheus.serverAddress` starts it."""
    monitor = next(
        one
        for one in charts.render("monitoring.podMonitors.enabled=true")
        if one["metadata"]["name"].endswith("-models")
    )
    pods = monitors.discovery(cluster)
    folder = host.folder / "prometheus"
    folder.mkdir()
    scraping = monitors.scrape_config(monitor, pods, "1s")
    with prometheus.running(folder, {"scrape_configs": [scraping]}) as found, keda.running(host):
        operator.start(metrics_source="builtin", keda_prometheus=found.url)
        yield
        operator.stop()
    pods.end()


@pytest.fixture
def metrics_api(cluster: Cluster, tmp_path: Path) -> Iterator[MetricsApi]:
    """Our adapter, beside KEDA: the two serve different API groups."""
    result = MetricsApi(cluster, tmp_path)
    result.restore()
    yield result
    result.unregister()
    result.stop()


@pytest.mark.parametrize(
    ("scaling_spec", "high", "low"),
    [
        ({"gpuUtilization": 70}, page(gpu=95), page(gpu=10)),
        (
            {"busyRatio": 50, "queueSeconds": 0.5},
            page(gpu=None, more={contract.BUSY_METRIC: 0.9, contract.QUEUE_METRIC: 0}),
            page(gpu=None, more={contract.BUSY_METRIC: 0.1, contract.QUEUE_METRIC: 0}),
        ),
    ],
    ids=["on GPU utilisation", "on the highest recommendation of two targets"],
)
def test_scales_up_and_back(desired: Desired, scaling_spec: Object, high: Behaviour, low: Behaviour) -> None:
    desired.manifest(high, metricsSource="keda", **scaling_spec)
    desired.becomes(MOST)
    desired.wait_condition("True", "Active")
    assert [one["metadata"]["name"] for one in autoscalers(desired)] == [f"keda-hpa-{NAME}"]
    desired.say(low)
    desired.becomes(1)


def test_holds_when_no_pod_tells_anything(desired: Desired) -> None:
    """An average of nothing is an error to KEDA, not 0."""
    desired.manifest(page(gpu=95), metricsSource="keda", gpuUtilization=70)
    desired.becomes(MOST)
    with desired.watched() as values:
        desired.say(page(gpu=None))
        eventually(lambda: scaling_active(desired) == "False")
        assert values() == [MOST]
        desired.say(page(gpu=10))
        desired.becomes(1)


def test_keeps_the_pods_while_the_source_changes(desired: Desired, metrics_api: MetricsApi) -> None:
    """builtin, keda, builtin: each time one autoscaler has to go before the other one may write."""
    desired.manifest(page(gpu=95), gpuUtilization=70)
    desired.becomes(MOST)
    desired.say(page(gpu=70))
    assert metrics_api.is_available()
    with desired.watched() as values:
        desired.change(metricsSource="keda")
        eventually(lambda: hands(desired) == [f"keda-hpa-{NAME}"])
        desired.wait_condition("True", "Active")
        desired.change(metricsSource=None)
        eventually(lambda: hands(desired) == [NAME])
        desired.wait_condition("True", "Active")
        assert values() == [MOST]
        desired.say(page(gpu=10))
        desired.becomes(1)


def test_two_autoscalers_at_a_time_are_refused_by_keda_and_not_asked_of_it(desired: Desired) -> None:
    """Which is why ours goes before the ScaledObject comes; who makes one beside ours is told."""
    desired.manifest(page(gpu=70), gpuUtilization=70)
    eventually(lambda: autoscalers(desired))
    eventually(lambda: "already managed by the hpa" in applied(desired))
    desired.change(metricsSource="keda")
    desired.wait_condition("True", "Active")
    assert [one["metadata"]["name"] for one in autoscalers(desired)] == [f"keda-hpa-{NAME}"]


def applied(desired: Desired) -> str:
    """What KEDA says to the ScaledObject of somebody who does not know that there is an autoscaler."""
    trigger = {
        "type": "prometheus",
        "metadata": {"serverAddress": "http://x", "query": "up", "threshold": "1"},
    }
    body = {
        "apiVersion": names.SCALED_OBJECT.api_version,
        "kind": names.SCALED_OBJECT.kind,
        "metadata": {"name": "theirs", "namespace": desired.namespace},
        "spec": {"scaleTargetRef": {"name": NAME}, "triggers": [trigger]},
    }
    return desired.cluster.kubectl(
        "apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(body), check=False
    )


def autoscalers(desired: Desired) -> list[Object]:
    return desired.cluster.all(names.AUTOSCALER, desired.namespace)


def hands(desired: Desired) -> list[str]:
    """The autoscalers that read a metric and may write."""
    return [one["metadata"]["name"] for one in autoscalers(desired) if _active(one) == "True"]


def scaling_active(desired: Desired) -> str:
    (found,) = autoscalers(desired)
    return _active(found)


def _active(autoscaler: Object) -> str:
    conditions = autoscaler.get("status", {}).get("conditions", ())
    return next((one["status"] for one in conditions if one["type"] == "ScalingActive"), "")
