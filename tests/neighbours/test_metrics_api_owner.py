"""A cluster whose prometheus-adapter serves others' metrics: our chart refuses, our operator stands down.

Two versions of the API group would break their autoscalers or ours (autoscaling/test_conflict.py). Our
adapter itself does not run here: what matters is its registration.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_operator.base import names

from devcluster.neighbours import prometheus, prometheus_adapter
from devcluster.neighbours.host import Host
from tests.autoscaling.support.kubelet import running
from tests.autoscaling.support.simulated import page
from tests.neighbours import dcgm
from tests.neighbours.desired import Desired
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.process import Operator
from tests.repository.helm import charts

Object = dict[str, Any]

pytestmark = pytest.mark.control_plane

THEIRS = "their-batch"
METRIC = "DCGM_FI_DEV_GPU_UTIL"
#: As people write it who have no models of ours: DCGM's own name, its labels honoured.
RULES = yaml.safe_dump(
    {
        "rules": [
            {
                "seriesQuery": f'{METRIC}{{namespace!="",pod!=""}}',
                "resources": {
                    "overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}
                },
                "metricsQuery": "avg(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)",
            }
        ]
    }
)


@pytest.fixture(scope="module", autouse=True)
def _operator(operator: Operator) -> Iterator[None]:
    """With the settings of the chart's defaults."""
    operator.start(metrics_source="builtin", namespace=charts.NAMESPACE, adapter=charts.ADAPTER)
    yield
    operator.stop()


@contextmanager
def prometheus_adapter_with(devices: dcgm.Devices, host: Host, folder: Path) -> Iterator[None]:
    """Prometheus, DCGM's exporter and the adapter, as a cluster has them that trains on GPUs."""
    exporter = dcgm.exporter(lambda: devices)
    scraping = [dcgm.scrape_config(exporter, honor_labels=True)]
    with (
        prometheus.running(folder, {"scrape_configs": scraping}) as found,
        prometheus_adapter.running(host, found.url, RULES),
    ):
        yield
    exporter.end()


def test_stands_down_while_somebody_else_serves_and_returns(
    desired: Desired, host: Host, tmp_path: Path
) -> None:
    """Their autoscaler works all the time; ours says who is in the way and what can be done."""
    eventually(lambda: registered(desired.cluster) == {names.METRICS_API_SERVICE: ours()})
    pod = train(desired)
    devices = {(desired.namespace, pod): [95.0, 93.0]}
    with prometheus_adapter_with(devices, host, tmp_path):
        desired.manifest(page(gpu=95), gpuUtilization=70)
        theirs = {prometheus_adapter.API_SERVICE: "monitoring/prometheus-adapter"}
        eventually(lambda: registered(desired.cluster) == theirs)
        desired.wait_condition("False", "MetricsAPIOwnedByOther")
        assert "monitoring/prometheus-adapter" in desired.sentence()
        assert "remove the other one" in desired.sentence()
        assert "autoscaling.metricsSource to prometheusAdapter" in desired.sentence()
        eventually(lambda: desired.condition("ScalingActive", THEIRS) == ("True", "ValidMetricFound"))
        (read,) = desired.autoscaler(THEIRS)["status"]["currentMetrics"]
        assert read["pods"]["current"]["averageValue"] == "94"
        # It still keeps minReplicas, and changes nothing without its metric.
        assert desired.replicas() == 1
    eventually(lambda: registered(desired.cluster) == {names.METRICS_API_SERVICE: ours()})
    eventually(lambda: desired.autoscaling()[1] != "MetricsAPIOwnedByOther", 180)


def test_the_chart_refuses_beside_somebody_else(cluster: Cluster, host: Host, tmp_path: Path) -> None:
    """`helm install` says who serves the group, and what to set; each of the cures installs."""
    with prometheus_adapter_with({}, host, tmp_path):
        eventually(lambda: list(registered(cluster)) == [prometheus_adapter.API_SERVICE])
        with pytest.raises(charts.RefusedError) as refused:
            install(cluster)
        message = str(refused.value)
        assert f"APIService {prometheus_adapter.API_SERVICE} belongs to the Service" in message
        assert "monitoring/prometheus-adapter" in message
        cures = (
            "autoscaling.metricsSource=prometheusAdapter",
            "autoscaling.builtin.existingAdapterPolicy=standDown",
        )
        for cure in cures:
            assert cure in message
            install(cluster, cure)
            charts.helm(*words(cluster, "uninstall"))


def registered(cluster: Cluster) -> dict[str, str]:
    """Who serves the group: the Service of each version."""
    items = cluster.http.get(names.API_SERVICE.collection()).raise_for_status().json()["items"]
    return {
        one["metadata"]["name"]: "{namespace}/{name}".format(**one["spec"]["service"])
        for one in items
        if one["spec"].get("group") == names.CUSTOM_METRICS_GROUP
    }


def ours() -> str:
    return f"{charts.NAMESPACE}/{charts.ADAPTER}"


def train(desired: Desired) -> str:
    """Somebody's own work on GPUs, with an autoscaler of its own; returns the name of its pod."""
    labels = {"app": THEIRS}
    head = {"metadata": {"name": THEIRS, "namespace": desired.namespace}}
    container = {"name": "main", "image": "registry.invalid/none"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": THEIRS}
    metric = {"metric": {"name": METRIC}, "target": {"type": "AverageValue", "averageValue": "94"}}
    desired.cluster.apply(
        {
            **of_kind(names.DEPLOYMENT),
            **head,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {
            **of_kind(names.AUTOSCALER),
            **head,
            "spec": {
                "scaleTargetRef": target,
                "maxReplicas": 2,
                "metrics": [{"type": "Pods", "pods": metric}],
            },
        },
    )
    (pod,) = eventually(lambda: desired.cluster.all(names.POD, desired.namespace))
    desired.cluster.set_pod_status(pod, running("127.0.0.1"))
    return str(pod["metadata"]["name"])


def of_kind(kind: names.Kind) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind}


def words(cluster: Cluster, *command: str) -> list[str]:
    """A second release, so that it finds nothing of the one that the tests share in its way."""
    return [*command, "second", "--namespace", "second", "--kubeconfig", str(cluster.kubeconfig)]


def install(cluster: Cluster, *settings: str) -> None:
    flags = [word for setting in ("crds.enabled=false", *settings) for word in ("--set", setting)]
    charts.helm(*words(cluster, "install"), str(charts.CHART), "--create-namespace", *flags)
