"""Every example is accepted by a real API server with the generated definition; the node tests apply them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_operator.base import model

from devcluster.builders import programs
from tests.repository.definition import until_served
from tests.repository.sources import ROOT, examples, shown, text

EXAMPLES = examples()


def kubectl(kubeconfig: Path, *words: str) -> str:
    command = [programs.program("kubernetes", "kubectl"), "--kubeconfig", str(kubeconfig), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.control_plane
def test_the_api_server_accepts_every_example(control_plane: Path) -> None:
    kubectl(control_plane, "apply", "--server-side", "-f", "crds/paddlemodels.yaml")
    until_served(control_plane)
    for example in EXAMPLES:
        # Strict: a field that the definition does not know is an error, not a warning.
        kubectl(control_plane, "apply", "--dry-run=server", "--validate=strict", "-f", shown(example))


@pytest.mark.parametrize("example", EXAMPLES, ids=shown)
def test_the_operator_understands_every_example(example: Path) -> None:
    for manifest in manifests(example):
        metadata = {**manifest["metadata"], "namespace": "default", "uid": "1"}
        assert model.from_body({**manifest, "metadata": metadata}).name == manifest["metadata"]["name"]


@pytest.mark.parametrize("example", EXAMPLES, ids=shown)
def test_an_example_teaches(example: Path) -> None:
    """It says how to apply itself, and comments at least a third of its lines."""
    content = text(example)
    assert f"kubectl apply -f {shown(example)}" in content
    comments = [line for line in content.splitlines() if line.lstrip().startswith("#")]
    assert len(comments) * 3 >= len(content.splitlines())


def manifests(example: Path) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(text(example)) if item["kind"] == "PaddleModel"]
