"""kube-router's firewall: it makes NetworkPolicies hold between the pods of the nodes' plain bridge.

It runs beside each node's kubelet, as its DaemonSet would. What else kube-router can do, routes and Services,
is done here by others.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from devcluster import cluster
from devcluster.builders import debian
from devcluster.builders.programs import build, program
from devcluster.neighbours.host import Host, manifests, only
from devcluster.nodes.node import Node

MODULE = "kube-router"
NAMESPACE = "kube-system"
_FLAGS = ("--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--health-port=0")


@contextmanager
def running(host: Host) -> Iterator[None]:
    """Install it on every node, and uninstall it afterwards, with all its rules."""
    debian.install_missing({"ipset": "ipset"})
    build((MODULE,))
    found = manifests(
        MODULE, "github.com/cloudnativelabs/kube-router/v2", "daemonset/kubeadm-kuberouter.yaml"
    )
    rights = only(found, "ServiceAccount", "ClusterRole", "ClusterRoleBinding")
    host.apply(*rights)
    kubeconfig = host.kubeconfig(NAMESPACE, "kube-router")
    with ExitStack() as stack:
        for node in cluster.nodes(host.state):
            stack.callback(_remove_rules, host, node)
            argv = [program(MODULE, "kube-router"), *_FLAGS]
            argv += [f"--kubeconfig={kubeconfig}", f"--hostname-override={node.name}"]
            argv.append(f"--service-cluster-ip-range={node.addresses.services}")
            stack.enter_context(host.process(node.named("kube-router"), argv, at=node))
        yield
    host.delete(*rights)


def _remove_rules(host: Host, node: Node) -> None:
    """As `kube-router --cleanup-config` should, which ends with a panic where there is no IPVS."""
    script = (
        "iptables-save -t filter | grep -vE 'KUBE-(ROUTER|POD-FW|NWPLCY)' | iptables-restore"
        " && ipset list -name | grep -E '^KUBE-' | xargs -rn 1 ipset destroy"
    )
    subprocess.run(cluster.inside(host.state, "sh", "-c", script, at=node), check=True)
