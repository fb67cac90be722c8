"""The promise of autoscaling, end to end: one YAML with `gpuUtilization: 70`, and pods go with the load.

The chart as shipped, with the operator, the metrics adapter and the registration in their own pods; the real
autoscaler, every 5 s; real clients, of whose requests none may be lost. Only the GPUs are simulated: a run
takes as long as it would on one, and NVML tells how busy they are (devcluster/simulated_gpu).

After the demo's scene the tests are one story and go in the order of the file. What they record goes into
build/autoscaling.json; `--plot` renews docs/autoscaling.svg from it.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from paddlemodel_api import contract

from devcluster import cluster
from devcluster.builders import images
from devcluster.demo import autoscaling
from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.demo.play import server_image
from devcluster.nodes import gpus
from devcluster.nodes.node import NAME as FIRST_NODE
from devcluster.paths import REPOSITORY, State
from devcluster.target import SYSTEM_NAMESPACE, Target
from tests import cleartext
from tests.cluster.conftest import Chart
from tests.cluster.load import Load
from tests.cluster.manifests import NAMESPACE, cpu_model
from tests.cluster.recording import Recorder, Sample, syncs
from tests.operator.support.cluster import eventually

pytestmark = pytest.mark.node
NAME = "busy"
HERE = f"--namespace={NAMESPACE}"
TARGET = 70
TOLERANCE = 1.1  # the autoscaler's own: within a tenth of its target it does nothing
RUN_MS = 50
#: Clients so many times as fast as `steady_load.py` says; 20 requests a second are all that one GPU can do.
IDLE, MIDDLE, HIGH = 0.05, 0.45, 0.80  # about 5, 24 and 42 requests a second
BEHAVIOR = {"scaleUp": {"stabilizationWindowSeconds": 0}, "scaleDown": {"stabilizationWindowSeconds": 15}}
AUTOSCALING = {"minReplicas": 1, "maxReplicas": 3, "gpuUtilization": TARGET, "behavior": BEHAVIOR}
ADAPTER = "deployment/paddlemodel-operator-metrics-adapter"


@dataclass(frozen=True)
class Scene:
    """The model, its clients, and the recording of both."""

    target: Target
    state: State
    load: Load
    recorder: Recorder

    def autoscaling(self) -> dict[str, Any]:
        """The condition AutoscalingActive."""
        return condition(self.target.read("pdm", NAME, HERE), "AutoscalingActive")

    def wait_condition(self, status: str, reason: str) -> dict[str, Any]:
        """Wait for the condition."""

        def good(item: dict[str, Any]) -> bool:
            found = condition(item, "AutoscalingActive")
            return (found.get("status"), found.get("reason")) == (status, reason)

        return wait_for(self.target, NAME, NAMESPACE, good, f"AutoscalingActive={status} {reason}")

    def replicas(self) -> int:
        """What the Deployment is told to have."""
        found: int = self.target.read("deployment", NAME, HERE)["spec"]["replicas"]
        return found

    def latest(self) -> Sample:
        """Taken after this moment."""
        count = len(self.recorder.recording.samples)
        eventually(lambda: len(self.recorder.recording.samples) > count)
        return self.recorder.recording.samples[-1]

    def grows(self, replicas: int) -> int:
        """Wait until so many pods are wanted; how often the autoscaler saw too high an average in vain."""
        since: int | None = None
        worst = 0
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            none = syncs(self.state)["none"]  # before the sample: a look in between counts
            sample = self.latest()
            if sample.replicas >= replicas:
                return worst
            all_tell = len(sample.utilisation) == sample.replicas
            if all_tell and sample.average is not None and sample.average > TARGET * TOLERANCE:
                since = none if since is None else since
                worst = max(worst, none - since)
            else:
                since = None
        raise AssertionError(f"never {replicas} replicas; last: {self.latest()}")

    def wait_syncs(self, times: int) -> None:
        """Wait until the autoscaler has looked so often again."""
        begun = syncs(self.state).total()
        eventually(lambda: syncs(self.state).total() >= begun + times)

    def settles(self, replicas: int) -> None:
        """Wait until so many pods are ready and report."""
        eventually(lambda: self._is_settled(replicas))

    def _is_settled(self, replicas: int) -> bool:
        sample = self.latest()
        return (sample.replicas, sample.ready, len(sample.utilisation)) == (replicas,) * 3

    @contextmanager
    def nothing_lost(self, what: str) -> Iterator[None]:
        """Every request meanwhile is answered."""
        before = self.load.now()
        yield
        self.load.check(before, what)


@pytest.fixture(scope="module")
def operator(target: Target, node: State, chart: Chart) -> Iterator[Target]:
    """The chart with its defaults, but for the GPU models' image: one with CUDA cannot be built here."""
    tag = images.ours()[1].name.rpartition(":")[2]
    ready = replace(target, values=(*target.values, f"serverImages.gpu.tag={tag}"))
    for one in cluster.nodes(node):
        gpus.plug(node, 2, at=one, run_ms=RUN_MS)
    chart.install(ready)
    ready.kubectl("create", "namespace", NAMESPACE)
    yield ready
    ready.kubectl("delete", "namespace", NAMESPACE, "--timeout=180s")
    for one in cluster.nodes(node):
        gpus.unplug(node, at=one)


def gpu_model(uri: str) -> dict[str, Any]:
    content = cpu_model(uri, NAME)
    del content["spec"]["replicas"]
    content["spec"] |= {
        "device": "GPU",
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "server": {"batching": {"maxBatchSize": 1}},  # a run for every request: use is proportional to load
        "autoscaling": AUTOSCALING,
    }
    return content


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest, operator: Target, model_url: str, node: State) -> Iterator[Scene]:
    """One pod on a GPU, some clients, and a recorder, whose data is written down at the end."""
    operator.apply(gpu_model(model_url), namespace=NAMESPACE)
    wait_for(operator, NAME, NAMESPACE, is_ready, "Ready")
    load = Load(operator, NAMESPACE, 1)
    load.start(server_image(operator), NAME, at=FIRST_NODE, pace=IDLE)
    recorder = Recorder(operator.kubeconfig, NAMESPACE, NAME, TARGET)
    with recorder.running():
        yield Scene(operator, node, load, recorder)
    recorder.recording.write(REPOSITORY / "build" / "autoscaling.json")
    if request.config.getoption("--plot"):
        from tests.cluster.plot import draw  # noqa: PLC0415 - matplotlib is slow, and not always wanted

        draw(recorder.recording, REPOSITORY / "docs" / "autoscaling.svg")
    load.end()
    operator.kubectl("delete", f"pdm/{NAME}", HERE)


@pytest.mark.slow  # minutes; what it shows, the tests below see in detail
def test_the_demo_shows_it(
    operator: Target, node: State, model_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace = "shown"
    operator.kubectl("create", "namespace", namespace)
    autoscaling.play(node, operator, namespace, server_image(operator), cpu_model(model_url))
    assert " were answered, 0 lost" in capsys.readouterr().out
    operator.kubectl("delete", "namespace", namespace, "--wait=false")


def test_the_server_believes_that_it_computes_on_the_gpu_it_was_given(scene: Scene) -> None:
    words = ("exec", f"deployment/{NAME}", HERE, "--", "env")
    (uuid,) = [
        line.partition("=")[2]
        for line in scene.target.kubectl(*words).splitlines()
        if line.startswith("NVIDIA_VISIBLE_DEVICES=")
    ]
    with scene.target.forward(NAMESPACE, f"deployment/{NAME}", contract.ADMIN_PORT) as url:
        page = eventually(lambda: metrics_with(url, "paddle_gpu_utilization"))
    assert f'paddle_gpu_device_utilization{{gpu="0",uuid="{uuid}"}}' in page
    assert 'paddle_nvml_state{state="ok"} 1' in page


def metrics_with(url: str, name: str) -> str:
    text = cleartext.get(f"{url}/metrics").text
    return text if f"\n{name} " in text else ""


def test_the_status_tells_use_and_target(scene: Scene) -> None:
    scene.wait_condition("True", "Active")

    def wait_condition(item: dict[str, Any]) -> bool:
        return all("current" in one for one in targets(item)) and "utilization" in item["status"]["gpu"]

    item = wait_for(scene.target, NAME, NAMESPACE, wait_condition, "its use in the status")
    (aim,) = targets(item)
    assert 0 <= float(aim.pop("current")) <= 100
    assert aim == {"name": "gpuUtilization", "metric": "paddle_gpu_utilization", "target": str(TARGET)}
    assert item["status"]["gpu"]["requested"] == 1


def targets(item: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = item["status"]["autoscaling"]["targets"]
    return found


def test_when_the_load_rises_a_pod_is_added_within_two_periods_of_the_autoscaler(scene: Scene) -> None:
    eventually(lambda: (scene.latest().average or TARGET) < TARGET / 2)
    with scene.nothing_lost("1 -> 2"):
        scene.recorder.mark("load rises")
        scene.load.pace(MIDDLE)
        assert scene.grows(2) <= 2
        scene.settles(2)
    assert "above target" in scene.target.kubectl("describe", "hpa", NAME, HERE)


def test_a_killed_adapter_does_not_keep_the_next_pod_from_coming(scene: Scene) -> None:
    system = f"--namespace={SYSTEM_NAMESPACE}"
    with scene.nothing_lost("2 -> 3"):
        pods = scene.target.read("pods", system, "-l", "app.kubernetes.io/name=paddlemodel-metrics-adapter")[
            "items"
        ]
        assert len(pods) == 2
        scene.recorder.mark("an adapter is killed")
        scene.target.kubectl(
            "delete", "pod", pods[0]["metadata"]["name"], system, "--force", "--grace-period=0"
        )
        scene.load.pace(HIGH)
        assert scene.grows(3) <= 2
        scene.settles(3)
    scene.target.kubectl("rollout", "status", ADAPTER, system, "--timeout=180s")


def test_pods_that_loaded_told_nothing_and_none_was_taken_away(scene: Scene) -> None:
    rise = scene.recorder.recording.since("load rises")
    wanted = [sample.replicas for sample in rise]
    assert wanted == sorted(wanted)
    assert [sample for sample in rise if len(sample.utilisation) < sample.replicas], "nobody saw a pod load"


def test_when_nvml_fails_under_load_all_pods_stay_and_the_condition_names_the_cure(scene: Scene) -> None:
    with scene.nothing_lost("NVML fails"):
        scene.recorder.mark("NVML fails")
        gpus.answer(scene.state, "error=15")  # NVML_ERROR_GPU_IS_LOST
        item = scene.wait_condition("False", "GPUMetricsFailed")
        scene.wait_syncs(3)
        assert scene.replicas() == 3
        assert "busyRatio" in condition(item, "AutoscalingActive")["message"]
        gpus.answer(scene.state, "util=load")
        scene.wait_condition("True", "Active")


def test_turning_autoscaling_off_and_on_under_load_takes_no_pod_away(scene: Scene) -> None:
    with scene.nothing_lost("off and on"):
        scene.settles(3)
        scene.recorder.mark("autoscaling off and on")
        patch(scene, {"autoscaling": None, "replicas": 3})
        scene.target.kubectl("wait", "--for=delete", f"hpa/{NAME}", HERE, "--timeout=180s")
        eventually(lambda: scene.latest().replicas == 3)
        patch(scene, {"autoscaling": AUTOSCALING, "replicas": None})
        scene.wait_condition("True", "Active")
        scene.wait_syncs(2)
    meanwhile = scene.recorder.recording.since("autoscaling off and on")
    assert {(sample.replicas, sample.ready) for sample in meanwhile} == {(3, 3)}


def patch(scene: Scene, spec: dict[str, Any]) -> None:
    scene.target.kubectl(
        "patch", f"pdm/{NAME}", HERE, "--type=merge", f"--patch={json.dumps({'spec': spec})}"
    )


def test_when_the_load_falls_one_pod_is_left(scene: Scene) -> None:
    with scene.nothing_lost("3 -> 1"):
        scene.recorder.mark("load falls")
        scene.load.pace(IDLE)
        scene.settles(1)
    fall = scene.recorder.recording.since("load falls")
    fewer = next(sample for sample in fall if sample.replicas < 3)
    low = next(sample for sample in fall if sample.average is not None and sample.average < TARGET)
    assert fewer.at > low.at, "it went before the average had fallen"
    assert "below target" in scene.target.kubectl("describe", "hpa", NAME, HERE)
