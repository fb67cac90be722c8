"""A real control plane in the hands of a test: kubectl for what a person does, HTTP for the rest.

The fixture `cluster` in conftest.py makes it from the session's control plane.
"""

import base64
import json
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from paddlemodel_operator.base import names

from devcluster.builders import programs

Object = dict[str, Any]

CHILDREN = names.CHILD_KINDS
# What somebody works for, of the operator or of Kubernetes. Without it a namespace costs nothing any more.
BUSY = (names.MODEL, *CHILDREN, *names.OPTIONAL_KINDS, names.POD)
T = TypeVar("T")
WRITES = ("create", "update", "patch", "delete", "deletecollection")


class Cluster:
    """One API server, as its administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server: str = cluster["server"]
        self.authority: str = cluster["certificate-authority-data"]
        context = ssl.create_default_context(cadata=base64.b64decode(self.authority).decode())
        with tempfile.NamedTemporaryFile() as pair:
            for part in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[part]))
            pair.flush()
            context.load_cert_chain(pair.name)
        self.http = httpx.Client(base_url=self.server, verify=context, timeout=180)
        self._resources: dict[tuple[str, str], Object] = {}

    @property
    def cache(self) -> Path:
        """Where `kubectl` keeps what it has discovered."""
        return self.kubeconfig.parent / "kubectl-cache"

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        """What a person would type; returns what it prints."""
        program = programs.program("kubernetes", "kubectl")
        command = [program, f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.cache}", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """As `kubectl apply --server-side --force-conflicts`, by a person; the program takes 0.1 s of CPU."""
        query = {"fieldManager": "kubectl", "force": "true", "fieldValidation": "Strict"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        for one in objects:
            answer = self.http.patch(self._path(one), params=query, content=json.dumps(one), headers=headers)
            assert answer.is_success, answer.text

    def _path(self, one: Mapping[str, Any]) -> str:
        """The URL path of an object, by what the API server says of its kind."""
        version, kind, metadata = one["apiVersion"], one["kind"], one["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._resources:
            listed = self.http.get(root).raise_for_status().json()["resources"]
            self._resources |= {(version, each["kind"]): each for each in listed if "/" not in each["name"]}
        resource = self._resources[version, kind]
        home = f"/namespaces/{metadata.get('namespace', 'default')}" if resource["namespaced"] else ""
        return f"{root}{home}/{resource['name']}/{metadata['name']}"

    @contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """A namespace, emptied afterwards: to delete one costs Kubernetes a quarter of a second of CPU."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield name
        for kind in BUSY:
            answer = self.http.delete(kind.collection(name), params={"gracePeriodSeconds": 0})
            assert answer.is_success or answer.status_code == 404, answer.text  # some clusters lack a kind

    def get(self, kind: names.Kind, namespace: str, name: str) -> Object | None:
        answer = self.http.get(kind.item(namespace, name))
        if answer.status_code == 404:
            return None
        found: Object = answer.raise_for_status().json()
        return found

    def need(self, kind: names.Kind, namespace: str, name: str) -> Object:
        found = self.get(kind, namespace, name)
        assert found is not None, f"no {kind.kind} {namespace}/{name}"
        return found

    def all(self, kind: names.Kind, namespace: str) -> list[Object]:
        items: list[Object] = self.http.get(kind.collection(namespace)).raise_for_status().json()["items"]
        return items

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """A merge patch by somebody else."""
        headers = {"Content-Type": "application/merge-patch+json"}
        self.http.patch(path, content=json.dumps(body), headers=headers).raise_for_status()

    def try_create(self, body: Mapping[str, Any], *, strict: bool = False) -> str:
        """What the API server says to a spec, without keeping it; empty when it accepts."""
        query = {"dryRun": "All", "fieldValidation": "Strict" if strict else "Warn"}
        path = names.MODEL.collection(body["metadata"]["namespace"])
        answer = self.http.post(
            path, params=query, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        return "" if answer.is_success else str(answer.json()["message"])

    def conditions(self, namespace: str, name: str) -> dict[str, Object]:
        body = self.need(names.MODEL, namespace, name)
        return {one["type"]: one for one in body.get("status", {}).get("conditions", ())}

    def ready_reason(self, namespace: str, name: str) -> str:
        return str(self.conditions(namespace, name).get("Ready", {}).get("reason"))

    def set_pod_status(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Play the kubelet: there is none here, and its reports are ordinary writes to the API."""
        metadata = pod["metadata"]
        self.patch(f"{names.POD.item(metadata['namespace'], metadata['name'])}/status", {"status": status})

    @property
    def audit_log(self) -> Path:
        return self.kubeconfig.parent / "logs" / "audit.log"

    def entries(self, since: int) -> Iterator[Object]:
        """What the audit log says after a position in it."""
        with self.audit_log.open("rb") as log:
            log.seek(since)
            for line in log:
                if line.startswith(b"{") and line.endswith(b"}\n"):
                    yield json.loads(line)

    def writes(self, user: str, namespace: str, since: int) -> list[str]:
        """The write requests of one user in one namespace after a position in the audit log."""
        return [
            f"{entry['verb']} {entry['requestURI']}"
            for entry in self.entries(since)
            if (entry["user"]["username"], entry["objectRef"].get("namespace")) == (user, namespace)
            and entry["verb"] in WRITES
        ]

    def mark(self) -> int:
        """The present end of the audit log."""
        return self.audit_log.stat().st_size


def eventually(check: Callable[[], T], seconds: float = 180) -> T:
    """Repeat a check until it holds: no assertion fails, no field is missing and the answer is not empty."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = check()
            assert answer, f"still {answer!r}"
        except (AssertionError, LookupError, httpx.HTTPError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return answer


def token_kubeconfig(cluster: Cluster, token: str, target: Path, server: str = "") -> None:
    """A kubeconfig for whoever holds a token; for a proxy's address, where one is given."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "c",
                "cluster": {
                    "server": server or cluster.server,
                    "certificate-authority-data": cluster.authority,
                },
            }
        ],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config))


def environment(**fields: str) -> dict[str, str]:
    """Of a child process, without what the person who runs the tests has set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "PADDLEMODEL"))}
    return {**kept, **fields}
