"""What the Prometheus operator and Prometheus make of a PodMonitor: a scrape configuration, and its targets.

The Prometheus operator does not run here, and Debian builds Prometheus without its discovery of pods. So the
configuration is written as that operator writes it, and a page tells Prometheus the pods, with the labels
that its own discovery gives them:
https://prometheus.io/docs/prometheus/latest/configuration/configuration/#pod
"""

import json
from typing import Any

from paddlemodel_operator.base import names

from tests.neighbours.pages import Page
from tests.operator.support.cluster import Cluster

Object = dict[str, Any]

_META = "__meta_kubernetes_pod"
_TARGET = {
    "namespace": "__meta_kubernetes_namespace",
    "container": f"{_META}_container_name",
    "pod": f"{_META}_name",
}


def discovery(cluster: Cluster) -> Page:
    """Every container port of every pod that has an address."""
    return Page("application/json", lambda: json.dumps(_targets(cluster)))


def scrape_config(monitor: Object, pods: Page, interval: str) -> Object:
    """Of a monitor with one endpoint; only the interval is not as the monitor says."""
    spec = monitor["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    labels = {
        f"{_META}_label_{_sanitised(name)}": value for name, value in spec["selector"]["matchLabels"].items()
    }
    kept = {**labels, f"{_META}_container_port_name": endpoint["port"]}
    return {
        "job_name": f"podMonitor/{monitor['metadata']['namespace']}/{monitor['metadata']['name']}/0",
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "honor_labels": endpoint.get("honorLabels", False),
        "http_sd_configs": [{"url": f"http://{pods.address}", "refresh_interval": "1s"}],
        "relabel_configs": [
            *({"source_labels": [name], "regex": value, "action": "keep"} for name, value in kept.items()),
            *({"source_labels": [name], "target_label": label} for label, name in _TARGET.items()),
            *map(_relabeling, endpoint.get("relabelings", ())),
        ],
    }


def _relabeling(wanted: Object) -> Object:
    assert set(wanted) <= {"sourceLabels", "targetLabel"}, wanted
    return {"source_labels": wanted["sourceLabels"], "target_label": wanted["targetLabel"]}


def _targets(cluster: Cluster) -> list[Object]:
    return [
        {"targets": [f"{address}:{port['containerPort']}"], "labels": _labels(pod, container, port)}
        for pod in cluster.http.get(names.POD.collection()).raise_for_status().json()["items"]
        if (address := pod["status"].get("podIP"))
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
    ]


def _labels(pod: Object, container: Object, port: Object) -> dict[str, str]:
    metadata = pod["metadata"]
    return {
        "__meta_kubernetes_namespace": metadata["namespace"],
        f"{_META}_name": metadata["name"],
        f"{_META}_container_name": container["name"],
        f"{_META}_container_port_name": port.get("name", ""),
        **{f"{_META}_label_{_sanitised(name)}": value for name, value in metadata["labels"].items()},
    }


def _sanitised(label: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in label)
