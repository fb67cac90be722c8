"""Every certificate and kubeconfig of one cluster, written into its state by `cluster`."""

from devcluster.nodes import pki
from devcluster.nodes.control_plane import Endpoints
from devcluster.nodes.node import Node
from devcluster.paths import State


def write(state: State, ends: Endpoints, nodes: list[Node]) -> None:
    """Write them all; a control plane alone has no nodes."""
    authority = pki.Authority(state.pki, "ca")
    service = ends.addresses.api_service
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
        **{n.named("kubelet"): pki.Identity(f"system:node:{n.name}", "system:nodes") for n in nodes},
        "kube-proxy": pki.Identity("system:kube-proxy"),
    }
    for file, identity in users.items():
        authority.kubeconfig(state.pki / f"{file}.kubeconfig", ends.server, identity)


def write_outside(state: State, server: str) -> None:
    """Point the administrator's kubeconfig at the address seen from outside."""
    inner = (state.pki / "admin.kubeconfig").read_text()
    lines = [
        f"    server: {server}" if line.strip().startswith("server:") else line for line in inner.splitlines()
    ]
    state.kubeconfig.touch(mode=0o600)
    state.kubeconfig.write_text("\n".join(lines) + "\n")
