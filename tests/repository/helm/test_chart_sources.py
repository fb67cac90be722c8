"""The chart on a real API server: from one source of metrics to another, beside others, and away again."""

import asyncio
import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.registration.ownership import State
from paddlemodel_operator.registration.registrar import Registrar
from paddlemodel_operator.settings import Settings

from devcluster.builders import programs
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.registration import connected, foreign_registration, settle
from tests.repository.helm.charts import ADAPTER, CHART, NAMESPACE, RELEASE

pytestmark = pytest.mark.control_plane

# What comes and goes by itself, in any cluster.
FLEETING = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"}


class Releases:
    """helm on a control plane."""

    def __init__(self, kubeconfig: Path) -> None:
        self.cluster = Cluster(kubeconfig)

    def helm(self, *words: str) -> str:
        flags = [f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={NAMESPACE}"]
        command = [programs.program("helm", "helm"), *words, *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else done.stderr

    def install(self, *values: str) -> str:
        """Or upgrade; what helm says."""
        flags = [flag for value in values for flag in ("--set", value)]
        words = ("upgrade", "--install", RELEASE, str(CHART), "--create-namespace", "--reset-values", *flags)
        return self.helm(*words)

    def everything(self) -> set[str]:
        """Every object of every kind, by kind, namespace and name."""
        # kubectl adds a complaint while our own API is registered and nobody answers.
        lines = self.cluster.kubectl("api-resources", "--verbs=list", "--output=name", check=False)
        kinds = {line for line in lines.splitlines() if " " not in line}
        wanted = ",".join(sorted(kinds - FLEETING))
        output = self.cluster.kubectl("get", wanted, "--all-namespaces", "--output=json", check=False)
        listed, _ = json.JSONDecoder().raw_decode(output)
        return {
            "/".join((item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]))
            for item in listed["items"]
        }

    def play_kubelet(self) -> None:
        """One pod of the adapter reports that it is ready."""
        selector = "app.kubernetes.io/name=paddlemodel-metrics-adapter"

        def pods() -> list[Any]:
            words = ("get", "pods", f"--namespace={NAMESPACE}", f"--selector={selector}", "--output=json")
            found: list[Any] = json.loads(self.cluster.kubectl(*words))["items"]
            return found

        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        self.cluster.set_pod_status(eventually(pods)[0], ready)
        eventually(lambda: "availableReplicas" in self._adapter()["status"])

    def _adapter(self) -> dict[str, Any]:
        return self.cluster.need(names.DEPLOYMENT, NAMESPACE, ADAPTER)

    def operate(self, folder: Path) -> State:
        """What the operator of this release would do now."""

        async def rounds() -> State:
            async with connected(self.cluster, folder) as api:
                settings = Settings(namespace=NAMESPACE, adapter=ADAPTER)
                return (await settle(Registrar(api, settings, on_change=lambda: None))).state

        return asyncio.run(rounds())

    def is_registered(self) -> bool:
        path = names.API_SERVICE.item(None, names.METRICS_API_SERVICE)
        return self.cluster.http.get(path).status_code == 200


@pytest.fixture
def releases(control_plane: Path) -> Iterator[Releases]:
    programs.build(("helm",))
    result = Releases(control_plane)
    # Another test of the session may have brought it, which is not this release's then.
    result.cluster.kubectl("delete", "crd", contract.CRD_NAME, "--ignore-not-found")
    result.cluster.kubectl("create", "namespace", NAMESPACE, check=False)
    yield result
    result.helm("uninstall", RELEASE)
    result.cluster.kubectl("delete", "apiservice", "v1beta1.custom.metrics.k8s.io", "--ignore-not-found")
    result.cluster.http.close()


def test_uninstall_leaves_nothing_but_the_definition(releases: Releases, tmp_path: Path) -> None:
    before = releases.everything()
    assert "deployed" in releases.install()
    releases.play_kubelet()
    releases.operate(tmp_path)
    assert releases.is_registered()
    assert len(releases.everything() - before) > 20
    releases.helm("uninstall", RELEASE)
    eventually(lambda: not releases.is_registered())
    left = {
        f"CustomResourceDefinition//{contract.CRD_NAME}",
        f"APIService//{contract.VERSION}.{contract.GROUP}",
    }

    def is_clean() -> bool:
        # What the controllers make for what is gone, such as EndpointSlices and pods, goes a moment later.
        assert releases.everything() - before == left
        return True

    eventually(is_clean)


def test_an_upgrade_leads_from_one_source_to_another_and_back(releases: Releases, tmp_path: Path) -> None:
    assert "deployed" in releases.install()
    releases.play_kubelet()
    releases.operate(tmp_path)
    filled = releases.cluster.need(names.SECRET, NAMESPACE, ADAPTER)["data"]

    assert "deployed" in releases.install("operator.logLevel=DEBUG"), "our own registration is not foreign"
    assert releases.cluster.need(names.SECRET, NAMESPACE, ADAPTER)["data"] == filled
    assert base64.b64decode(filled["tls.key"]).startswith(b"-----BEGIN")

    for source in ("prometheusAdapter", "keda", "none"):
        assert "deployed" in releases.install(f"autoscaling.metricsSource={source}")
        eventually(lambda: not releases.is_registered())
        assert [one for one in releases.everything() if "metrics-adapter" in one and "/Pod" not in one] == []
        rules = [one for one in releases.everything() if "prometheus-adapter" in one]
        assert len(rules) == (source == "prometheusAdapter")

        assert "deployed" in releases.install()
        releases.play_kubelet()
        releases.operate(tmp_path)
        assert releases.is_registered()
        assert releases.cluster.need(names.SECRET, NAMESPACE, ADAPTER)["data"] != filled


def test_helm_refuses_where_somebody_else_serves_the_metrics(releases: Releases, tmp_path: Path) -> None:
    releases.cluster.apply(foreign_registration("v1beta1"))
    said = releases.install()
    assert "APIService v1beta1.custom.metrics.k8s.io belongs to the Service default/theirs" in said
    assert "--set autoscaling.metricsSource=prometheusAdapter (or keda, or none)" in said
    assert "--set autoscaling.builtin.existingAdapterPolicy=standDown" in said
    assert releases.cluster.get(names.DEPLOYMENT, NAMESPACE, RELEASE) is None, "nothing is half installed"

    assert "deployed" in releases.install("autoscaling.metricsSource=none")
    assert "belongs to the Service default/theirs" in releases.install(), "an upgrade is refused as well"

    assert "deployed" in releases.install("autoscaling.builtin.existingAdapterPolicy=standDown")
    releases.play_kubelet()
    assert releases.operate(tmp_path) == State.FOREIGN
    assert not releases.is_registered()
    releases.cluster.kubectl("delete", "apiservice", "v1beta1.custom.metrics.k8s.io")
    releases.operate(tmp_path)
    assert releases.is_registered()
