"""A real Prometheus scrapes real servers and the operator, with load and faults, and answers every query.

By the jobs of docs/monitoring.md, on a real API server. An empty answer fails, since everything that a panel
or an alert waits for has happened.
"""

import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_operator.base import names

from devcluster.neighbours import prometheus
from devcluster.neighbours.prometheus import Prometheus
from tests.neighbours import monitors, served
from tests.neighbours.pages import Page
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator
from tests.repository.helm import charts, monitoring
from tests.serving_image.support import servers
from tests.serving_image.support.memory_group import memory_group
from tests.serving_image.support.models import exporter

NAMESPACE = "monitored"
GPU: dict[str, Any] = {"device": "GPU"}
SCALED: dict[str, Any] = {"autoscaling": {"maxReplicas": 3, "gpuUtilization": 70}}
MODELS: dict[str, dict[str, Any]] = {
    "faulty": {},
    "idle": GPU | SCALED,  # computes all the time, but its device says that it does not
    "blind": GPU | SCALED,  # has no NVML
    "asleep": {},  # its pod never runs, and somebody has a Service of its name
}
DEVICE = "uuid=GPU-0 util=2 used=98 total=100 temperature=40 power=70000 ecc=0"
#: At these every fault below is one, however fast the machine; the others keep their defaults.
THRESHOLDS = {
    "latencySeconds": 0.01,
    "errorRatio": 0,
    "refusedRatio": 0,
    "memoryRatio": 0.5,
    "gpuIdleWindow": '"10s"',
}


@dataclass
class Scene:
    """All of it, after every fault has happened and been seen."""

    prometheus: Prometheus
    operator: Operator


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small exported models, each in a folder of its name."""
    folder = tmp_path_factory.mktemp("models")
    exporter.export(folder, "legacy")
    (folder / "greedy" / "warmup.json").write_bytes(
        served.body(1, 4)
    )  # else it learns that one row is enough
    return folder


@pytest.fixture(scope="module")
def scene(
    cluster: Cluster,
    operator: Operator,
    models: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "asleep", "namespace": NAMESPACE}}
    cluster.apply({**service, "spec": {"ports": [{"port": 80}]}})
    # It registers an adapter of which no pod exists.
    operator.start(metrics_source="builtin", namespace=charts.NAMESPACE, adapter=charts.ADAPTER)
    cluster.apply(*(manifest(NAMESPACE, name, **fields) for name, fields in MODELS.items()))
    with ExitStack() as stack:
        group = stack.enter_context(memory_group())
        folders = {name: tmp_path_factory.mktemp(name) for name in MODELS}
        folder = tmp_path_factory.mktemp("prometheus")
        with group.entered():
            faulty = servers.start(
                models / "greedy", folders["faulty"], ["env", *served.HEAP],
                name="mixed", queue_size=served.QUEUE, timeout_seconds=5, max_batch_size=16,
            )  # fmt: skip
        stack.callback(servers.end, faulty)
        one_row: dict[str, Any] = {"max_batch_size": 1, "workers": 1}
        idle = stack.enter_context(served.on_gpu(models / "mixed", folders["idle"], device=DEVICE, **one_row))
        blind = stack.enter_context(served.on_gpu(models / "mixed", folders["blind"], **one_row))
        faulty.wait_ready()
        node = stack.enter_context(served.node(cluster))
        for name, server in (("faulty", faulty), ("idle", idle), ("blind", blind)):
            stack.enter_context(served.as_pod(cluster, NAMESPACE, name, server, on=node))
        stack.enter_context(served.busy(idle))
        pods = monitors.discovery(cluster)
        stack.callback(pods.end)
        running = stack.enter_context(prometheus.running(folder, _config(pods, operator)))
        _targets_are_up(running, 4)
        served.settled(faulty)
        served.lack_device_memory(faulty)
        served.fill_the_queue(faulty)
        eventually(lambda: running.query('paddle_requests_total{status="504"}'), 120)
        served.fill_the_queue(faulty)  # rates see what is counted after a series has appeared
        served.crash(faulty, 2)
        served.lack_memory(faulty, group)
        group.limit(group.usage() * 3 // 2)
        _all_is_seen(running)
        eventually(lambda: _tried_again(cluster, running), 120)
        yield Scene(running, operator)
    operator.kill()
    cluster.kubectl("delete", "apiservice", names.METRICS_API_SERVICE)  # else no namespace can be deleted
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _config(pods: Page, operator: Operator) -> dict[str, Any]:
    """As documented, but every second; Debian's Prometheus cannot discover pods, the operator is none."""
    models, ours = monitoring.scrape_configs()
    for job in (models, ours):
        assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    models["http_sd_configs"] = [{"url": f"http://{pods.address}", "refresh_interval": "1s"}]
    del ours["relabel_configs"]
    ours["static_configs"] = [{"targets": [f"127.0.0.1:{operator.port}"]}]
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [models, ours]}


def _targets_are_up(running: Prometheus, count: int) -> None:
    def up() -> bool:
        targets = running.get("/api/v1/targets")["activeTargets"]
        assert [one["lastError"] for one in targets if one["health"] == "down"] == []
        return [one["health"] for one in targets] == ["up"] * count

    eventually(up, 120)


def _all_is_seen(running: Prometheus) -> None:
    """Prometheus has scraped after the last fault, and often enough for rates."""
    eventually(lambda: running.query('increase(paddle_worker_exits_total{reason="memory"}[5m]) > 0'), 120)
    eventually(lambda: running.query("paddle_gpu_seconds_total offset 10s"), 120)
    eventually(lambda: running.query('paddle_busy_ratio{model="idle"} > 0.9'), 120)
    eventually(lambda: running.query("paddlemodel_gpu_used_seconds_total > 0"), 120)
    eventually(lambda: running.query('paddlemodel_metrics_api_state{state="OursUnavailable"}'), 120)
    eventually(
        lambda: running.query('paddlemodel_autoscaling_active{reason="MetricsAPIUnavailable"} == 0'), 180
    )


def _tried_again(cluster: Cluster, running: Prometheus) -> bool:
    """The operator waits longer after each failure; a change of the object brings the next attempt."""
    cluster.kubectl(
        "annotate", "pdm", "asleep", f"now={uuid.uuid4()}", "--overwrite", f"--namespace={NAMESPACE}"
    )
    return bool(running.query("increase(paddlemodel_reconcile_errors_total[5m]) > 2"))


def test_every_model_is_told_by_name(scene: Scene) -> None:
    series = scene.prometheus.query(f'paddle_model_info{{namespace="{NAMESPACE}"}}')
    found = {one["metric"]["model"]: one["metric"]["pod"] for one in series}
    assert set(found) == {"faulty", "idle", "blind"}
    assert all(pod.startswith(f"{model}-") for model, pod in found.items())


def test_every_panel_shows_something(scene: Scene) -> None:
    """And its legend names labels that the series have."""
    queries = monitoring.panel_queries()
    found = {query: scene.prometheus.query(query.resolved()) for query in queries}
    assert [query.where for query, series in found.items() if not series] == []
    nameless = {
        query.where: label
        for query, series in found.items()
        for label in re.findall(r"{{(\w+)}}", query.legend)
        if any(label not in one["metric"] for one in series)
    }
    assert nameless == {}


def test_every_documented_query_answers(scene: Scene) -> None:
    queries = monitoring.documented_queries()
    assert [query.where for query in queries if not scene.prometheus.query(query.resolved())] == []


def test_every_alert_sees_its_fault(scene: Scene) -> None:
    """What it names is the model at fault, so that its texts have something to say."""
    settings = [f"monitoring.alerts.thresholds.{name}={value}" for name, value in THRESHOLDS.items()]
    rules = monitoring.rules(*settings)
    silent = {}
    for name, rule in rules.items():
        if name == "PaddleModelOperatorDown":
            continue  # it is there; see below
        series = scene.prometheus.query(rule["expr"])
        labels = {one["metric"].get("model") for one in series}
        if AT_FAULT.get(name, "faulty") not in labels:
            silent[name] = series
    assert silent == {}


AT_FAULT = {
    "PaddleModelGPUMemoryNearLimit": "idle",
    "PaddleModelGPUIdle": "idle",
    "PaddleModelGPUUnreadable": "blind",
    "PaddleModelNoReadyPod": "asleep",
    "PaddleModelNotReady": "asleep",
    "PaddleModelReconcileFails": "asleep",
    "PaddleModelAutoscalingBroken": "idle",
    "PaddleModelMetricsAPIDown": None,  # it is about no model
}


def test_an_operator_that_is_gone_is_missed(scene: Scene) -> None:
    """The last one of those that share the scene."""
    expression = monitoring.rules()["PaddleModelOperatorDown"]["expr"]
    assert scene.prometheus.query(expression) == []
    scene.operator.stop()
    eventually(lambda: scene.prometheus.query(expression), 60)


def test_the_rules_are_whole(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": monitoring.groups()}))
    words = [prometheus.program("promtool"), "check", "rules", "--lint-fatal", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
