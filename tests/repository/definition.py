"""When the PaddleModel's definition can be used: discovery and storage follow a moment after Established."""

import os
import subprocess
from pathlib import Path

from paddlemodel_operator.base import names

from devcluster.builders import programs
from tests.operator.support.cluster import eventually


def until_served(kubeconfig: Path, cache: Path | None = None) -> None:
    """Wait until kubectl knows the kind, by its short name too, and the API server lists its objects.

    Args:
        kubeconfig: of the API server.
        cache: where the caller's kubectl keeps what it has discovered, if that is not the usual folder:
            explain believes a cache that is older than the definition.
    """
    eventually(lambda: "FIELDS" in _asked(kubeconfig, cache, "explain", "pdm"))
    eventually(lambda: '"items"' in _asked(kubeconfig, cache, "get", "--raw", names.MODEL.collection()))


def _asked(kubeconfig: Path, cache: Path | None, *words: str) -> str:
    environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
    folder = [f"--cache-dir={cache}"] if cache else []
    command = [programs.program("kubernetes", "kubectl"), *folder, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
