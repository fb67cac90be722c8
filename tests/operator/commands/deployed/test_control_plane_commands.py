"""`paddlemodel diff`, `status` and `doctor` under a real API server, with the operator at work.

There is no kubelet: the support plays the pods, and what they answer.
"""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from devcluster.builders import programs
from tests.operator.commands.deployed import manual
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.deployed.world import (
    DIGEST,
    Said,
    fail,
    installed,
    listening,
    pod_of,
    program,
    reader,
    run,
    run_here,
    serving,
)
from tests.operator.support.manifests import manifest, settled
from tests.operator.support.process import Operator
from tests.operator.support.simulated_pods import SimulatedPod, respond
from tests.repository.sources import ROOT

pytestmark = pytest.mark.control_plane

NAMESPACE = "ml"
EXAMPLE = ROOT / "examples/cpu-image-classification.yaml"
NAME = "textline-orientation"
METADATA = {"name": NAME, "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3, 48, 192]}]}


class World(NamedTuple):
    """A cluster with a model that serves, and one that cannot be fetched."""

    cluster: Cluster
    operator: Operator
    pod: SimulatedPod

    def run(self, *arguments: str) -> Said:
        return run(*arguments, "-n", NAMESPACE, kubeconfig=self.cluster.kubeconfig)


@pytest.fixture(scope="module")
def world(cluster: Cluster, operator: Operator) -> Iterator[World]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    answer = respond(json.dumps(METADATA).encode(), "HTTP/1.1 200 OK\r\nContent-Type: application/json")
    pod = listening(answer, contract.HTTP_PORT)
    (example,) = yaml.safe_load_all(EXAMPLE.read_text())
    example["metadata"]["namespace"] = NAMESPACE
    with installed(cluster):
        serving(cluster, operator, example, pod.address)
        cluster.apply(manifest(NAMESPACE, "broken"))
        settled(cluster, operator, NAMESPACE, "broken")
        fail(
            cluster,
            pod_of(cluster, NAMESPACE, "broken"),
            "NotFound",
            "There is no such archive; correct the URI.",
        )
        eventually(lambda: cluster.ready_reason(NAMESPACE, "broken") == "NotFound")
        eventually(operator.is_idle)
        yield World(cluster, operator, pod)
    pod.close()
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_a_file_that_is_applied_differs_in_nothing(world: World) -> None:
    assert world.run("diff", str(EXAMPLE)) == Said(0, "", "")


def test_a_changed_file_differs_in_the_model_and_its_objects(world: World, tmp_path: Path) -> None:
    (changed,) = yaml.safe_load_all(EXAMPLE.read_text())
    changed["spec"]["autoscaling"] = {"maxReplicas": 3}
    del changed["spec"]["replicas"]
    changed["spec"]["pod"] = {"env": [{"name": "API_TOKEN", "value": "5ecret"}]}
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump(changed))
    found = world.run("diff", str(file))
    assert (found.code, found.err) == (1, "")
    heads = [line.split("/")[1] for line in found.out.splitlines() if line.startswith("+++ ")]
    assert heads == [
        f"paddlemodel.dev.v1alpha1.PaddleModel.{NAMESPACE}.{NAME}",
        f"apps.v1.Deployment.{NAMESPACE}.{NAME}",
        f"autoscaling.v2.HorizontalPodAutoscaler.{NAMESPACE}.{NAME}",
        f"policy.v1.PodDisruptionBudget.{NAMESPACE}.{NAME}",
    ]
    assert "+    maxReplicas: 3\n" in found.out
    assert "API_TOKEN" in found.out
    assert "5ecret" not in found.out
    assert world.cluster.get(names.AUTOSCALER, NAMESPACE, NAME) is None  # Nothing was kept.


def test_the_table_shows_which_models_are_ready(world: World) -> None:
    found = world.run("status")
    assert (found.code, found.err) == (1, "")
    _, broken, good, _, last = found.out.splitlines()
    assert broken.split()[:4] == ["broken", "False", "NotFound", "0/1"]
    assert good.split()[:6] == [NAME, "True", "Serving", "1/1", "-", DIGEST[:19]]
    assert last.startswith("1 of 2 Ready; ")
    everywhere = run("status", "-A", kubeconfig=world.cluster.kubeconfig)
    assert NAMESPACE in everywhere.out


def test_one_model_is_shown_with_everything(world: World) -> None:
    found = world.run("status", NAME)
    assert (found.code, found.err) == (0, "")
    assert f"{NAMESPACE}/{NAME} is Ready: Serving\n" in found.out
    assert f"Digest     {DIGEST}\n" in found.out
    assert "(newest)   1 of 1 ready   " + DIGEST in found.out
    assert "ago, Normal, Serving\n" in found.out
    broken = world.run("status", "broken")
    assert broken.code == 1
    assert "There is no such archive; correct the URI." in broken.out
    assert "ago, Warning, NotFound\n" in broken.out
    told = json.loads(world.run("status", NAME, "-o", "json").out)
    assert (told["ready"], told["model"]["digest"], told["versions"][0]["ready"]) == (True, DIGEST, 1)
    every = json.loads(world.run("status", "-o", "json").out)
    assert [one["name"] for one in every] == ["broken", NAME]


def test_a_namespace_without_models(world: World, namespace: str) -> None:
    found = run("status", "-n", namespace, kubeconfig=world.cluster.kubeconfig)
    assert found == Said(0, "", "There are no PaddleModels there; -A looks into all namespaces.\n")


def test_the_doctor_follows_a_model_to_its_answer(world: World) -> None:
    found = world.run("doctor", NAME)
    assert (found.code, found.err) == (0, ""), found.out
    lines = found.out.partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["ok"] * 14
    assert "paddlemodel-system/paddlemodel-operator runs (paddlemodel/operator:0.1.0)" in found.out
    assert "answers 200: inputs x FP32[-1, 3, 48, 192]" in " ".join(found.out.split())
    assert found.out.endswith("\nEvery step is ok, from the spec to the answer.\n")
    assert world.pod.heads[-1].startswith(f"GET /v2/models/{NAME} ".encode())


def test_the_doctor_says_what_is_wrong(world: World) -> None:
    found = world.run("doctor", "broken", "-o", "json")
    assert found.code == 1
    steps = {one["step"]: (one["state"], one["text"]) for one in json.loads(found.out)}
    assert steps["fetch"] == ("failed", "NotFound: There is no such archive; correct the URI.")
    assert steps["load"] == ("not known", "it comes after fetch, which failed.")
    assert steps["service"] == ("not known", "it leads to ready pods, and there is none.")


PAGE = """# TYPE paddle_request_duration_seconds histogram
paddle_request_duration_seconds_bucket{le="0.01",route="predict"} %d
paddle_request_duration_seconds_bucket{le="0.02",route="predict"} %d
paddle_request_duration_seconds_bucket{le="+Inf",route="predict"} %d
paddle_request_duration_seconds_count{route="predict"} %d
paddle_request_duration_seconds_sum{route="predict"} 1.0
# TYPE paddle_inflight_requests gauge
paddle_inflight_requests 3.0
# TYPE paddle_busy_ratio gauge
paddle_busy_ratio 0.5
# TYPE paddle_queue_depth gauge
paddle_queue_depth 2.0
"""


@pytest.fixture
def admin() -> Iterator[SimulatedPod]:
    """The pod's metrics: each time they are asked for, 200 more requests were answered, half within 10 ms."""

    def counting(client: socket.socket, over: threading.Event) -> None:
        n = 100 * pod.requests
        respond((PAGE % (n, 2 * n, 2 * n, 2 * n)).encode())(client, over)

    pod = listening(counting, contract.ADMIN_PORT)
    yield pod
    pod.close()


def test_top_reads_the_pods_twice(world: World, admin: SimulatedPod) -> None:
    found = world.run("top", "--seconds", "0.5")
    assert (found.code, found.err) == (0, "==> from the pods' own metrics, through the API server\n")
    head, broken, good = (line.split() for line in found.out.splitlines())
    assert head[3:9] == ["QPS", "P95", "INFLIGHT", "QUEUED", "WAIT", "BUSY"]
    assert broken[1:] == ["broken", "0/1", *["-"] * 9]
    assert 0 < float(good[3]) <= 400
    assert good[4:] == ["19ms", "3", "2", "-", "50%", "-", "-", "-"]
    assert world.run("top", NAME, "--seconds", "0.1").out.splitlines()[1].startswith(NAME)
    admin.behave = respond(b"no metrics {")
    silent = world.run("top", NAME, "--seconds", "0.1")
    assert silent.code == 1
    assert "answers /metrics with what are no metrics." in silent.err


def test_the_manual_shows_what_the_commands_print(
    world: World, admin: SimulatedPod, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert admin
    (changed,) = yaml.safe_load_all(EXAMPLE.read_text())
    changed["spec"]["replicas"] = 2
    file = tmp_path / "model.yaml"
    file.write_text(yaml.safe_dump(changed))

    def printed(line: str) -> str:
        words, _, head = line.replace("model.yaml", str(file)).partition(" | head -")
        if words.startswith("render "):
            said = run_here(*words.split())
        else:
            said = run(*words.split(), kubeconfig=world.cluster.kubeconfig)
        assert said.code in {0, 1}, said
        return "".join(said.out.splitlines(keepends=True)[: int(head or 1000)])

    if request.config.getoption("--recordings"):
        manual.renew(printed)
    found = manual.recordings()
    assert {line.split()[0] for line, _ in found} == {"status", "doctor", "diff", "render", "top"}
    for line, text in found:
        assert manual.comparable(printed(line)) == manual.comparable(text), line


def test_kubectl_finds_the_commands(world: World) -> None:
    """`kubectl paddlemodel`, with the real kubectl."""
    path = f"{program('kubectl-paddlemodel').parent}{os.pathsep}{os.environ['PATH']}"
    words = ["paddlemodel", "status", NAME, "-n", NAMESPACE]
    variables = {**os.environ, "PATH": path, "KUBECONFIG": str(world.cluster.kubeconfig)}
    kubectl = programs.program("kubernetes", "kubectl")
    done = subprocess.run(
        [kubectl, *words], capture_output=True, text=True, timeout=180, check=False, env=variables
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAMESPACE}/{NAME} is Ready: Serving\n")


def test_a_model_that_is_not_there_is_one_sentence(world: World) -> None:
    for command in ("status", "doctor", "logs", "top"):
        found = world.run(command, "none")
        assert found == Said(
            2,
            "",
            f"paddlemodel {command}: there is no PaddleModel none in namespace ml; paddlemodel status -A "
            "lists all.\n",
        )


def test_a_right_that_is_missing_is_named(world: World, tmp_path: Path) -> None:
    """Somebody who may read PaddleModels, and nothing else."""
    limited = reader(world.cluster, NAMESPACE, tmp_path, "get,list paddlemodels.paddlemodel.dev")

    def typed(*words: str) -> Said:
        return run(*words, "-n", NAMESPACE, kubeconfig=limited)

    status = typed("status", NAME)
    assert status.code == 0
    assert "not known: you lack a right, ask for it: pods is forbidden: User" in " ".join(status.out.split())
    steps: dict[str, Any] = {one["step"]: one for one in json.loads(typed("doctor", NAME, "-o", "json").out)}
    assert 'cannot list resource "pods" in API group ""' in steps["fetch"]["text"]
    assert 'cannot list resource "endpointslices"' in steps["service"]["text"]
    assert 'cannot list resource "deployments"' in steps["operator"]["text"]
    assert {one["state"] for one in steps.values()} == {"ok", "not known"}
    refused = typed("diff", str(EXAMPLE))
    assert (refused.code, refused.out) == (2, "")
    assert 'cannot patch resource "paddlemodels"' in refused.err
