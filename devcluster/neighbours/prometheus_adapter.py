"""prometheus-adapter: custom.metrics.k8s.io out of a Prometheus, by rules.

Its manifests install it for CPU and memory only; the APIService here is the one of its Helm chart.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from devcluster import ports
from devcluster.neighbours.host import (
    Host,
    Object,
    at_port,
    command,
    delegating,
    manifests,
    namespace,
    only,
    outside,
)

MODULE = "prometheus-adapter"
NAMESPACE = "monitoring"
API_SERVICE = "v1beta1.custom.metrics.k8s.io"


@contextmanager
def running(host: Host, prometheus: str, rules: str) -> Iterator[None]:
    """Install it, and uninstall it afterwards, but for its namespace, as helm does.

    Args:
        host: Where.
        prometheus: The URL of the Prometheus that it asks.
        rules: The file config.yaml of the ConfigMap that its Helm chart calls `rules.existing`.
    """
    found = manifests(MODULE, "sigs.k8s.io/prometheus-adapter", "deploy/manifests/*.yaml")
    (port,) = ports.free(1)
    rights = only(found, "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "RoleBinding")
    (service,), (deployment,) = only(found, "Service"), only(found, "Deployment")
    host.apply(namespace(NAMESPACE), *rights, outside(service))
    kubeconfig = str(host.kubeconfig(NAMESPACE, "prometheus-adapter"))
    config = host.folder / "config.yaml"
    config.write_text(rules)
    argv = command(
        MODULE, "adapter", deployment,
        config=str(config), prometheus_url=prometheus, cert_dir=str(host.folder / "adapter-certificates"),
        bind_address="127.0.0.1", secure_port=str(port), metrics_relist_interval="5s",
        lister_kubeconfig=kubeconfig, **delegating(kubeconfig),
    )  # fmt: skip
    registration = at_port(_api_service(service), port)
    with host.process("prometheus-adapter", argv):
        host.apply(registration)
        try:
            host.until_available(API_SERVICE)
            yield
        finally:
            host.delete(registration)
    host.delete(outside(service), *rights)


def _api_service(service: Object) -> Object:
    group, version = API_SERVICE.partition(".")[2], API_SERVICE.partition(".")[0]
    spec = {
        "group": group,
        "version": version,
        "service": {"namespace": NAMESPACE, "name": service["metadata"]["name"]},
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    kind = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"}
    return {**kind, "metadata": {"name": API_SERVICE}, "spec": spec}
