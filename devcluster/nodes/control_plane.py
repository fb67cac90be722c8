"""The control plane's components: etcd, API server, controller manager, and the scheduler of a node.

Pure: takes addresses and paths, returns command lines.
"""

from dataclasses import dataclass

from devcluster.builders.programs import program
from devcluster.nodes.addresses import IPV4, Addresses, in_url
from devcluster.nodes.plan import Component
from devcluster.paths import State

#: Writes only, without bodies: enough to count who wrote what.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: None
"""


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where the control plane listens: `address` is the API server's, etcd stays on 127.0.0.1."""

    address: str
    addresses: Addresses = IPV4
    api: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int

    @property
    def server(self) -> str:
        """The API server's URL, as its own components reach it."""
        return f"https://{in_url(self.address)}:{self.api}"


def etcd(state: State, ends: Endpoints) -> Component:
    """A single member without fsync: its data lives no longer than the cluster."""
    client, peer = f"http://127.0.0.1:{ends.etcd}", f"http://127.0.0.1:{ends.etcd_peer}"
    argv = [
        program("kubernetes", "etcd"),
        f"--data-dir={state.root / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--log-level=warn",
    ]
    return Component(name="etcd", argv=argv, ready=f"{client}/health")


def api_server(state: State, ends: Endpoints, module: str = "kubernetes") -> Component:
    """The API server of a Go module, with RBAC, the aggregation layer and an audit log of writes."""
    pki = state.pki
    argv = [
        program(module, "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{ends.etcd}",
        f"--bind-address={ends.address}",
        f"--advertise-address={ends.address}",
        f"--secure-port={ends.api}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--service-cluster-ip-range={ends.addresses.services}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-account.pub'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        f"--kubelet-client-certificate={pki / 'admin.crt'}",
        f"--kubelet-client-key={pki / 'admin.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={state.config / 'audit-policy.yaml'}",
        f"--audit-log-path={state.logs / 'audit.log'}",
    ]
    if ends.address == "127.0.0.1":  # loopback may not stand in the EndpointSlice of `kubernetes`
        argv.append("--endpoint-reconciler-type=none")
    return Component(name="kube-apiserver", argv=argv, ready=f"{ends.server}/readyz")


def controller_manager(state: State, ends: Endpoints) -> Component:
    """Every controller, each under its own service account; HPAs synchronise every 5 s."""
    kubeconfig = state.pki / "controller-manager.kubeconfig"
    argv = [
        program("kubernetes", "kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ends.controller_manager}",
        f"--root-ca-file={state.pki / 'ca.crt'}",
        f"--service-account-private-key-file={state.pki / 'service-account.key'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--horizontal-pod-autoscaler-sync-period=5s",
        # The defaults, 20 and 30 a second, spare large clusters; here they only make the start wait.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
    return Component(name="kube-controller-manager", argv=argv)


def scheduler(state: State, ends: Endpoints) -> Component:
    """kube-scheduler with its default profile, for clusters with a node."""
    kubeconfig = state.pki / "scheduler.kubeconfig"
    argv = [
        program("kubernetes", "kube-scheduler"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ends.scheduler}",
        "--leader-elect=false",
    ]
    return Component(name="kube-scheduler", argv=argv)
