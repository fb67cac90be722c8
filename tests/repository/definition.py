"""When the PaddleModel's definition can be used: discovery and storage follow a moment after Established."""

import os
import subprocess
from pathlib import Path

from paddlemodel_operator import names

from devcluster import build
from tests.operator.cluster import eventually


def until_served(kubeconfig: Path) -> None:
    """Wait until kubectl knows the kind, by its short name too, and the API server lists its objects."""
    eventually(lambda: "FIELDS" in _asked(kubeconfig, "explain", "pdm"))
    eventually(lambda: '"items"' in _asked(kubeconfig, "get", "--raw", names.MODEL.collection()))


def _asked(kubeconfig: Path, *words: str) -> str:
    environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
    command = [build.program("kubernetes", "kubectl"), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
