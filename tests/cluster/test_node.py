"""devcluster's nodes: real pods, Services, DNS, limits and GPUs for the scheduler."""

import re
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from devcluster import cluster
from devcluster.builders import images
from devcluster.errors import DevclusterError
from devcluster.kubectl import kubectl
from devcluster.nodes import gpus
from devcluster.nodes.node import PAUSE_IMAGE, Node
from devcluster.paths import State

pytestmark = pytest.mark.node
FIRST, SECOND = Node(1), Node(2)

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  nodeSelector: {{kubernetes.io/hostname: {node}}}
  terminationGracePeriodSeconds: 0
  restartPolicy: {restart}
  containers:
  - name: main
    image: {image}
    command: ["/bin/sh", "-c", "{script}"]
    resources: {{limits: {resources}}}
"""


def run_pod(
    state: State,
    name: str,
    script: str = "sleep infinity",
    *,
    image: str = PAUSE_IMAGE,
    resources: str = "{}",
    at: Node = FIRST,
    restart: str = "Never",
) -> None:
    kubectl(
        state,
        "apply",
        "-f",
        "-",
        stdin=POD.format(
            name=name, image=image, script=script, resources=resources, node=at.name, restart=restart
        ),
    )


def until(state: State, name: str, path: str, value: str) -> None:
    kubectl(state, "wait", f"pod/{name}", f"--for=jsonpath={path}={value}", "--timeout=180s")


@pytest.fixture(scope="module")
def sleeper(node: State) -> Iterator[State]:
    """The node with a pod `sleeper` behind a Service of that name."""
    run_pod(node, "sleeper")
    kubectl(node, "expose", "pod", "sleeper", "--port=80")
    kubectl(node, "wait", "--for=condition=Ready", "pod/sleeper", "--timeout=180s")
    yield node
    kubectl(node, "delete", "pod,service", "sleeper", "--wait=false")


def test_pods_find_services_by_name_and_reach_the_api_through_its_cluster_address(sleeper: State) -> None:
    address = kubectl(sleeper, "get", "service", "sleeper", "-o", "jsonpath={.spec.clusterIP}")
    assert address in kubectl(sleeper, "exec", "sleeper", "--", "getent", "hosts", "sleeper.default.svc")
    script = "exec 3<>/dev/tcp/kubernetes.default.svc/443 && echo reached"
    assert kubectl(sleeper, "exec", "sleeper", "--", "bash", "-c", script).strip() == "reached"


def test_a_memory_limit_kills(node: State) -> None:
    run_pod(node, "greedy", "head -c 300m /dev/zero | tail", resources="{memory: 64Mi}")
    until(node, "greedy", "{.status.phase}", "Failed")
    path = "jsonpath={.status.containerStatuses[0].state.terminated.reason}"
    assert kubectl(node, "get", "pod", "greedy", "-o", path) == "OOMKilled"
    kubectl(node, "delete", "pod", "greedy")


def test_an_unknown_image_is_a_true_pull_error(node: State) -> None:
    run_pod(node, "unknown", image="nowhere.example/none:1")
    until(node, "unknown", "{.status.containerStatuses[0].state.waiting.reason}", "ErrImagePull")
    kubectl(node, "delete", "pod", "unknown")


ASK_NVML = """
import ctypes, os
nvml, count, device = ctypes.CDLL("libnvidia-ml.so.1"), ctypes.c_uint(), ctypes.c_void_p()
assert nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0
assert nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)) == 0
name = ctypes.create_string_buffer(96)
assert nvml.nvmlDeviceGetUUID(device, name, 96) == 0
print(count.value, name.value.decode() == os.environ["NVIDIA_VISIBLE_DEVICES"])
"""


def test_the_kubelets_of_both_nodes_hand_out_simulated_gpus_with_their_library(node: State) -> None:
    server_image = images.ours()[1].name
    run_pod(node, "wants-gpu", image=server_image, resources="{nvidia.com/gpu: 1}", at=SECOND)
    until(node, "wants-gpu", '{.status.conditions[?(@.type=="PodScheduled")].reason}', "Unschedulable")
    gpus.plug(node, 2, at=SECOND)
    try:
        kubectl(node, "wait", "--for=condition=Ready", "pod/wants-gpu", "--timeout=180s")
        inside = ("exec", "wants-gpu", "--")
        assert re.search("NVIDIA_VISIBLE_DEVICES=GPU-[0-9a-f-]{36}\n", kubectl(node, *inside, "env"))
        assert kubectl(node, *inside, "python3", "-c", ASK_NVML).strip() == "1 True"
        assert kubectl(node, *inside, "sh", "-c", "ls /dev | grep -c '^nvidia[0-9]'").strip() == "1"
        gpus.answer(node, "error=999")
        with pytest.raises(DevclusterError, match="AssertionError"):
            kubectl(node, *inside, "python3", "-c", ASK_NVML)
        run_pod(node, "wants-one-here", resources="{nvidia.com/gpu: 1}", at=FIRST)
        path = '{.status.conditions[?(@.type=="PodScheduled")].reason}'
        until(node, "wants-one-here", path, "Unschedulable")
        gpus.plug(node, 1, at=FIRST)
        kubectl(node, "wait", "--for=condition=Ready", "pod/wants-one-here", "--timeout=180s")
    finally:
        kubectl(node, "delete", "pod", "wants-gpu", "wants-one-here", "--ignore-not-found")
        gpus.unplug(node, at=FIRST)
        gpus.unplug(node, at=SECOND)


def test_a_killed_kubelet_and_containerd_come_back_and_pods_live_on(sleeper: State) -> None:
    for component in ("containerd", "kubelet"):
        pid = cluster.components(sleeper)[component]["pid"]
        subprocess.run(cluster.inside(sleeper, "kill", "-KILL", str(pid)), check=True)
    run_pod(sleeper, "after")
    kubectl(sleeper, "wait", "--for=condition=Ready", "pod/after", "--timeout=180s")
    restarts = kubectl(
        sleeper, "get", "pod", "sleeper", "-o", "jsonpath={.status.containerStatuses[0].restartCount}"
    )
    assert restarts == "0"
    kubectl(sleeper, "delete", "pod", "after")


GREETER = (
    "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 80, Listen => 5);"
    " while ($c = $s->accept) { print $c $ENV{HOSTNAME}; close $c }'"
)


def greeting(state: State, pod: str) -> str:
    script = "exec 3<>/dev/tcp/greeter.default.svc/80 && cat <&3"
    return kubectl(state, "exec", pod, "--", "bash", "-c", script)


def test_two_nodes_are_one_cluster_and_one_can_die(node: State) -> None:
    """Pods reach each other across nodes; with a node's init its pods die, and both come back."""
    run_pod(node, "greeter", GREETER, at=SECOND, restart="Always")
    run_pod(node, "near", at=SECOND)
    run_pod(node, "far", at=FIRST)
    kubectl(node, "expose", "pod", "greeter", "--port=80")
    pods = ("pod/greeter", "pod/near", "pod/far")
    try:
        kubectl(node, "wait", "--for=condition=Ready", *pods, "--timeout=180s")
        assert [greeting(node, pod) for pod in ("near", "far")] == ["greeter", "greeter"]
        pid = cluster.components(node)[SECOND.name]["pid"]
        family = psutil.Process(cluster.init_of(node, SECOND)).children(recursive=True)
        subprocess.run(cluster.inside(node, "kill", "-KILL", str(pid)), check=True)
        psutil.wait_procs(family, timeout=180)
        assert [member for member in family if member.is_running()] == []
        path = "jsonpath={.status.containerStatuses[0].restartCount}"
        until(node, "greeter", "{.status.containerStatuses[0].restartCount}", "1")
        kubectl(node, "wait", "--for=condition=Ready", "pod/greeter", "--timeout=180s")
        assert greeting(node, "far") == "greeter"
        assert kubectl(node, "get", "pod", "far", "-o", path) == "0"
    finally:
        kubectl(node, "delete", *pods, "service/greeter")
