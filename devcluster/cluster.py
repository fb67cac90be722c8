"""Brings a cluster up and down, and finds the ones that are up.

Called by the command line, the demo and the tests' fixtures.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from devcluster import build, cgroups, control_plane, debian, node, pki
from devcluster.control_plane import Endpoints
from devcluster.errors import DevclusterError
from devcluster.paths import REPOSITORY, State, states
from devcluster.plan import Component, Plan
from devcluster.process import Process

_NODE_ENDPOINTS = Endpoints(
    address=node.ADDRESS, api=6443, etcd=2379, etcd_peer=2380, controller_manager=10257, scheduler=10259
)
_UNSHARE = [
    "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "--ipc", "--cgroup", "--",
]  # fmt: skip


def up_control_plane(name: str) -> State:
    """Start etcd, the API server and the controller manager on 127.0.0.1; no root needed.

    Raises:
        DevclusterError: The cluster exists, or a component did not become ready.
    """
    build.build(build.CONTROL_PLANE)
    state = _new_state(name)
    api, etcd, peer, manager = _free_ports(4)
    ends = Endpoints(
        address="127.0.0.1", api=api, etcd=etcd, etcd_peer=peer, controller_manager=manager, scheduler=0
    )
    _write_pki(state, ends)
    pki_kubeconfig(state, f"https://127.0.0.1:{api}")
    components = [factory(state, ends) for factory in (control_plane.etcd, control_plane.api_server)]
    components.append(control_plane.controller_manager(state, ends))
    _write_plan(state, components, mounts=[], kubelet="")
    _start(state, prefix=[], join=[], inherit=())
    _wait_for_api(state)
    return state


def up_node(name: str) -> State:
    """Start a whole node in its own namespaces; needs root on Linux.

    Raises:
        DevclusterError: Something is missing, the cluster exists, or the node did not become ready.
    """
    debian.require_root()
    debian.install_missing()
    build.build(build.NODE)
    state = _new_state(name)
    ends = _NODE_ENDPOINTS
    _write_pki(state, ends)
    node.write_configs(state)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        pki_kubeconfig(state, f"https://127.0.0.1:{listener.getsockname()[1]}")
        components = [
            *node.runtime(state, listener.fileno()),
            control_plane.etcd(state, ends),
            control_plane.api_server(state, ends),
            control_plane.controller_manager(state, ends),
            control_plane.scheduler(state, ends),
            *node.components(state),
        ]
        _write_plan(state, components, mounts=node.HIDDEN, kubelet=str(state.root / "kubelet"))
        _start(state, prefix=_UNSHARE, join=cgroups.create(name), inherit=(listener.fileno(),))
    _wait_for_api(state)
    _wait_for_node(state)
    return state


def down(name: str) -> bool:
    """End a cluster and remove everything it left; false when there was none."""
    state = State.of(name)
    process = Process.read(state.pid)
    if process:
        process.kill()
    if os.geteuid() == 0:
        cgroups.remove(name)
    existed = state.root.exists()
    if existed:
        shutil.rmtree(state.root)
    return existed


def find(name: str) -> State:
    """The state of a cluster that is up.

    Raises:
        DevclusterError: It is not.
    """
    state = State.of(name)
    if not is_up(state):
        raise DevclusterError(f"cluster {name!r} is not up: `devcluster up --name {name}` starts it")
    return state


def is_up(state: State) -> bool:
    """Whether the cluster's init process runs."""
    process = Process.read(state.pid)
    return process is not None and process.alive()


def pretend_gpus(state: State, count: int) -> None:
    """Give the node `count` devices nvidia.com/gpu that do not exist: for the scheduler, not for Paddle."""
    patch = [{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": str(count)}]
    kubectl(
        state,
        "patch",
        "node",
        node.NAME,
        "--subresource=status",
        "--type=json",
        f"--patch={json.dumps(patch)}",
    )
    _wait(
        state,
        "the pretended GPUs",
        ("get", "node", node.NAME, "-o", r"jsonpath={.status.allocatable.nvidia\.com/gpu}"),
        lambda answer: answer == str(count),
        seconds=60,
    )


def all_up() -> list[State]:
    """Every cluster with a state folder, running or dead."""
    return [State(folder) for folder in sorted(states().glob("*"))] if states().exists() else []


def kubectl(state: State, *words: str, stdin: str | None = None) -> str:
    """Run the compiled kubectl against the cluster and return what it printed.

    Raises:
        DevclusterError: With what kubectl said, when it failed.
    """
    command = [build.program("kubernetes", "kubectl"), f"--kubeconfig={state.kubeconfig}", *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DevclusterError(f"kubectl {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


def inside(state: State, *command: str) -> list[str]:
    """The command line that runs `command` inside the node's namespaces."""
    process = Process.read(state.pid)
    if process is None:
        raise DevclusterError(f"cluster {state.name!r} is not up")
    return [
        "nsenter",
        f"--target={process.namespace_pid()}",
        "--net",
        "--mount",
        "--uts",
        "--ipc",
        "--pid",
        "--cgroup",
        *command,
    ]


def pki_kubeconfig(state: State, server: str) -> None:
    """Point the administrator's kubeconfig at the address seen from outside."""
    inner = (state.pki / "admin.kubeconfig").read_text()
    lines = [
        f"    server: {server}" if line.strip().startswith("server:") else line for line in inner.splitlines()
    ]
    state.kubeconfig.touch(mode=0o600)
    state.kubeconfig.write_text("\n".join(lines) + "\n")


def _new_state(name: str) -> State:
    state = State.of(name)
    if state.root.exists():
        if is_up(state):
            raise DevclusterError(
                f"cluster {name!r} is already up: use it, or `devcluster down --name {name}` first"
            )
        down(name)
    for folder in (state.pki, state.logs, state.config):
        folder.mkdir(parents=True)
    state.root.chmod(0o700)
    (state.config / "audit-policy.yaml").write_text(control_plane.AUDIT_POLICY)
    return state


def _write_pki(state: State, ends: Endpoints) -> None:
    authority = pki.Authority(state.pki, "ca")
    service = control_plane.SERVICE_RANGE.replace("0.0/16", "0.1")
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    addresses = tuple(dict.fromkeys(("127.0.0.1", ends.address, service, *names)))
    authority.sign("apiserver", pki.Identity("kube-apiserver", addresses=addresses))
    front = pki.Authority(state.pki, "front-proxy-ca")
    front.sign("front-proxy-client", pki.Identity("front-proxy-client"))
    pki.service_account_key(state.pki)
    users = {
        "admin": pki.Identity("admin", "system:masters"),
        "coredns": pki.Identity("coredns", "system:masters"),
        "controller-manager": pki.Identity("system:kube-controller-manager"),
        "scheduler": pki.Identity("system:kube-scheduler"),
        "kubelet": pki.Identity(f"system:node:{node.NAME}", "system:nodes"),
        "kube-proxy": pki.Identity("system:kube-proxy"),
    }
    for file, identity in users.items():
        authority.kubeconfig(state.pki / f"{file}.kubeconfig", ends.server, identity)


def _write_plan(state: State, components: list[Component], *, mounts: list[str], kubelet: str) -> None:
    folder = state.pki
    Plan(
        logs=str(state.logs),
        report=str(state.root / "components.json"),
        admin=(str(folder / "admin.crt"), str(folder / "admin.key"), str(folder / "ca.crt")),
        mounts=mounts,
        kubelet=kubelet,
        components=components,
    ).write(state.plan)


def _start(state: State, *, prefix: list[str], join: list[Path], inherit: tuple[int, ...]) -> None:
    """Start init in its own session, inside the cluster's cgroups."""

    def enter_cgroups() -> None:
        for file in join:
            file.write_text(str(os.getpid()))

    with (state.logs / "init.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: PLW1509 - nothing else runs in this process meanwhile
            [*prefix, sys.executable, "-m", "devcluster.init", str(state.plan)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherit,
            preexec_fn=enter_cgroups,
        )
    Process.of(process.pid).write(state.pid)


def _wait_for_api(state: State) -> None:
    _wait(state, "the API server", ("get", "--raw", "/readyz"), lambda answer: answer == "ok", seconds=60)
    _wait(
        state,
        "the default service account",  # pods are refused before it exists
        ("get", "serviceaccount", "default", "-o", "name"),
        lambda answer: answer != "",
        seconds=30,
    )


def _wait_for_node(state: State) -> None:
    path = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
    _wait(state, "the node", ("get", "nodes", "-o", path), lambda answer: answer == "True", seconds=60)


def _wait(
    state: State, what: str, words: tuple[str, ...], good: Callable[[str], bool], seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    last = ""
    while time.monotonic() < deadline:
        if not is_up(state):
            break
        try:
            answer = kubectl(state, "--request-timeout=2s", *words)
            if good(answer):
                return
        except DevclusterError as error:
            last = str(error)
        time.sleep(0.1)
    raise DevclusterError(f"{what} did not become ready; {last}\nLogs are in {state.logs}:\n{_tails(state)}")


def _tails(state: State) -> str:
    parts = []
    for log in sorted(state.logs.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-3:]
        parts.append(f"--- {log.name}\n" + "\n".join(line[:300] for line in lines))
    return "\n".join(parts)


def components(state: State) -> dict[str, dict[str, int | None]]:
    """Each component's pid inside the cluster and how often it was restarted."""
    report = state.root / "components.json"
    content: dict[str, dict[str, int | None]] = json.loads(report.read_text()) if report.exists() else {}
    return content


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports
