"""metrics-server: metrics.k8s.io, the CPU and memory of pods, from the kubelets."""

from collections.abc import Iterator
from contextlib import contextmanager

from devcluster import ports
from devcluster.neighbours.host import Host, at_port, command, delegating, manifests, only, outside

MODULE = "metrics-server"
NAMESPACE = "kube-system"
API_SERVICE = "v1beta1.metrics.k8s.io"
_RIGHTS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "RoleBinding")


@contextmanager
def running(host: Host) -> Iterator[None]:
    """Install it, and uninstall it afterwards."""
    found = manifests(MODULE, "sigs.k8s.io/metrics-server", "manifests/base/*.yaml")
    rights, services = only(found, *_RIGHTS), [outside(item) for item in only(found, "Service")]
    (deployment,), (unregistered,) = only(found, "Deployment"), only(found, "APIService")
    host.apply(*rights, *services)
    (port,) = ports.free(1)
    kubeconfig = str(host.kubeconfig(NAMESPACE, "metrics-server"))
    argv = command(
        MODULE, "metrics-server", deployment,
        cert_dir=str(host.folder / "metrics-server-certificates"), secure_port=str(port),
        bind_address="127.0.0.1",
        # The kubelet's certificate is its own; kind and minikube need the same word.
        kubelet_insecure_tls="true",
        kubeconfig=kubeconfig, **delegating(kubeconfig),
    )  # fmt: skip
    registration = at_port(unregistered, port)
    with host.process("metrics-server", argv):
        host.apply(registration)
        try:
            host.until_available(API_SERVICE)
            yield
        finally:
            host.delete(registration)
    host.delete(*services, *rights)
