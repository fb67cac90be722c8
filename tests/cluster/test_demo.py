"""The demo on a cluster that the reader names: shows the main job, removes what it made, disturbs nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from devcluster.errors import DevclusterError
from devcluster.paths import REPOSITORY, State
from devcluster.target import Target, named_by_reader

REGISTRY = "docker.io/paddlemodel"  # the node has our images under these names


def demo(kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    words = ["demo", f"--kubeconfig={kubeconfig}", f"--images={REGISTRY}"]
    return subprocess.run(
        [sys.executable, "-m", "devcluster", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.node
def test_it_serves_reads_scales_and_leaves_nothing(bare: State) -> None:
    target = Target(kubeconfig=bare.kubeconfig)
    before = target.kubectl("get", "namespaces,crd,clusterroles,clusterrolebindings", "-o", "name")
    done = demo(bare.kubeconfig)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 lines" in done.stdout
    assert "        Invoice 2026-117\n        Three models, served for one month\n" in done.stdout
    assert "no autoscaling on GPUs here" in done.stdout
    assert done.stdout.count("pod/page-reader-") == 1
    assert done.stdout.count("    page-reader-") == 2, "two pods after the scale-up"
    refused, ended = (line for line in done.stdout.splitlines() if line.startswith("    CanaryAborted: "))
    assert "aborted (VerificationFailed). 1 of 1 recorded requests is answered differently" in refused
    assert "aborted (Disagreement)" in ended
    assert "requests were answered meanwhile, all as before, 0 lost" in done.stdout
    assert target.kubectl("get", "namespaces,crd,clusterroles,clusterrolebindings", "-o", "name") == before


@pytest.mark.node
def test_it_does_not_touch_a_cluster_that_has_an_operator(bare: State) -> None:
    target = Target(kubeconfig=bare.kubeconfig)
    target.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds" / "paddlemodels.yaml"))
    try:
        done = demo(bare.kubeconfig)
        assert done.returncode == 1
        assert "has a PaddleModel operator already" in done.stderr
        assert target.kubectl("get", "namespace", "paddlemodel-demo", "--ignore-not-found") == ""
    finally:
        target.kubectl("delete", "crd", "paddlemodels.paddlemodel.dev")


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
