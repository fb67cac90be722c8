"""Renders the chart with the real helm, for every test that looks at what it installs."""

import copy
import subprocess
from functools import cache
from typing import Any

import yaml

from devcluster.builders import programs
from tests.repository.sources import ROOT

CHART = ROOT / "helm/paddlemodel-operator"
RELEASE = "paddlemodel-operator"
NAMESPACE = "paddlemodel-system"
ADAPTER = f"{RELEASE}-metrics-adapter"

Object = dict[str, Any]

# Pod Security level restricted, of a pod and of its container; what mounts a key has a group of its own, too.
RESTRICTED: Object = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER: Object = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


class RefusedError(Exception):
    """helm said no; the text is what it said."""


def helm(*words: str) -> str:
    programs.build(("helm",))
    command = [programs.program("helm", "helm"), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RefusedError(done.stderr)
    return done.stdout


def render(*settings: str, namespace: str = NAMESPACE) -> list[Object]:
    """The objects of `helm template`; each setting is `name=value`, as JSON."""
    return copy.deepcopy(_rendered(settings, namespace))


@cache
def _rendered(settings: tuple[str, ...], namespace: str) -> list[Object]:
    """Once for each setting: a hundred tests look at the same few renderings."""
    flags = [word for setting in settings for word in ("--set-json", setting)]
    words = ("template", RELEASE, str(CHART), "--skip-tests", "--namespace", namespace)
    rendered = helm(*words, *flags)
    return [item for item in yaml.load_all(rendered, yaml.CSafeLoader) if item]


def one(objects: list[Object], kind: str, name: str = RELEASE) -> Object:
    """The object of a kind; the name tells those apart that the operator and its adapter both have."""
    found = [item for item in objects if item["kind"] == kind]
    (only,) = found if len(found) == 1 else [item for item in found if item["metadata"]["name"] == name]
    return only


def variables(objects: list[Object], name: str = RELEASE) -> dict[str, str]:
    """The environment that a Deployment gives its only container."""
    (container,) = one(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def identities(objects: list[Object]) -> set[tuple[str, str, str]]:
    """Kind, namespace and name of each."""
    return {
        (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in objects
    }
