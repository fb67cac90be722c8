"""What a service mesh does to pods, by a stock Envoy: all that comes to one passes it, by certificate only.

A stand-in, since no mesh can be had here. A MutatingAdmissionPolicy puts Envoy into each pod with a label, as
a native sidecar, in place of a mesh's webhook. The test leads ports to it inside the pod's own network, as
Istio's CNI plugin does. Nothing renews certificates, and what a pod sends is left alone.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from devcluster import cluster
from devcluster.builders import programs
from devcluster.nodes import pki
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.manifests import NAMESPACE
from tests.neighbours.gateways.traefik import ENVIRONMENT
from tests.operator.support.cluster import eventually

Object = dict[str, Any]

LABEL = "meshed"
PROXY = "mesh-proxy"
_INBOUND = 15006
_CLIENT = """
import http.client, ssl, sys
address, port, path, authority, certificate, key = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
context.check_hostname = False
if certificate:
    context.load_cert_chain(certificate, key)
secure = http.client.HTTPSConnection(address, int(port), timeout=60, context=context)
connection = secure if authority else http.client.HTTPConnection(address, int(port), timeout=60)
try:
    connection.request("GET", path)
    print(connection.getresponse().status)
except (OSError, http.client.HTTPException) as error:
    print("nothing:", type(error).__name__)
"""


class Mesh:
    """One that is installed in the namespace of the models."""

    def __init__(self, state: State, target: Target, folder: Path, image: str) -> None:
        """Install it.

        Args:
            state: the cluster's.
            target: the same, for kubectl.
            folder: for certificates.
            image: what the proxies run in; Envoy itself comes from this machine.
        """
        self._state, self._target = state, target
        self._authority = pki.Authority(folder, "mesh")
        self._proxy = self._authority.sign("proxy", pki.Identity("proxy"))
        self._member = self._authority.sign("member", pki.Identity("member"))
        (envoy,) = ENVIRONMENT.python().parents[1].glob("lib/python*/site-packages/envoy/_bin/envoy")
        text = (Path(__file__).parent / "mesh.yaml").read_text()
        objects = yaml.safe_load_all(text.replace("IMAGE", image).replace("ENVOY", str(envoy)))
        self._objects = [self._secret(), *objects]
        target.apply(*self._objects, namespace=NAMESPACE)
        eventually(lambda: self._injects(image), 120)

    def remove(self) -> None:
        """Pods that have a proxy keep it."""
        for item in self._objects:
            words = (f"{item['kind']}/{item['metadata']['name']}", f"--namespace={NAMESPACE}")
            self._target.kubectl("delete", *words, "--ignore-not-found")

    def lead(self, pod: Object, *ports: int) -> None:
        """Lead what comes to these ports of a pod to its proxy, and nothing else.

        What its node sends is exempt: a mesh rewrites the kubelet's probes.
        """
        network = self._network(pod)
        node = _said([*network, "ip", "-4", "route", "show", "default"]).split()[2]
        rules = [["-F", "PREROUTING"], ["-A", "PREROUTING", "-s", node, "-j", "RETURN"]]
        goal = ["-j", "REDIRECT", "--to-ports", str(_INBOUND)]
        rules += [["-A", "PREROUTING", "-p", "tcp", "--dport", str(port), *goal] for port in ports]
        for rule in rules:
            _said([*network, "iptables", "-w", "-t", "nat", *rule])
        _said([*network, "conntrack", "-F"])

    def asked(self, pod: Object, path: str, how: str) -> str:
        """What a client on the other node gets: a status, or that it gets none.

        Args:
            pod: that it asks, at the port of the clients.
            path: what it asks for.
            how: "as a member" of the mesh, "by TLS" without a certificate, or "in clear".
        """
        authority = "" if how == "in clear" else str(self._authority.certificate)
        files = map(str, self._member) if how == "as a member" else ("", "")
        words = [pod["status"]["podIP"], "8080", path, authority, *files]
        elsewhere = next(one for one in cluster.nodes(self._state) if one.name != pod["spec"]["nodeName"])
        command = cluster.inside(self._state, sys.executable, "-c", _CLIENT, *words, at=elsewhere)
        return _said(command).strip()

    def _network(self, pod: Object) -> list[str]:
        """A command line, up to the command that it runs in the network of a pod."""
        here = next(one for one in cluster.nodes(self._state) if one.name == pod["spec"]["nodeName"])
        container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        listing = [programs.program("containerd", "ctr"), "-n", "k8s.io", "tasks", "ls"]
        listed = _said(cluster.inside(self._state, *listing, at=here))
        (process,) = (line.split()[1] for line in listed.splitlines() if line.startswith(container))
        return cluster.inside(self._state, "nsenter", f"--target={process}", "--net", at=here)

    def _injects(self, image: str) -> bool:
        """Whether the API server has heard of the policy."""
        container = {"name": "some", "image": image}
        spec: Object = {"initContainers": [container], "containers": [container | {"name": "one"}]}
        spec["volumes"] = [{"name": "some", "emptyDir": {}}]
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "some", "labels": {LABEL: "true"}},
        }
        words = ("create", "--dry-run=server", "-f", "-", "-o", "yaml", f"--namespace={NAMESPACE}")
        return PROXY in self._target.kubectl(*words, stdin=yaml.safe_dump(pod | {"spec": spec}))

    def _secret(self) -> Object:
        certificate, key = self._proxy
        files = {"tls.crt": certificate, "tls.key": key, "ca.crt": self._authority.certificate}
        content = {name: path.read_text() for name, path in files.items()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": PROXY}, "stringData": content}


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
