"""Prometheus and prometheus-adapter, both real, feed the autoscaler by the chart's rules.

The chart's PodMonitor is what Prometheus is configured from. Of GPUs and their exporter only the numbers are
simulated, and the interval of both is a second.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from devcluster.neighbours import prometheus, prometheus_adapter
from devcluster.neighbours.host import Host
from devcluster.neighbours.prometheus import Prometheus
from tests.autoscaling.support.simulated import page
from tests.neighbours import dcgm, monitors
from tests.neighbours.desired import MOST, Desired
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.process import Operator
from tests.operator.support.simulated_pods import Behaviour
from tests.repository.helm import charts

Object = dict[str, Any]
Metrics = Callable[..., Any]

pytestmark = pytest.mark.control_plane

SOURCE = 'autoscaling.metricsSource="prometheusAdapter"'
DCGM = 'autoscaling.prometheusAdapter.metric="dcgm"'
QUIET = {
    contract.GPU_MEMORY_METRIC: 20,
    contract.BUSY_METRIC: 0.1,
    contract.INFLIGHT_METRIC: 1,
    contract.QUEUE_METRIC: 0.05,
}


@pytest.fixture(scope="module", autouse=True)
def _operator(operator: Operator) -> Iterator[None]:
    operator.start(metrics_source="prometheusAdapter", namespace=charts.NAMESPACE)
    yield
    operator.stop()


@pytest.fixture
def metrics(host: Host, cluster: Cluster, tmp_path: Path) -> Iterator[Metrics]:
    """Starts Prometheus and the adapter: scrape jobs beside the PodMonitor's, and values of our chart."""
    pods = monitors.discovery(cluster)

    @contextmanager
    def start(*jobs: Object, values: tuple[str, ...] = ()) -> Iterator[Prometheus]:
        objects = charts.render(SOURCE, "monitoring.podMonitors.enabled=true", *values)
        monitor = next(one for one in objects if one["metadata"]["name"].endswith("-models"))
        rules = next(one for one in objects if one["metadata"]["name"].endswith("-prometheus-adapter"))
        scraping = [monitors.scrape_config(monitor, pods, "1s"), *jobs]
        with (
            prometheus.running(tmp_path, {"scrape_configs": scraping}) as found,
            prometheus_adapter.running(host, found.url, rules["data"]["config.yaml"]),
        ):
            yield found

    yield start
    pods.end()


@pytest.mark.parametrize(
    ("scaling_spec", "high", "low"),
    [
        ({"gpuUtilization": 70}, page(gpu=95), page(gpu=10)),
        (
            {"gpuMemory": 70, "busyRatio": 50, "inflightPerReplica": 4, "queueSeconds": 0.5},
            page(gpu=None, more={**QUIET, contract.QUEUE_METRIC: 0.9}),
            page(gpu=None, more=QUIET),
        ),
    ],
    ids=["on GPU utilisation", "on the highest recommendation of four other targets"],
)
def test_scales_on_what_the_server_tells(
    desired: Desired, metrics: Metrics, scaling_spec: Object, high: Behaviour, low: Behaviour
) -> None:
    """Up to the limit, and down again once the minute that the rules look back over has passed."""
    with metrics():
        desired.manifest(high, **scaling_spec)
        desired.becomes(MOST)
        desired.wait_condition("True", "Active")
        desired.say(low)
        desired.becomes(1, 180)


@pytest.mark.parametrize("honor_labels", [False, True], ids=["renamed labels", "honoured labels"])
def test_scales_on_what_dcgm_tells(desired: Desired, metrics: Metrics, *, honor_labels: bool) -> None:
    """The chart's value has to be that of the exporter's ServiceMonitor; the mean is over a pod's devices."""
    exported = {"devices": [100.0, 90.0]}
    exporter = dcgm.exporter(lambda: {_key(pod): exported["devices"] for pod in desired.pods()})
    job = dcgm.scrape_config(exporter, honor_labels=honor_labels)
    values = (DCGM, f"autoscaling.prometheusAdapter.honorLabels={str(honor_labels).lower()}")
    with metrics(job, values=values) as found:
        # What the pods tell themselves is something else, and is not what is scaled on.
        desired.manifest(page(gpu=1), gpuUtilization=70)
        desired.becomes(MOST)
        desired.wait_condition("True", "Active")
        label = "pod" if honor_labels else "exported_pod"
        name = desired.pods()[0]["metadata"]["name"]
        # A pod that has just come is there with the next scrape.
        eventually(lambda: _values(found, f'DCGM_FI_DEV_GPU_UTIL{{{label}="{name}"}}') == ["100", "90"])
        exported["devices"] = [15.0, 5.0]
        desired.becomes(1, 180)
    exporter.end()


def test_says_which_series_is_missing_when_the_labels_are_not_those_of_the_rules(
    desired: Desired, metrics: Metrics
) -> None:
    """The exporter's labels were honoured, and the chart believes they were renamed."""
    exporter = dcgm.exporter(lambda: {_key(pod): [95.0] for pod in desired.pods()})
    with metrics(dcgm.scrape_config(exporter, honor_labels=True), values=(DCGM,)):
        desired.manifest(page(gpu=95), gpuUtilization=70)
        desired.wait_condition("False", "SeriesMissing")
        assert desired.replicas() == 1
        assert "no rule for paddle_gpu_utilization" in desired.sentence()
    exporter.end()


def test_registers_nothing(desired: Desired, metrics: Metrics) -> None:
    """The one APIService of the group is prometheus-adapter's, and the operator leaves it alone."""
    with metrics():
        desired.manifest(page(gpu=70), gpuUtilization=70)
        eventually(desired.is_active)
        answer = desired.cluster.http.get(names.API_SERVICE.collection()).raise_for_status()
        group = names.CUSTOM_METRICS_GROUP
        found = [one for one in answer.json()["items"] if one["spec"].get("group") == group]
        assert [one["metadata"]["name"] for one in found] == [prometheus_adapter.API_SERVICE]


def _values(found: Prometheus, expression: str) -> list[str]:
    return [one["value"][1] for one in found.query(expression)]


def _key(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]
