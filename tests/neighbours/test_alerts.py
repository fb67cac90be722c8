"""When each alert fires, when it does not, and what it says: promtool plays series to the chart's rules."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.neighbours import prometheus
from tests.repository.helm import monitoring

MODEL = {"namespace": "ml", "model": "resnet50"}
POD = {**MODEL, "pod": "resnet50-5d8f-x2x9p"}
GPU = {**POD, "gpu": "0", "uuid": "GPU-0"}
#: Of an hour and more, one value a minute.
LONG = 80


@dataclass(frozen=True, kw_only=True)
class Case:
    """One alert over one history.

    Attributes:
        fires: the series that make it fire, as promtool writes values.
        rests: series that are near it, and do not.
        at: minutes after which it is looked at.
        labels: that the alert has, beside its severity.
        says: its summary and description.
    """

    fires: Mapping[str, str]
    rests: Mapping[str, str]
    says: tuple[str, str]
    at: int = 20
    labels: Mapping[str, str] = field(default_factory=lambda: MODEL)


def series(name: str, labels: Mapping[str, str] = POD, **more: str) -> str:
    constant = ",".join(f'{key}="{value}"' for key, value in {**labels, **more}.items())
    return f"{name}{{{constant}}}"


def steady(value: float) -> str:
    return f"{value}x{LONG}"


def growing(per_minute: float) -> str:
    return f"0+{per_minute}x{LONG}"


def once(value: float) -> str:
    """0 for ten minutes, then this."""
    return f"0x9 {value}x{LONG}"


def answers(**per_minute: float) -> dict[str, str]:
    """Requests by status, such as s200."""
    return {
        series("paddle_requests_total", route="infer", status=status[1:]): growing(rate)
        for status, rate in per_minute.items()
    }


def latencies(fast: float) -> dict[str, str]:
    """60 requests a minute, so many of them within half a second and all within two."""
    counts = {"0.5": fast, "2.0": 60, "+Inf": 60}
    name = "paddle_request_duration_seconds_bucket"
    return {series(name, route="infer", le=le): growing(count) for le, count in counts.items()}


def exits(reason: str, count: float) -> dict[str, str]:
    return {series("paddle_worker_exits_total", reason=reason): once(count)}


def gauges(labels: Mapping[str, str] = POD, **values: float) -> dict[str, str]:
    return {series(name, labels): steady(value) for name, value in values.items()}


def used(busy_per_minute: float) -> dict[str, str]:
    """One GPU."""
    held = {series("paddle_gpu_seconds_total"): growing(60)}
    return held | {series("paddle_gpu_busy_seconds_total"): growing(busy_per_minute)}


def constant(name: str, value: float, labels: Mapping[str, str] = MODEL, **more: str) -> dict[str, str]:
    return {series(name, labels, **more): steady(value)}


CASES = {
    "PaddleModelSlow": Case(
        fires=latencies(fast=0),
        rests=latencies(fast=58),
        says=("ml/resnet50 is slow", "5 % of the requests take longer than 1.925s."),
    ),
    "PaddleModelErrors": Case(
        fires=answers(s200=30, s503=30),
        rests=answers(s200=98, s500=1, s504=1),
        says=("ml/resnet50 fails requests", "50% of the requests are answered 500 or above."),
    ),
    "PaddleModelQueueFull": Case(
        fires=answers(s200=90, s429=10),
        rests=answers(s200=200, s429=1) | gauges(paddle_queue_depth=9, paddle_queue_limit=10),
        says=("ml/resnet50 turns requests away", "Its queue is full; clients get 429."),
    ),
    "PaddleModelMemoryNearLimit": Case(
        fires=gauges(paddle_memory_available_bytes=5, paddle_memory_limit_bytes=100),
        rests=gauges(paddle_memory_available_bytes=15, paddle_memory_limit_bytes=100),
        labels=POD,
        says=(
            f"ml/{POD['pod']} has nearly used up its memory",
            "95% of the container's memory is taken; at 100 % the kernel kills a process.",
        ),
    ),
    "PaddleModelGPUMemoryNearLimit": Case(
        fires=gauges(GPU, paddle_gpu_device_memory_used_bytes=96, paddle_gpu_device_memory_total_bytes=100),
        rests=gauges(GPU, paddle_gpu_device_memory_used_bytes=94, paddle_gpu_device_memory_total_bytes=100),
        labels=GPU,
        says=(
            f"ml/{POD['pod']} has nearly used up the memory of GPU 0",
            "96% of the device's memory is taken.",
        ),
    ),
    "PaddleModelOutOfMemory": Case(
        fires=exits("memory", 1),
        rests=exits("signal", 1),
        says=(
            "ml/resnet50 ran out of memory: the kernel killed a process",
            "The kernel ended processes of the model in the last 15 minutes; their requests got 503.",
        ),
    ),
    "PaddleModelGPUOutOfMemory": Case(
        fires={series("paddle_out_of_memory_total"): once(1)},
        rests={series("paddle_out_of_memory_total"): steady(3)},
        says=(
            "ml/resnet50 had runs that did not fit into the device's memory",
            "The server repeated them in halves and takes fewer rows from now on.",
        ),
    ),
    "PaddleModelCrashes": Case(
        fires=exits("signal", 2),
        rests=exits("signal", 1) | exits("recycled", 5),
        labels={**MODEL, "reason": "signal"},
        says=(
            "ml/resnet50 crashes",
            "Processes that hold the model ended more than once in 15 minutes, by signal.",
        ),
    ),
    "PaddleModelGPUIdle": Case(
        fires=used(busy_per_minute=1),
        rests=used(busy_per_minute=6),
        at=65,
        says=(
            "ml/resnet50 holds GPUs that compute nothing",
            "Of the GPU-seconds it held in the last 1h, it used 1.667%.",
        ),
    ),
    "PaddleModelGPUUnreadable": Case(
        fires=constant("paddle_nvml_state", 1, POD, state="failed"),
        rests=constant("paddle_nvml_state", 1, POD, state="mig"),
        labels={**POD, "state": "failed"},
        says=(
            f"ml/{POD['pod']} cannot read its GPUs",
            "NVML says: failed. Autoscaling on gpuUtilization and gpuMemory keeps the number of pods.",
        ),
    ),
    "PaddleModelNoReadyPod": Case(
        fires=gauges(MODEL, paddlemodel_ready_pods=0, paddlemodel_desired_pods=2),
        rests=gauges(MODEL, paddlemodel_ready_pods=0, paddlemodel_desired_pods=0),
        says=("ml/resnet50 is not served", "None of its pods answers."),
    ),
    "PaddleModelNotReady": Case(
        fires=constant("paddlemodel_ready", 0, reason="ImagePull"),
        rests=constant("paddlemodel_ready", 0, reason="ScaledToZero"),
        at=35,
        says=(
            "ml/resnet50 is not what its spec says",
            "Its newest version does not get ready; an older one may still serve.",
        ),
    ),
    "PaddleModelReconcileFails": Case(
        fires={series("paddlemodel_reconcile_errors_total", MODEL): growing(1)},
        rests={series("paddlemodel_reconcile_errors_total", MODEL): once(2)},
        at=40,
        says=(
            "ml/resnet50 cannot be brought to its desired state",
            "The operator has failed 30 times in half an hour.",
        ),
    ),
    "PaddleModelAutoscalingBroken": Case(
        fires=constant("paddlemodel_autoscaling_active", 0, reason="SeriesMissing"),
        rests=constant("paddlemodel_autoscaling_active", 0, reason="Pending")
        | constant("paddlemodel_autoscaling_active", 1, reason="Active"),
        labels={**MODEL, "reason": "SeriesMissing"},
        says=(
            "ml/resnet50 does not scale: SeriesMissing",
            "Its autoscaler does not work, and the number of pods stays as it is.",
        ),
    ),
    "PaddleModelMetricsAPIDown": Case(
        fires=constant("paddlemodel_metrics_api_state", 1, {}, state="OursUnavailable"),
        rests=constant("paddlemodel_metrics_api_state", 1, {}, state="Foreign"),
        labels={"state": "OursUnavailable"},
        says=(
            "The metrics adapter of the PaddleModels does not answer",
            "Models keep the pods they have, and no namespace of the cluster can be deleted meanwhile.",
        ),
    ),
    "PaddleModelOperatorDown": Case(
        fires=gauges(paddle_workers_ready=1),
        rests=gauges(paddle_workers_ready=1) | constant("paddlemodel_ready", 1, reason="Serving"),
        labels={},
        says=(
            "The operator of the PaddleModels is not there",
            "Models are served as they are, but no change of a PaddleModel has an effect.",
        ),
    ),
}


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    return monitoring.rules()


def test_there_is_a_case_for_every_alert(rules: dict[str, Any]) -> None:
    assert list(CASES) == list(rules)


@pytest.mark.parametrize("alert", CASES)
def test_it_fires_and_says_what_it_is_about(alert: str, rules: dict[str, Any], tmp_path: Path) -> None:
    case, rule = CASES[alert], rules[alert]
    summary, description = case.says
    fired = {
        "exp_labels": {**case.labels, "severity": rule["labels"]["severity"]},
        "exp_annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": f"docs/monitoring.md#{alert.lower()}",
        },
    }
    early = [{"eval_time": "1m", "alertname": alert, "exp_alerts": []}]
    late = {"eval_time": f"{case.at}m", "alertname": alert, "exp_alerts": [fired]}
    play(rule, case.fires, [*early, late], tmp_path)


@pytest.mark.parametrize("alert", CASES)
def test_it_rests(alert: str, rules: dict[str, Any], tmp_path: Path) -> None:
    quiet = {"eval_time": f"{CASES[alert].at}m", "alertname": alert, "exp_alerts": []}
    play(rules[alert], CASES[alert].rests, [quiet], tmp_path)


def test_a_full_queue_alone_is_told_too(rules: dict[str, Any], tmp_path: Path) -> None:
    """Nobody is turned away as long as nobody else comes."""
    alert = "PaddleModelQueueFull"
    quiet = [{"eval_time": "20m", "alertname": alert, "exp_alerts": []}]
    with pytest.raises(AssertionError, match="resnet50 turns requests away"):
        play(rules[alert], gauges(paddle_queue_depth=10, paddle_queue_limit=10), quiet, tmp_path)


def test_an_idle_gpu_has_an_hour(rules: dict[str, Any], tmp_path: Path) -> None:
    """A model that has just come may well be idle for a while."""
    alert = "PaddleModelGPUIdle"
    quiet = [{"eval_time": "55m", "alertname": alert, "exp_alerts": []}]
    play(rules[alert], CASES[alert].fires, quiet, tmp_path)


def play(rule: Any, history: Mapping[str, str], expected: list[dict[str, Any]], folder: Path) -> None:
    """Let promtool evaluate a rule once a minute."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "test", "rules": [rule]}]}))
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in history.items()],
        "alert_rule_test": expected,
    }
    file = folder / "test.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]})
    )
    words = [prometheus.program("promtool"), "test", "rules", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
