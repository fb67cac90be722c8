"""Brings a cluster up and down, and finds the ones that are up."""

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from devcluster import ports, waiting
from devcluster.builders import debian, programs
from devcluster.errors import DevclusterError
from devcluster.nodes import cgroups, control_plane, credentials, node
from devcluster.nodes.addresses import IPV4, Addresses
from devcluster.nodes.control_plane import Endpoints
from devcluster.nodes.node import Node
from devcluster.nodes.plan import Component, Plan
from devcluster.paths import State, for_our_modules, states
from devcluster.process import Process, spawn

_UNSHARE = [
    "unshare", "--net", "--mount", "--pid", "--uts", "--ipc",
    "--fork", "--kill-child", "--mount-proc", "--",
]  # fmt: skip


def up_control_plane(name: str) -> State:
    """Start etcd, the API server and the controller manager on 127.0.0.1; no root needed.

    Raises:
        DevclusterError: The cluster exists, or a component did not become ready.
    """
    programs.build(programs.CONTROL_PLANE)
    state = _new_state(name)
    api, etcd, peer, manager = ports.free(4)
    ends = Endpoints(
        address="127.0.0.1", api=api, etcd=etcd, etcd_peer=peer, controller_manager=manager, scheduler=0
    )
    credentials.write(state, ends, [])
    credentials.write_outside(state, f"https://127.0.0.1:{api}")
    components = [factory(state, ends) for factory in (control_plane.etcd, control_plane.api_server)]
    components.append(control_plane.controller_manager(state, ends))
    _plan(state, components).write(state.plan)
    _start(state, prefix=[])
    waiting.for_api(state)
    return state


@contextmanager
def api_server_for(name: str, module: str) -> Iterator[State]:
    """The API server of a Go module with etcd, and nobody who acts on what it holds; gone afterwards.

    Args:
        name: The cluster's.
        module: One of `programs.OLDER`, or "kubernetes".

    Raises:
        DevclusterError: The cluster exists, or a component did not become ready.
    """
    try:
        yield _up_api_server(name, module)
    finally:
        down(name)


def _up_api_server(name: str, module: str) -> State:
    programs.build((*programs.CONTROL_PLANE, module))
    state = _new_state(name)
    api, etcd, peer = ports.free(3)
    ends = Endpoints(
        address="127.0.0.1", api=api, etcd=etcd, etcd_peer=peer, controller_manager=0, scheduler=0
    )
    credentials.write(state, ends, [])
    credentials.write_outside(state, f"https://127.0.0.1:{api}")
    components = [control_plane.etcd(state, ends), control_plane.api_server(state, ends, module)]
    _plan(state, components).write(state.plan)
    _start(state, prefix=[])
    waiting.for_api_server(state)
    return state


@contextmanager
def control_plane_for(name: str) -> Iterator[State]:
    """A control plane that is gone afterwards, for tests."""
    try:
        yield up_control_plane(name)
    finally:
        down(name)


def up_node(name: str, count: int = 1, addresses: Addresses = IPV4) -> State:
    """Start a whole node in its own namespaces, and further ones beside it; needs root on Linux.

    Args:
        name: The cluster's.
        count: Nodes; the first one holds the control plane.
        addresses: Of nodes, pods and Services; there are none of the other family, loopback aside.

    Raises:
        DevclusterError: Something is missing, the cluster exists, or the node did not become ready.
    """
    debian.require_root()
    debian.install_missing()
    programs.build(programs.NODE)
    state = _new_state(name)
    nodes = node.of(count, addresses)
    first, *further = nodes
    ends = _node_endpoints(first)
    credentials.write(state, ends, nodes)
    node.write_configs(state, nodes)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        credentials.write_outside(state, f"https://127.0.0.1:{listener.getsockname()[1]}")
        components = [
            node.gateway(listener.fileno(), first),
            node.containerd(state, first),
            control_plane.etcd(state, ends),
            control_plane.api_server(state, ends),
            control_plane.controller_manager(state, ends),
            control_plane.scheduler(state, ends),
            node.coredns(state),
            *node.components(state, first),
            *(_nested(state, one, nodes) for one in further),
        ]
        network = node.network_commands(state, nodes)
        _node_plan(state, first, network, components, listener=listener.fileno()).write(state.plan)
        _start(state, prefix=[*cgroups.join(name), *_UNSHARE])
    waiting.for_api(state)
    waiting.for_nodes(state, count)
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
    if not state.is_up():
        raise DevclusterError(f"cluster {name!r} is not up: `devcluster up --name {name}` starts it")
    return state


def all_up() -> list[State]:
    """Every cluster with a state folder, running or dead."""
    return [State(folder) for folder in sorted(states().glob("*"))] if states().exists() else []


def nodes(state: State) -> list[Node]:
    """The nodes that a cluster was started with; none for a control plane alone."""
    if not Plan.read(state.plan).hostname:
        return []
    return [Node(), *(Node(int(file.stem.rpartition("-")[2])) for file in sorted(state.root.glob("plan-*")))]


def init_of(state: State, one: Node) -> int:
    """The host's pid of a node's init.

    Raises:
        DevclusterError: It is not there.
    """
    process = Process.read(state.pid)
    if process is None:
        raise DevclusterError(f"cluster {state.name!r} is not up")
    first = process.namespace_pid()
    return first if one.number == 1 else Process.of(_with_plan(first, _plan_of(state, one))).namespace_pid()


def inside(state: State, *command: str, at: Node | None = None) -> list[str]:
    """The command line that runs `command` inside the namespaces of a node, the first one if none is said."""
    return [
        "nsenter",
        f"--target={init_of(state, at or Node())}",
        "--net",
        "--mount",
        "--uts",
        "--ipc",
        "--pid",
        "--cgroup",
        *command,
    ]


def _node_endpoints(first: Node) -> Endpoints:
    return Endpoints(
        address=first.address,
        addresses=first.addresses,
        api=6443,
        etcd=2379,
        etcd_peer=2380,
        controller_manager=10257,
        scheduler=10259,
    )


def _new_state(name: str) -> State:
    state = State.of(name)
    if state.root.exists():
        if state.is_up():
            raise DevclusterError(
                f"cluster {name!r} is already up: use it, or `devcluster down --name {name}` first"
            )
        down(name)
    for folder in (state.pki, state.logs, state.config):
        folder.mkdir(parents=True)
    state.root.chmod(0o700)
    (state.config / "audit-policy.yaml").write_text(control_plane.AUDIT_POLICY)
    return state


def _nested(state: State, one: Node, nodes: list[Node]) -> Component:
    """Save the plan of a further node; the first one's init starts it."""
    plan, network = _plan_of(state, one), node.nested_network_commands(state, one, nodes)
    _node_plan(state, one, network, [node.containerd(state, one), *node.components(state, one)]).write(plan)
    return node.nested(one, plan)


def _plan_of(state: State, one: Node) -> Path:
    return state.plan.with_name(f"plan-{one.number}.json")


def _with_plan(init: int, plan: Path) -> int:
    """The pid of the `unshare` that a further node began with."""
    for child in psutil.Process(init).children():
        with suppress(psutil.Error):  # It has just ended: what a pod left behind, for example.
            if child.cmdline()[-1:] == [str(plan)]:
                return child.pid
    raise DevclusterError(f"the node of {plan.name} is not up")


def _node_plan(
    state: State, one: Node, network: list[list[str]], components: list[Component], *, listener: int = -1
) -> Plan:
    return replace(
        _plan(state, components),
        report=str(state.root / f"{one.named('components')}.json"),
        hostname=one.name,
        kubelet=str(state.root / one.named("kubelet")),
        mounts=node.HIDDEN,
        network=network,
        listener=listener,
    )


def _plan(state: State, components: list[Component]) -> Plan:
    folder = state.pki
    return Plan(
        logs=str(state.logs),
        report=str(state.root / "components.json"),
        admin=(str(folder / "admin.crt"), str(folder / "admin.key"), str(folder / "ca.crt")),
        components=components,
    )


def _start(state: State, *, prefix: list[str]) -> None:
    """Start init in a session of its own; it outlives this process."""
    argv = [*prefix, sys.executable, "-m", "devcluster.nodes.init", str(state.plan)]
    pid = spawn(argv, state.logs / "init.log", environment=for_our_modules(), session=True)
    Process.of(pid).write(state.pid)


def components(state: State) -> dict[str, dict[str, int | None]]:
    """Each component's pid inside its node and how often it was restarted."""
    content: dict[str, dict[str, int | None]] = {}
    for report in sorted(state.root.glob("components*.json")):
        content |= json.loads(report.read_text())
    return content
