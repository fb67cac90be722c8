"""The node's components and their configuration files: containerd, kubelet, kube-proxy, coredns.

Pure except `write_configs`; every setting that is not a default says why.
"""

import json
import sys

import yaml

from devcluster.build import binaries, program
from devcluster.control_plane import SERVICE_RANGE
from devcluster.paths import State
from devcluster.plan import Component

NAME = "devcluster"
ADDRESS = "10.250.0.1"
POD_RANGE = "10.244.0.0/24"
BRIDGE = "dc0"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
PAUSE_IMAGE = "localhost/devcluster/pause:1"
#: Fixed places that programs write to; a fresh tmpfs inside the namespace keeps the host clean.
HIDDEN = ["/run", "/var/log", "/var/lib"]


def runtime(state: State, gateway_socket: int) -> list[Component]:
    """What needs no API server: the way in from outside, and the container runtime."""
    return [
        Component(
            name="gateway",
            argv=[sys.executable, "-m", "devcluster.gateway", str(gateway_socket), ADDRESS, "6443"],
        ),
        Component(
            name="containerd",
            argv=[program("containerd", "containerd"), f"--config={state.config / 'containerd.toml'}"],
        ),
    ]


def components(state: State) -> list[Component]:
    """What needs the API server, in starting order."""
    config = state.config
    return [
        Component(name="coredns", argv=[program("coredns", "coredns"), f"-conf={config / 'Corefile'}"]),
        Component(
            name="kubelet",
            argv=[
                program("kubernetes", "kubelet"),
                f"--config={config / 'kubelet.yaml'}",
                f"--kubeconfig={state.pki / 'kubelet.kubeconfig'}",
                f"--root-dir={state.root / 'kubelet'}",
                f"--hostname-override={NAME}",
                f"--node-ip={ADDRESS}",
            ],
        ),
        Component(
            name="kube-proxy",
            argv=[program("kubernetes", "kube-proxy"), f"--config={config / 'kube-proxy.yaml'}"],
        ),
    ]


def write_configs(state: State) -> None:
    """Write every configuration file of the node into the cluster's state."""
    network = state.config / "cni"
    network.mkdir(parents=True, exist_ok=True)
    (network / "10-bridge.conflist").write_text(json.dumps(_network(), indent=1))
    (state.config / "containerd.toml").write_text(_containerd(state))
    (state.config / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet(state)))
    (state.config / "kube-proxy.yaml").write_text(yaml.safe_dump(_kube_proxy(state)))
    (state.config / "Corefile").write_text(_corefile(state))
    (state.config / "resolv.conf").write_text("")


def _containerd(state: State) -> str:
    return f"""\
version = 3
root = "{state.root / "containerd"}"
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
conf_dir = "{state.config / "cni"}"
"""


def _network() -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": POD_RANGE}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "devcluster", "plugins": [bridge, portmap]}


def _kubelet(state: State) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
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
        "clusterDNS": [ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(state.config / "resolv.conf"),
        "podLogsDir": str(state.root / "kubelet" / "pod-logs"),
        "volumePluginDir": str(state.root / "kubelet" / "volume-plugins"),
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


def _kube_proxy(state: State) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(state.pki / "kube-proxy.kubeconfig")},
        "mode": "nftables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NAME,
        "conntrack": {"maxPerCore": 0},  # a namespace may not set the host's conntrack limits
        "nftables": {"minSyncPeriod": "0s"},
    }


def _corefile(state: State) -> str:
    return f"""\
.:53 {{
    bind {ADDRESS}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {state.pki / "coredns.kubeconfig"}
        ttl 5
    }}
}}
"""


def network_commands() -> list[list[str]]:
    """Commands that give the namespace its interfaces and routes."""
    return [
        ["ip", "link", "set", "lo", "up"],
        ["ip", "link", "add", BRIDGE, "type", "bridge"],
        ["ip", "address", "add", f"{ADDRESS}/24", "dev", BRIDGE],
        ["ip", "link", "set", BRIDGE, "up"],
        # Without a route to the service range nothing on the node reaches a ClusterIP.
        ["ip", "route", "add", SERVICE_RANGE, "dev", BRIDGE],
        ["sysctl", "-qw", "net.ipv4.ip_forward=1"],
    ]
