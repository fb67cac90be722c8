"""The demo on a cluster that the reader names: shows the main job, removes what it made, disturbs nothing.

It wants a cluster without an operator, so it plays on the node of this folder, beside the tests of the other.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from devcluster.paths import REPOSITORY, State
from devcluster.target import Target

pytestmark = pytest.mark.node
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
