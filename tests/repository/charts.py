"""Renders the chart with the real helm, for every test that looks at what it installs."""

import subprocess
from typing import Any

import yaml

from devcluster import build
from tests.repository.sources import ROOT

CHART = ROOT / "helm/paddlemodel-operator"
NAMESPACE = "paddlemodel-system"

Object = dict[str, Any]


class RefusedError(Exception):
    """helm said no; the text is what it said."""


def helm(*words: str) -> str:
    build.build(("helm",))
    command = [build.program("helm", "helm"), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RefusedError(done.stderr)
    return done.stdout


def render(*settings: str) -> list[Object]:
    """The objects of `helm template`; each setting is `name=value`, as JSON."""
    flags = [word for setting in settings for word in ("--set-json", setting)]
    rendered = helm("template", "paddlemodel-operator", str(CHART), "--namespace", NAMESPACE, *flags)
    return [item for item in yaml.safe_load_all(rendered) if item]


def one(objects: list[Object], kind: str) -> Object:
    (found,) = (item for item in objects if item["kind"] == kind)
    return found
