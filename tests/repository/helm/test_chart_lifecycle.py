"""The chart on a real API server: install, models survive its removal, install again, upgrade, remove."""

import os
import subprocess
from pathlib import Path

import pytest

from devcluster.builders import programs
from tests.repository.definition import until_served
from tests.repository.helm.charts import CHART
from tests.repository.sources import ROOT

CRD = "crd/paddlemodels.paddlemodel.dev"
MODEL = """
apiVersion: paddlemodel.dev/v1alpha1
kind: PaddleModel
metadata: {name: kept}
spec: {device: CPU, model: {uri: "file:///models/kept"}}
"""


class Cluster:
    """kubectl and helm against one API server, in a namespace of the test's own."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
        self._namespace = namespace

    def run(self, program: str, *words: str, given: str | None = None) -> str:
        done = subprocess.run(
            [program, *words],
            cwd=ROOT,
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def helm(self, *words: str) -> str:
        return self.run(programs.program("helm", "helm"), *words, "--namespace", self._namespace)

    def kubectl(self, *words: str, given: str | None = None) -> str:
        program = programs.program("kubernetes", "kubectl")
        return self.run(program, "--namespace", self._namespace, *words, given=given)


@pytest.mark.control_plane
def test_models_outlive_the_release(control_plane: Path) -> None:
    programs.build(("helm",))
    cluster = Cluster(control_plane, "chart-lifecycle")
    install = ("paddlemodel-operator", str(CHART), "--create-namespace")

    # Another test of the session may have brought the definition, which is not this release's then.
    cluster.kubectl("delete", CRD, "--ignore-not-found")
    notes = cluster.helm("install", *install)
    assert "kubectl apply -f examples/" in notes
    until_served(control_plane)
    cluster.kubectl("apply", "-f", "-", given=MODEL)

    cluster.helm("uninstall", "paddlemodel-operator")
    assert cluster.kubectl("get", "deployments", "--output=name") == ""
    assert "kept" in cluster.kubectl("get", "pdm", "--output=name")

    cluster.helm("install", *install)
    cluster.helm("upgrade", *install, "--set", "operator.logLevel=DEBUG")
    assert "kept" in cluster.kubectl("get", "pdm", "--output=name")

    # Without a finalizer of ours, a model goes although no operator runs.
    cluster.kubectl("delete", "pdm", "kept", "--timeout=180s")
    cluster.helm("upgrade", *install, "--set", "crds.keep=false")
    cluster.helm("uninstall", "paddlemodel-operator")
    cluster.kubectl("wait", "--for=delete", CRD, "--timeout=180s")

    # As other tests of this folder expect to find it.
    cluster.kubectl("apply", "--server-side", "-f", "crds/paddlemodels.yaml")
    until_served(control_plane)
