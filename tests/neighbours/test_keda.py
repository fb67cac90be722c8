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

from devcluster import prometheus
from devcluster.neighbours import keda
from devcluster.neighbours.host import Host
from tests.autoscaling.metrics_api import MetricsApi
from tests.autoscaling.pretended import page
from tests.autoscaling.world import NAME
from tests.neighbours import monitors
from tests.neighbours.wished import MOST, Wished
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.pretended_pods import Behaviour
from tests.operator.support.process import Operator
from tests.repository import charts

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
    ("wished_for", "high", "low"),
    [
        ({"gpuUtilization": 70}, page(gpu=95), page(gpu=10)),
        (
            {"busyRatio": 50, "queueSeconds": 0.5},
            page(gpu=None, more={contract.BUSY_METRIC: 0.9, contract.QUEUE_METRIC: 0}),
            page(gpu=None, more={contract.BUSY_METRIC: 0.1, contract.QUEUE_METRIC: 0}),
        ),
    ],
    ids=["on GPU utilisation", "on the largest wish of two targets"],
)
def test_scales_up_and_back(wished: Wished, wished_for: Object, high: Behaviour, low: Behaviour) -> None:
    wished.wish(high, metricsSource="keda", **wished_for)
    wished.becomes(MOST)
    wished.is_told("True", "Active")
    assert [one["metadata"]["name"] for one in autoscalers(wished)] == [f"keda-hpa-{NAME}"]
    wished.say(low)
    wished.becomes(1)


def test_holds_when_no_pod_tells_anything(wished: Wished) -> None:
    """An average of nothing is an error to KEDA, not 0."""
    wished.wish(page(gpu=95), metricsSource="keda", gpuUtilization=70)
    wished.becomes(MOST)
    with wished.watched() as values:
        wished.say(page(gpu=None))
        eventually(lambda: scaling_active(wished) == "False")
        assert values() == [MOST]
        wished.say(page(gpu=10))
        wished.becomes(1)


def test_keeps_the_pods_while_the_source_changes(wished: Wished, metrics_api: MetricsApi) -> None:
    """builtin, keda, builtin: each time one autoscaler has to go before the other one may write."""
    wished.wish(page(gpu=95), gpuUtilization=70)
    wished.becomes(MOST)
    wished.say(page(gpu=70))
    assert metrics_api.is_available()
    with wished.watched() as values:
        wished.change(metricsSource="keda")
        eventually(lambda: hands(wished) == [f"keda-hpa-{NAME}"])
        wished.is_told("True", "Active")
        wished.change(metricsSource=None)
        eventually(lambda: hands(wished) == [NAME])
        wished.is_told("True", "Active")
        assert values() == [MOST]
        wished.say(page(gpu=10))
        wished.becomes(1)


def test_two_autoscalers_at_a_time_are_refused_by_keda_and_not_asked_of_it(wished: Wished) -> None:
    """Which is why ours goes before the ScaledObject comes; who makes one beside ours is told."""
    wished.wish(page(gpu=70), gpuUtilization=70)
    eventually(lambda: autoscalers(wished))
    eventually(lambda: "already managed by the hpa" in applied(wished))
    wished.change(metricsSource="keda")
    wished.is_told("True", "Active")
    assert [one["metadata"]["name"] for one in autoscalers(wished)] == [f"keda-hpa-{NAME}"]


def applied(wished: Wished) -> str:
    """What KEDA says to the ScaledObject of somebody who does not know that there is an autoscaler."""
    trigger = {
        "type": "prometheus",
        "metadata": {"serverAddress": "http://x", "query": "up", "threshold": "1"},
    }
    body = {
        "apiVersion": names.SCALED_OBJECT.api_version,
        "kind": names.SCALED_OBJECT.kind,
        "metadata": {"name": "theirs", "namespace": wished.namespace},
        "spec": {"scaleTargetRef": {"name": NAME}, "triggers": [trigger]},
    }
    return wished.cluster.kubectl(
        "apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(body), check=False
    )


def autoscalers(wished: Wished) -> list[Object]:
    return wished.cluster.all(names.AUTOSCALER, wished.namespace)


def hands(wished: Wished) -> list[str]:
    """The autoscalers that read a metric and may write."""
    return [one["metadata"]["name"] for one in autoscalers(wished) if _active(one) == "True"]


def scaling_active(wished: Wished) -> str:
    (found,) = autoscalers(wished)
    return _active(found)


def _active(autoscaler: Object) -> str:
    conditions = autoscaler.get("status", {}).get("conditions", ())
    return next((one["status"] for one in conditions if one["type"] == "ScalingActive"), "")
