"""A cluster with IPv6 addresses and no others: the chart, our images, a model, its autoscaler.

Nothing is configured for it. Whatever listened on IPv4 alone, or wrote an address without brackets, would be
seen here: probes, Services, the download, the operator's and the adapter's questions to the admin port.
"""

import ipaddress
import json
from typing import Any

import pytest
from paddlemodel_api import contract

from devcluster.demo import model_store
from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.target import SYSTEM_NAMESPACE, Target
from tests.cluster.manifests import NAMESPACE, cpu_model

pytestmark = pytest.mark.node
NAME = "textline-orientation"
HERE = f"--namespace={NAMESPACE}"
METRICS = f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{NAMESPACE}/pods/*/{contract.BUSY_METRIC}"
#: What a pod of another application does; a name has IPv6 addresses only, if any.
ASK = """
import json, socket, sys, urllib.request
host = sys.argv[1]
found = sorted({entry[4][0] for entry in socket.getaddrinfo(host, 80, proto=socket.IPPROTO_TCP)})
with urllib.request.urlopen(f"http://{host}/v2/models/NAME/ready", timeout=180) as answer:
    print(json.dumps({"addresses": found, "status": answer.status}))
""".replace("NAME", NAME)


@pytest.fixture(scope="module")
def served(operator: Target, model_url: str) -> Target:
    """The CPU example, Ready, with an autoscaler on what the pods themselves measure."""
    content = cpu_model(model_url)
    content["spec"].pop("replicas", None)
    content["spec"]["autoscaling"] = {"minReplicas": 1, "maxReplicas": 2, "busyRatio": 70}
    operator.apply(content, namespace=NAMESPACE)
    wait_for(operator, NAME, NAMESPACE, is_ready, "Ready")
    return operator


def addresses(target: Target) -> dict[str, list[str]]:
    pods = target.read("pods", "--all-namespaces")["items"]
    services = target.read("services", "--all-namespaces")["items"]
    slices = target.read("endpointslices", "--all-namespaces")["items"]
    return {
        "pods": [ip["ip"] for pod in pods for ip in pod["status"]["podIPs"]],
        "services": [ip for service in services for ip in service["spec"]["clusterIPs"] if ip != "None"],
        "endpoints": [
            ip for one in slices for endpoint in one["endpoints"] or [] for ip in endpoint["addresses"]
        ],
    }


def test_there_is_no_ipv4_address(served: Target) -> None:
    """Else the other tests would show nothing."""
    for kind, found in addresses(served).items():
        assert found, kind
        assert {ipaddress.ip_address(ip).version for ip in found} == {6}, kind


def test_the_operator_has_read_the_pods_metrics(served: Target) -> None:
    """The digest and the format are told by nobody else."""
    item = wait_for(served, NAME, NAMESPACE, lambda item: "model" in item["status"], "what the pods tell")
    assert item["status"]["model"]["format"] == "Legacy"
    assert item["status"]["model"]["digest"].startswith("sha256:")


def test_a_pod_reaches_the_model_by_the_name_of_its_service(served: Target) -> None:
    host = f"{NAME}.{NAMESPACE}.svc"
    words = ("exec", HERE, f"deployment/{model_store.NAME}", "--", "python3", "-c", ASK, host)
    told: dict[str, Any] = json.loads(served.kubectl(*words))
    assert told["status"] == 200
    assert {ipaddress.ip_address(ip).version for ip in told["addresses"]} == {6}


def test_the_adapter_answers_the_autoscaler(served: Target) -> None:
    """The HorizontalPodAutoscaler, the API server, the adapter, the pod's admin port."""

    def active(item: dict[str, Any]) -> bool:
        return condition(item, "AutoscalingActive").get("status") == "True"

    wait_for(served, NAME, NAMESPACE, active, "AutoscalingActive")
    (item,) = json.loads(served.kubectl("get", "--raw", METRICS))["items"]
    assert item["describedObject"]["name"].startswith(NAME)
    (current,) = served.read("hpa", NAME, HERE)["status"]["currentMetrics"]
    assert current["pods"]["metric"]["name"] == contract.BUSY_METRIC


def test_nothing_was_configured_for_it(served: Target) -> None:
    """No variable of the pods and of our own processes names an address."""
    for namespace in (NAMESPACE, SYSTEM_NAMESPACE):
        for item in served.read("deployments", f"--namespace={namespace}")["items"]:
            for container in item["spec"]["template"]["spec"]["containers"]:
                assert not [one["name"] for one in container.get("env", []) if one["name"].endswith("_BIND")]
