"""What the chart gives the Prometheus operator, taken by its own definitions; unknown fields are refused."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from devcluster.errors import DevclusterError
from devcluster.neighbours.host import Host, manifests
from tests.operator.support.cluster import Cluster, eventually
from tests.repository.helm import charts, monitoring

MODULE = "github.com/prometheus-operator/prometheus-operator"
KINDS = {"PodMonitor": "podmonitors", "PrometheusRule": "prometheusrules"}


@pytest.fixture(scope="module")
def host_with_kinds(cluster: Cluster, host: Host) -> Iterator[Host]:
    folder = "example/prometheus-operator-crd"
    files = [f"{folder}/monitoring.coreos.com_{plural}.yaml" for plural in KINDS.values()]
    definitions = manifests("prometheus-operator", MODULE, *files)
    assert len(definitions) == len(KINDS)
    host.apply(*definitions)
    for plural in KINDS.values():
        eventually(partial(_served, cluster, plural))
    yield host
    host.delete(*definitions)


def _served(cluster: Cluster, plural: str) -> bool:
    """A moment after its definition is established."""
    words = ("get", plural, f"--namespace={charts.NAMESPACE}")
    return "No resources found" in cluster.kubectl(*words, check=False)


def ours() -> list[dict[str, Any]]:
    return [item for item in charts.render(*monitoring.ENABLED) if item["kind"] in KINDS]


def test_pod_monitors_and_rules_are_taken(host_with_kinds: Host) -> None:
    objects = ours()
    assert sorted(item["kind"] for item in objects) == ["PodMonitor", "PodMonitor", "PrometheusRule"]
    host_with_kinds.apply(*objects)
    host_with_kinds.delete(*objects)


def test_what_they_do_not_know_is_refused(host_with_kinds: Host) -> None:
    """Else the test above would mean nothing."""
    (rules,) = (item for item in ours() if item["kind"] == "PrometheusRule")
    rules["spec"]["groups"][0]["rules"][0]["runbook"] = "x"
    with pytest.raises(DevclusterError, match="runbook"):
        host_with_kinds.apply(rules)
