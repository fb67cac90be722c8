"""End to end: the chart as shipped, our images, real pods; models are applied as a reader applies them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.errors import DevclusterError
from devcluster.nodes import gpus
from devcluster.paths import State
from devcluster.target import SYSTEM_NAMESPACE, Target
from tests import bare_predictor, cleartext
from tests.cluster.manifests import NAMESPACE, cpu_model, example
from tests.cluster.sources import claims
from tests.models import text_line, trained_model

pytestmark = pytest.mark.node
NAME = "textline-orientation"


def reason_is(reason: str) -> Any:
    return lambda item: condition(item, "Ready").get("reason") == reason


def ready_with(replicas: int) -> Any:
    return lambda item: is_ready(item) and item["status"].get("readyReplicas") == replicas


def predict(target: Target, name: str, picture: bytes) -> dict[str, Any]:
    with target.forward(NAMESPACE, f"service/{name}") as url:
        response = cleartext.post(
            f"{url}/predict", content=picture, headers={"Content-Type": "image/png"}, timeout=180
        )
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture(scope="module")
def served(operator: Target, model_url: str) -> Target:
    """The cluster with the CPU example Ready."""
    operator.apply(cpu_model(model_url), namespace=NAMESPACE)
    wait_for(operator, NAME, NAMESPACE, is_ready, "Ready")
    return operator


@pytest.fixture
def applied(operator: Target) -> Iterator[Any]:
    """Applies a PaddleModel and deletes it when the test is over."""
    names = []

    def apply(content: dict[str, Any]) -> None:
        names.append(content["metadata"]["name"])
        operator.apply(content, namespace=NAMESPACE)

    yield apply
    for name in names:
        operator.kubectl("delete", "pdm", name, f"--namespace={NAMESPACE}")


def test_the_cpu_example_answers_as_the_bare_predictor_does(served: Target) -> None:
    for upside_down, label in ((False, "0"), (True, "180")):
        picture = text_line(upside_down=upside_down)
        inputs = {"x": bare_predictor.textline_tensor(picture)}
        bare = next(iter(bare_predictor.predict(trained_model("textline-orientation"), inputs).values()))[0]
        answer = predict(served, NAME, picture)
        assert answer["label"] == label
        assert answer["class_id"] == int(np.argmax(bare))
        assert answer["score"] == pytest.approx(float(bare.max()), abs=1e-4)


def test_the_orientation_example_tells_the_turn(applied: Any, operator: Target, model_url: str) -> None:
    content = example("text-line-orientation.yaml")
    content["spec"]["model"] = {"uri": model_url}
    content["spec"]["resources"] = {"requests": {"cpu": "100m", "memory": "256Mi"}}
    applied(content)
    name = content["metadata"]["name"]
    wait_for(operator, name, NAMESPACE, is_ready, "Ready")
    for upside_down, angle in ((False, 0), (True, 180)):
        answer = predict(operator, name, text_line(upside_down=upside_down))
        assert answer == {"angle": angle, "score": pytest.approx(1, abs=0.2), "model": name}


def test_the_status_tells_what_is_served(served: Target, archive: Path) -> None:
    status = served.read("pdm", NAME, f"--namespace={NAMESPACE}")["status"]
    assert status["url"] == f"http://{NAME}.{NAMESPACE}.svc"
    assert status["model"]["digest"] == "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()
    assert status["model"]["format"] == "Legacy"
    assert (status["replicas"], status["readyReplicas"]) == (1, 1)


def test_kubectl_scale_scales_the_pods(served: Target) -> None:
    for replicas in (2, 1):
        served.kubectl("scale", f"pdm/{NAME}", f"--replicas={replicas}", f"--namespace={NAMESPACE}")
        wait_for(served, NAME, NAMESPACE, ready_with(replicas), f"{replicas} ready replicas")


def test_a_deleted_service_is_repaired(served: Target) -> None:
    before = served.read("service", NAME, f"--namespace={NAMESPACE}")["metadata"]["uid"]
    served.kubectl("delete", "service", NAME, f"--namespace={NAMESPACE}")
    served.kubectl("wait", "--for=create", f"service/{NAME}", f"--namespace={NAMESPACE}", "--timeout=180s")
    assert served.read("service", NAME, f"--namespace={NAMESPACE}")["metadata"]["uid"] != before


def test_the_gpu_example_waits_for_a_gpu_and_says_so(operator: Target, applied: Any) -> None:
    content = example("gpu-autoscaling-ingress.yaml")
    name = content["metadata"]["name"]
    applied(content)
    item = wait_for(operator, name, NAMESPACE, reason_is("NoGPU"), "the reason that no GPU is there")
    assert "nvidia.com/gpu" in condition(item, "Ready")["message"]
    pods = operator.read("pods", f"--namespace={NAMESPACE}", "-l", f"paddlemodel.dev/model={name}")["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Pending"]
    hpa = operator.read("hpa", name, f"--namespace={NAMESPACE}")["spec"]
    assert hpa["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    names = [metric["pods"]["metric"]["name"] for metric in hpa["metrics"]]
    assert names == ["paddle_gpu_utilization", "paddle_queue_seconds"]
    ingress = operator.read("ingress", name, f"--namespace={NAMESPACE}")["spec"]
    assert ingress["rules"][0]["host"] == content["spec"]["ingress"]["host"]


def test_with_a_gpu_the_gpu_image_is_asked_for(operator: Target, node: State, applied: Any) -> None:
    """The kubelet hands out a simulated GPU; the GPU image cannot be built here, and its absence is named."""
    gpus.plug(node, 1)
    try:
        content = example("gpu-autoscaling-ingress.yaml")
        content["metadata"]["name"] = "on-a-gpu"
        content["spec"]["resources"] = {"requests": {"cpu": "100m"}}  # two cores are all there may be
        applied(content)
        item = wait_for(operator, "on-a-gpu", NAMESPACE, reason_is("ImagePull"), "the reason")
        assert "paddlemodel/server:0.1.0-gpu" in condition(item, "Ready")["message"]
    finally:
        gpus.unplug(node)


def test_another_digest_is_refused_with_the_found_one(
    operator: Target, model_url: str, applied: Any, archive: Path
) -> None:
    applied(cpu_model(model_url, "tampered", digest="sha256:" + "0" * 64))
    item = wait_for(operator, "tampered", NAMESPACE, reason_is("DigestMismatch"), "the digest's refusal")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in condition(item, "Ready")["message"]


def test_a_model_on_a_volume_is_served(operator: Target, archive: Path, applied: Any, node: State) -> None:
    folder = node.root / "volume"
    folder.mkdir()
    (folder / archive.name).write_bytes(archive.read_bytes())
    name = "on-a-volume"
    with claims.shared(operator, name, folder, NAMESPACE, mode="ReadOnlyMany"):
        applied(cpu_model(f"pvc://{name}/{archive.name}", name))
        wait_for(operator, name, NAMESPACE, is_ready, "Ready")
        assert predict(operator, name, text_line())["label"] == "0"


def test_too_little_memory_is_named(operator: Target, model_url: str, applied: Any) -> None:
    content = cpu_model(model_url, "too-small")
    content["spec"]["resources"] = {"requests": {"cpu": "100m"}, "limits": {"memory": "96Mi"}}
    applied(content)
    item = wait_for(operator, "too-small", NAMESPACE, reason_is("OOMKilled"), "the reason")
    assert "memory" in condition(item, "Ready")["message"]


def test_a_spec_that_the_model_cannot_meet_is_told_by_ready_and_by_kubectl_describe(
    operator: Target, model_url: str, applied: Any
) -> None:
    content = cpu_model(model_url, "not-quantised")
    content["spec"]["server"] = {"precision": "INT8", "drainSeconds": 7, "timeoutSeconds": 20}
    applied(content)

    def explained(item: dict[str, Any]) -> bool:
        return "the model is not quantised" in condition(item, "Ready").get("message", "")

    item = wait_for(operator, "not-quantised", NAMESPACE, explained, "the server's own sentence")
    sentence = condition(item, "Ready")["message"]
    words = f"--namespace={NAMESPACE}", "-l", "paddlemodel.dev/model=not-quantised"
    assert sentence in operator.kubectl("describe", "pods", *words)
    (pod,) = operator.read("pods", *words)["items"]
    (server,) = pod["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in server["env"]}
    assert environment["PADDLEMODEL_PRECISION"] == "INT8"
    assert environment["PADDLEMODEL_DRAIN_SECONDS"] == "7"
    assert pod["spec"]["terminationGracePeriodSeconds"] > 7 + 20  # all that it accepted may be answered


def test_a_wrong_yaml_is_refused_with_the_field_and_the_cure(operator: Target, model_url: str) -> None:
    content = cpu_model(model_url, "wrong")
    content["spec"]["autoscaling"] = {"minReplicas": 1, "maxReplicas": 2, "cpuUtilization": 70}
    with pytest.raises(DevclusterError, match=r"replicas.*autoscaling"):
        operator.apply(content, namespace=NAMESPACE)


def test_the_operator_is_never_forbidden_and_writes_nothing_when_idle(served: Target, node: State) -> None:
    """Its rights are enough, and a restart on an unchanged cluster costs no write request."""
    wait_for(served, NAME, NAMESPACE, is_ready, "Ready")
    audit = node.logs / "audit.log"
    system = f"--namespace={SYSTEM_NAMESPACE}"
    before = len(own_writes(audit))
    served.kubectl("delete", "pod", system, "-l", "app.kubernetes.io/name=paddlemodel-operator")
    served.kubectl("rollout", "status", "deployment/paddlemodel-operator", system, "--timeout=180s")
    marker = "after-restart"
    served.kubectl("annotate", "pdm", NAME, f"--namespace={NAMESPACE}", f"example.com/{marker}=1")
    served.kubectl("scale", f"pdm/{NAME}", "--replicas=2", f"--namespace={NAMESPACE}")
    wait_for(served, NAME, NAMESPACE, lambda item: item["status"].get("readyReplicas") == 2, "two replicas")
    writes = own_writes(audit)
    # Admission may say 403, too: a namespace that ends takes no events.
    forbidden = [line for line in writes if '"authorization.k8s.io/decision":"forbid"' in line]
    # Where another test has uninstalled the chart, the rights went before the pod that gives its Lease back.
    assert [line for line in forbidden if not is_of_the_lease(line)] == []
    assert [line for line in writes[before:] if line in forbidden] == []
    first = next(line for line in writes[before:] if not is_of_the_lease(line))
    assert '"resource":"deployments"' in first, f"the first write after the restart was {first[:400]}"


def is_of_the_lease(line: str) -> bool:
    return '"resource":"leases"' in line


def own_writes(audit: Path) -> list[str]:
    user = f'"username":"system:serviceaccount:{SYSTEM_NAMESPACE}:paddlemodel-operator"'
    return [line for line in audit.read_text().splitlines() if user in line]


def test_a_deleted_model_takes_its_children_with_it(served: Target) -> None:
    served.kubectl("delete", "pdm", NAME, f"--namespace={NAMESPACE}", "--timeout=180s")
    label = f"paddlemodel.dev/model={NAME}"
    served.kubectl(
        "wait",
        "--for=delete",
        "deployment,service,pods",
        "-l",
        label,
        f"--namespace={NAMESPACE}",
        "--timeout=180s",
    )
    left = served.kubectl(
        "get",
        "deployment,service,hpa,pdb,ingress,pods",
        "-l",
        label,
        f"--namespace={NAMESPACE}",
        "-o",
        "name",
    )
    assert left.strip() == ""
