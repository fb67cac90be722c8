"""A cluster in which the commands find something: an operator that runs, models that serve and do not."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from paddlemodel_operator import cli
from paddlemodel_operator.base import names

from tests.operator.support.builders import words
from tests.operator.support.cluster import Cluster, eventually, token_kubeconfig
from tests.operator.support.manifests import settled
from tests.operator.support.process import Operator
from tests.operator.support.simulated_pods import Behaviour, SimulatedPod
from tests.repository.helm import charts

Object = dict[str, Any]
DIGEST = "sha256:" + "b" * 64
FETCHED = {"exitCode": 0, "message": words(digest=DIGEST, format="Legacy", bytes=1)}
SERVES: Object = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


class Said(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


def run(*arguments: str, kubeconfig: Path) -> Said:
    """`paddlemodel ...` for a cluster."""
    return run_here(*arguments, "--kubeconfig", str(kubeconfig))


def run_here(*arguments: str) -> Said:
    """`paddlemodel ...` in this process, which has loaded everything already."""
    out, err, code = StringIO(), StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


def own_address() -> str:
    """An address of this machine to which an API server leads: it refuses to lead to loopback."""
    found = [
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family.name == "AF_INET" and not one.address.startswith("127.")
    ]
    if not found:
        lacks = "this machine has no address besides loopback, to which an API server leads nobody"
        raise (pytest.fail if os.environ.get("CI") else pytest.skip).Exception(lacks)
    return found[0]


def listening(behave: Behaviour, port: int) -> SimulatedPod:
    """A pod's server at this machine's address, which another run of these tests may hold for a while."""

    def begun() -> SimulatedPod:
        try:
            return SimulatedPod(behave, own_address(), port)
        except OSError as error:
            raise AssertionError(f"port {port}: {error}") from error

    return eventually(begun, 300)


def container(name: str, state: Mapping[str, Any], *, ready: bool = True) -> Object:
    return {"name": name, "image": "x", "imageID": "x", "restartCount": 0, "ready": ready, "state": state}


def serve(cluster: Cluster, pod: Mapping[str, Any], at: str) -> None:
    """Play the kubelet: the pod has fetched its model, and serves."""
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]
    status = {
        "phase": "Running",
        "podIP": at,
        "podIPs": [{"ip": at}],
        "conditions": conditions,
        "initContainerStatuses": [container(names.FETCH_CONTAINER, {"terminated": FETCHED})],
        "containerStatuses": [container(names.SERVER_CONTAINER, SERVES)],
    }
    cluster.set_pod_status(pod, status)


def lead(cluster: Cluster, namespace: str, service: str, at: str) -> None:
    """Play the controller of EndpointSlices, which names no pod whose node does not exist."""
    metadata = {
        "name": f"{service}-played",
        "namespace": namespace,
        "labels": {names.SERVICE_NAME_LABEL: service, "endpointslice.kubernetes.io/managed-by": "test"},
    }
    cluster.apply(
        {
            "apiVersion": names.ENDPOINT_SLICE.api_version,
            "kind": names.ENDPOINT_SLICE.kind,
            "metadata": metadata,
            "addressType": "IPv4",
            "endpoints": [{"addresses": [at], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": 8080}],
        }
    )


def fail(cluster: Cluster, pod: Mapping[str, Any], reason: str, message: str) -> None:
    """Play the kubelet: the fetcher has said why it cannot."""
    ended = {"exitCode": 1, "message": words(reason=reason, message=message)}
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    fetch = {**container(names.FETCH_CONTAINER, waiting, ready=False), "lastState": {"terminated": ended}}
    conditions = [{"type": "PodScheduled", "status": "True"}]
    cluster.set_pod_status(
        pod, {"phase": "Pending", "conditions": conditions, "initContainerStatuses": [fetch]}
    )


def pod_of(cluster: Cluster, namespace: str, model: str) -> Object:
    """The only pod of a model."""

    def found() -> Object | None:
        pods = cluster.all(names.POD, namespace)
        own = [one for one in pods if one["metadata"]["labels"].get("paddlemodel.dev/model") == model]
        return own[0] if own else None

    result = eventually(found)
    assert result is not None
    return result


def placed(cluster: Cluster, namespace: str, name: str, model: str, node: str) -> None:
    """A pod of a model on a node, fetched and running, that no Deployment has made."""
    spec = {
        "nodeName": node,
        "initContainers": [{"name": names.FETCH_CONTAINER, "image": "registry.invalid/none"}],
        "containers": [{"name": names.SERVER_CONTAINER, "image": "registry.invalid/none"}],
    }
    metadata = {"name": name, "namespace": namespace, "labels": names.pod_labels(model)}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    answer = cluster.http.post(names.POD.collection(namespace), json=pod)
    assert answer.is_success, answer.text
    serve(cluster, answer.json(), "192.0.2.7")


@contextlib.contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """The operator's Deployment beside its process, so that there is one to be found."""
    deployment = charts.one(charts.render(), "Deployment")
    cluster.apply(deployment)

    def pods() -> list[Object]:
        return [
            one
            for one in cluster.all(names.POD, charts.NAMESPACE)
            if one["metadata"]["labels"].get("app.kubernetes.io/name") == names.MANAGED_BY
        ]

    (pod,) = eventually(pods)
    lease = {
        "apiVersion": names.LEASE.api_version,
        "kind": names.LEASE.kind,
        "metadata": {"name": charts.RELEASE, "namespace": charts.NAMESPACE},
        "spec": {"holderIdentity": pod["metadata"]["name"]},
    }
    cluster.apply(lease)
    ready = {"type": "Ready", "status": "True"}
    state = container("operator", SERVES)
    cluster.set_pod_status(pod, {"phase": "Running", "conditions": [ready], "containerStatuses": [state]})
    try:
        yield
    finally:
        kinds = "deployment,lease"
        cluster.kubectl("delete", kinds, charts.RELEASE, "-n", charts.NAMESPACE, "--wait=false")


def serving(cluster: Cluster, operator: Operator, manifest: Mapping[str, Any], at: str) -> None:
    """Apply a model, and play its pod until it is Ready."""
    cluster.apply(manifest)
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    settled(cluster, operator, namespace, name)
    serve(cluster, pod_of(cluster, namespace, name), at)
    lead(cluster, namespace, name, at)
    eventually(lambda: cluster.ready_reason(namespace, name) == "Serving")


def reader(cluster: Cluster, namespace: str, folder: Path, *rules: str) -> Path:
    """The kubeconfig of somebody who may only do what the rules say, each as `verbs resources`."""
    cluster.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    for number, rule in enumerate(rules):
        verbs, resources = rule.split()
        name = f"reader-{number}"
        words_ = (f"--verb={verbs}", f"--resource={resources}", "-n", namespace)
        cluster.kubectl("create", "role", name, *words_)
        subject = f"--serviceaccount={namespace}:reader"
        cluster.kubectl("create", "rolebinding", name, f"--role={name}", subject, "-n", namespace)
    token = cluster.kubectl("create", "token", "reader", "-n", namespace).strip()
    kubeconfig = folder / "reader.kubeconfig"
    token_kubeconfig(cluster, token, kubeconfig)
    return kubeconfig


def program(name: str) -> Path:
    """A program of this environment."""
    return Path(sys.executable).with_name(name)
