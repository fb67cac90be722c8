"""devcluster's control plane alone: comes up without root, heals, and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from devcluster import cluster
from devcluster.builders import debian
from devcluster.errors import DevclusterError
from devcluster.kubectl import kubectl
from devcluster.paths import State
from devcluster.process import Process

pytestmark = pytest.mark.control_plane

PARENT = """
import os, subprocess, sys, time
if os.fork() == 0:
    os._exit(0)
os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)  # It has ended, and nobody has asked how.
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", sys.argv[1]])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[State]:
    with cluster.control_plane_for(f"cp-{os.getpid()}") as state:
        yield state


@pytest.fixture
def doomed() -> Iterator[State]:
    """One that the test destroys."""
    with cluster.control_plane_for(f"doomed-{os.getpid()}") as state:
        yield state


def test_a_child_that_has_just_ended_hides_no_node(tmp_path: Path) -> None:
    plan = tmp_path / "plan-2.json"
    command = [sys.executable, "-c", PARENT, str(plan)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        try:
            assert cluster._with_plan(parent.pid, plan) == child.pid
        finally:
            child.kill()
            parent.kill()


def processes_of(state: State) -> list[psutil.Process]:
    """Every process whose command line names the cluster's state folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if process.pid != os.getpid() and any(f"{state.root}/" in word for word in words):
            found.append(process)
    return found


def until_gone(state: State) -> list[psutil.Process]:
    deadline = time.monotonic() + 60
    while (left := processes_of(state)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_a_control_plane_serves_the_api_and_collects_garbage(shared: State) -> None:
    kubectl(shared, "create", "configmap", "owner")
    uid = kubectl(shared, "get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}")
    child = f"""
apiVersion: v1
kind: ConfigMap
metadata:
  name: child
  ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]
"""
    kubectl(shared, "apply", "-f", "-", stdin=child)
    kubectl(shared, "delete", "configmap", "owner")
    kubectl(shared, "wait", "--for=delete", "configmap/child", "--timeout=180s")
    assert '"verb":"delete"' in (shared.logs / "audit.log").read_text()


def test_down_leaves_no_process_and_no_file(doomed: State) -> None:
    assert len(processes_of(doomed)) >= 4
    assert cluster.down(doomed.name) is True
    assert processes_of(doomed) == []
    assert not doomed.root.exists()
    assert cluster.down(doomed.name) is False


def test_a_killed_init_takes_every_component_with_it(doomed: State) -> None:
    process = Process.read(doomed.pid)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)
    assert until_gone(doomed) == []
    with pytest.raises(DevclusterError, match="is not up"):
        cluster.find(doomed.name)
    assert cluster.down(doomed.name) is True


def test_a_killed_api_server_comes_back_with_its_data(shared: State) -> None:
    kubectl(shared, "create", "configmap", "kept")
    pid = cluster.components(shared)["kube-apiserver"]["pid"]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        facts = cluster.components(shared)["kube-apiserver"]
        if facts["restarts"] == 1 and facts["pid"] not in (None, pid):
            break
        time.sleep(0.05)
    while time.monotonic() < deadline:
        try:
            answer = kubectl(shared, "get", "configmap", "kept", "-o", "name")
            kubectl(shared, "get", "--raw", "/readyz")  # the next test needs it whole
            break
        except DevclusterError:
            time.sleep(0.1)
    assert answer.strip() == "configmap/kept"


def test_two_clusters_side_by_side_do_not_see_each_other(shared: State, control_plane: Path) -> None:
    kubectl(shared, "create", "namespace", "only-here")
    other = State(control_plane.parent)
    assert "only-here" not in kubectl(other, "get", "namespaces", "-o", "name")


def test_a_second_up_of_the_same_name_is_refused(shared: State) -> None:
    with pytest.raises(DevclusterError, match="already up"):
        cluster.up_control_plane(shared.name)
    assert kubectl(shared, "get", "--raw", "/readyz") == "ok"


def test_a_name_that_could_leave_the_state_folder_is_refused() -> None:
    with pytest.raises(DevclusterError, match="must match"):
        State.of("../elsewhere")


def test_a_node_without_root_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DevclusterError, match=r"needs root.*make demo KUBECONFIG="):
        cluster.up_node("never")


def test_missing_debian_packages_are_named_where_there_is_no_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"no-such-program": "no-such-package"}
    assert debian.missing(wanted) == ["no-such-package"]
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(DevclusterError, match="no-such-package"):
        debian.install_missing(wanted)
