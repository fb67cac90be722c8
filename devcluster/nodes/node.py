"""A node's components and their configuration: containerd, kubelet, kube-proxy, and on the first one coredns.

The first node holds the control plane. Every further one is a set of namespaces of its own inside the first
one's, tied to its bridge by a virtual cable. Pure except `write_configs`; every setting that is not a default
says why.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from devcluster.builders.programs import binaries, program
from devcluster.nodes.addresses import IPV4, Addresses
from devcluster.nodes.plan import Component
from devcluster.paths import State

NAME = "devcluster"
ADDRESS = IPV4.node(1)
MOST_NODES = 9
BRIDGE = "dc0"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
PAUSE_IMAGE = "localhost/devcluster/pause:1"
#: Fixed places that programs write to; a fresh tmpfs inside the namespace keeps the host clean.
HIDDEN = ["/run", "/var/log", "/var/lib"]


@dataclass(frozen=True)
class Node:
    """One node; the first one's files and programs have plain names, those of the others end in a number."""

    number: int = 1
    addresses: Addresses = IPV4

    def named(self, word: str) -> str:
        """A name that no other node of the cluster has: `kubelet`, `kubelet-2`."""
        return word if self.number == 1 else f"{word}-{self.number}"

    @property
    def name(self) -> str:
        """As in the API."""
        return self.named(NAME)

    @property
    def address(self) -> str:
        """Where its kubelet listens, and what its pods are reached through."""
        return self.addresses.node(self.number)

    @property
    def pods(self) -> str:
        """The addresses of its pods."""
        return self.addresses.pods_of(self.number)


def of(count: int, addresses: Addresses = IPV4) -> list[Node]:
    """The nodes of a cluster, the first first."""
    return [Node(number, addresses) for number in range(1, count + 1)]


def gateway(listener: int, first: Node) -> Component:
    """The way in from outside."""
    return Component(
        name="gateway",
        argv=[sys.executable, "-m", "devcluster.nodes.gateway", str(listener), first.address, "6443"],
    )


def coredns(state: State) -> Component:
    """The names of Services, for the pods of every node."""
    return Component(
        name="coredns", argv=[program("coredns", "coredns"), f"-conf={state.config / 'Corefile'}"]
    )


def containerd(state: State, node: Node) -> Component:
    """The container runtime; it needs no API server."""
    name = node.named("containerd")
    return Component(
        name=name, argv=[program("containerd", "containerd"), f"--config={state.config / name}.toml"]
    )


def components(state: State, node: Node) -> list[Component]:
    """What needs the API server, in starting order."""
    kubelet, proxy = node.named("kubelet"), node.named("kube-proxy")
    return [
        Component(
            name=kubelet,
            argv=[
                program("kubernetes", "kubelet"),
                f"--config={state.config / kubelet}.yaml",
                f"--kubeconfig={state.pki / kubelet}.kubeconfig",
                f"--root-dir={state.root / kubelet}",
                f"--hostname-override={node.name}",
                f"--node-ip={node.address}",
            ],
        ),
        Component(
            name=proxy,
            argv=[program("kubernetes", "kube-proxy"), f"--config={state.config / proxy}.yaml"],
        ),
    ]


def nested(node: Node, plan: Path) -> Component:
    """A further node as the first one sees it: an init of its own, in namespaces of its own.

    When it dies, its processes, pods and interfaces die with it, as those of a machine do.
    """
    return Component(
        name=node.name,
        argv=[sys.executable, "-m", "devcluster.nodes.nested", f"node-{node.number}", str(plan)],
    )


def write_configs(state: State, nodes: list[Node]) -> None:
    """Write every configuration file of the nodes into the cluster's state."""
    for node in nodes:
        network = state.config / node.named("cni")
        network.mkdir(parents=True, exist_ok=True)
        (network / "10-bridge.conflist").write_text(json.dumps(_network(node), indent=1))
        contents = {
            "containerd.toml": _containerd(state, node),
            "kubelet.yaml": yaml.safe_dump(_kubelet(state, node)),
            "kube-proxy.yaml": yaml.safe_dump(_kube_proxy(state, node)),
        }
        for file, content in contents.items():
            stem, _, ending = file.rpartition(".")
            (state.config / f"{node.named(stem)}.{ending}").write_text(content)
    (state.config / "Corefile").write_text(_corefile(state, nodes[0]))
    (state.config / "resolv.conf").write_text("")


def _containerd(state: State, node: Node) -> str:
    return f"""\
version = 3
root = "{state.root / node.named("containerd")}"
state = "/run/containerd"

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE_IMAGE}"

[plugins."io.containerd.cri.v1.runtime"]
# Hosts of tests often have neither AppArmor nor CAP_SYS_RESOURCE.
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{binaries("containerd")}"]
conf_dir = "{state.config / node.named("cni")}"
"""


def _network(node: Node) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": node.pods}]],
            "routes": [{"dst": node.addresses.everywhere}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "devcluster", "plugins": [bridge, portmap]}


def _kubelet(state: State, node: Node) -> dict[str, object]:
    root = state.root / node.named("kubelet")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(state.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        # The host may still run cgroup v1, or withhold the controllers that QoS groups need.
        "failCgroupV1": False,
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "clusterDNS": [node.addresses.node(1)],
        "clusterDomain": "cluster.local",
        "resolvConf": str(state.config / "resolv.conf"),
        "podLogsDir": str(root / "pod-logs"),
        "volumePluginDir": str(root / "volume-plugins"),
        # A full disk of the host is not this node's business.
        "evictionHard": dict.fromkeys(("memory.available", "nodefs.available", "imagefs.available"), "0%"),
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "5s",
        # Pods start as fast as the node can: the defaults spare large clusters.
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
    }


def _kube_proxy(state: State, node: Node) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(state.pki / "kube-proxy.kubeconfig")},
        "mode": "nftables",
        "clusterCIDR": node.addresses.pods,
        "hostnameOverride": node.name,
        "conntrack": {"maxPerCore": 0},  # a namespace may not set the host's conntrack limits
        "nftables": {"minSyncPeriod": "0s"},
    }


def _corefile(state: State, first: Node) -> str:
    return f"""\
.:53 {{
    bind {first.address}
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {state.pki / "coredns.kubeconfig"}
        ttl 5
    }}
}}
"""


def network_commands(state: State, nodes: list[Node]) -> list[list[str]]:
    """Commands that give the first node's namespace its interfaces and routes."""
    first, *further = nodes
    commands = [
        *_forwarding(first),
        ["ip", "link", "add", BRIDGE, "type", "bridge"],
        _address(first, BRIDGE),
        ["ip", "link", "set", BRIDGE, "up"],
        # Without a route to the service range nothing on the node reaches a ClusterIP.
        ["ip", "route", "add", first.addresses.services, "dev", BRIDGE],
    ]
    if further:  # a handle by which they find this namespace from inside their own
        commands += [["touch", _handle(state)], ["mount", "--bind", "/proc/self/ns/net", _handle(state)]]
    return [*commands, *(["ip", "route", "add", n.pods, "via", n.address, "dev", BRIDGE] for n in further)]


def nested_network_commands(state: State, node: Node, nodes: list[Node]) -> list[list[str]]:
    """Commands that tie a further node's namespace to the first one's bridge."""
    cable, handle = f"node-{node.number}", _handle(state)
    others = [other for other in nodes if other != node]
    return [
        *_forwarding(node),
        ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", cable, "netns", handle],
        ["nsenter", f"--net={handle}", "ip", "link", "set", cable, "master", BRIDGE, "up"],
        _address(node, "eth0"),
        ["ip", "link", "set", "eth0", "up"],
        ["ip", "route", "add", node.addresses.services, "dev", "eth0"],
        *(["ip", "route", "add", other.pods, "via", other.address] for other in others),
    ]


def _address(node: Node, interface: str) -> list[str]:
    command = ["ip", "address", "add", f"{node.address}/{node.addresses.prefix}", "dev", interface]
    # Else the kernel asks for a second whether anybody has it already, and nobody can listen on it meanwhile.
    return [*command, "nodad"] if node.addresses.version == 6 else command


def _forwarding(node: Node) -> list[list[str]]:
    setting = "net.ipv6.conf.all.forwarding=1" if node.addresses.version == 6 else "net.ipv4.ip_forward=1"
    return [["ip", "link", "set", "lo", "up"], ["sysctl", "-qw", setting]]


def _handle(state: State) -> str:
    return str(state.root / "network")
