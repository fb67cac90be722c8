"""A cluster that the reader names for the demo: how our images get there, or what is said instead."""

from pathlib import Path

import pytest
import yaml

from devcluster.errors import DevclusterError
from devcluster.target import named_by_reader


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A kubeconfig of a kind cluster, and the log of simulated docker and kind programs."""
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    for name in ("docker", "kind"):
        script = programs / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return context(tmp_path, "kind-mine"), log


def context(folder: Path, name: str) -> Path:
    kubeconfig = folder / "kubeconfig"
    content = {"apiVersion": "v1", "kind": "Config", "current-context": name}
    kubeconfig.write_text(
        yaml.safe_dump(content | {"contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}}]})
    )
    return kubeconfig


def test_into_a_kind_cluster_the_images_are_built_and_loaded(kind: tuple[Path, Path]) -> None:
    kubeconfig, log = kind
    assert named_by_reader(kubeconfig, "").values == ()
    assert log.read_text().splitlines() == [
        "docker build --file Dockerfile.operator --tag paddlemodel/operator:0.1.0 .",
        "kind load docker-image paddlemodel/operator:0.1.0 --name mine",
        "docker build --file Dockerfile.serving --tag paddlemodel/server:0.1.0-cpu .",
        "kind load docker-image paddlemodel/server:0.1.0-cpu --name mine",
    ]


def test_another_cluster_needs_the_registry_and_says_how(tmp_path: Path) -> None:
    with pytest.raises(DevclusterError, match=r"'far-away' is not a kind cluster.*IMAGES="):
        named_by_reader(context(tmp_path, "far-away"), "")
