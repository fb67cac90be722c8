"""The metrics adapter as the chart installs it, asked all the while its certificate and its pods change.

And `helm test`, which asks operator and adapter.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from devcluster.demo.paddlemodels import reader
from devcluster.errors import DevclusterError
from devcluster.target import RELEASE, SYSTEM_NAMESPACE, Target

pytestmark = pytest.mark.node

ADAPTER = f"{RELEASE}-metrics-adapter"
HERE = f"--namespace={SYSTEM_NAMESPACE}"
API = "/apis/custom.metrics.k8s.io/v1beta2"


def until(
    seen: Callable[[], bool], what: str, meanwhile: Callable[[], object] = lambda: time.sleep(0.5)
) -> None:
    """The kubelet tells its pods of a changed Secret within about a minute and a half."""
    deadline = time.monotonic() + 240
    while not seen():
        assert time.monotonic() < deadline, f"waited 240 s for {what}"
        meanwhile()


def is_available(target: Target) -> bool:
    path = "{.status.conditions[?(@.type=='Available')].status}"
    words = ("get", "apiservice", names.METRICS_API_SERVICE, f"--output=jsonpath={path}")
    return target.kubectl(*words, check=False) == "True"


@pytest.fixture(scope="module")
def registered(operator: Target) -> Target:
    until(lambda: is_available(operator), "the registration")
    return operator


class Asking:
    """A client that asks for the API of the pods' metrics, again and again."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read
        self.answers = 0
        self.failures: list[str] = []

    def __call__(self) -> None:
        """Ask for about a second."""
        for _ in range(10):
            try:
                answer = self._read()
            except DevclusterError as error:
                self.failures.append(str(error))
            else:
                self.answers += answer["groupVersion"] == "custom.metrics.k8s.io/v1beta2"
            time.sleep(0.1)


@pytest.fixture
def asking(registered: Target) -> Iterator[Asking]:
    with reader(registered, API) as read:
        yield Asking(read)


def test_autoscalers_are_answered_after_the_installation_alone(registered: Target) -> None:
    answer = registered.kubectl("get", "--raw", f"{API}/namespaces/default/pods/*/{contract.GPU_METRIC}")
    assert json.loads(answer)["items"] == []
    (owner,) = registered.read("apiservice", names.METRICS_API_SERVICE)["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("ClusterRole", ADAPTER)


def test_helm_test_asks_operator_and_adapter(registered: Target) -> None:
    before = registered.kubectl("get", "pods,services", HERE, "-o", "name")
    said = registered.helm("test", RELEASE, HERE)
    assert said.count("Succeeded") == 2
    assert registered.kubectl("get", "pods,services", HERE, "-o", "name") == before


def test_helm_test_fails_without_an_operator_and_its_pod_says_why(registered: Target) -> None:
    registered.kubectl("scale", f"deployment/{RELEASE}", HERE, "--replicas=0")
    registered.kubectl("rollout", "status", f"deployment/{RELEASE}", HERE)
    try:
        with pytest.raises(DevclusterError, match=f"{RELEASE}-test failed"):
            registered.helm("test", RELEASE, HERE)
        said = registered.kubectl("logs", f"{RELEASE}-test", HERE)
        assert f"http://{RELEASE}-test.{SYSTEM_NAMESPACE}.svc/readyz is not ready: " in said
    finally:
        registered.kubectl("scale", f"deployment/{RELEASE}", HERE, "--replicas=1")
        registered.kubectl("rollout", "status", f"deployment/{RELEASE}", HERE)
    registered.helm("test", RELEASE, HERE)


def test_a_new_certificate_costs_no_answer(registered: Target, asking: Asking) -> None:
    """The API server trusts both authorities for as long as the two pods change, at different moments."""

    def loads() -> Counter[str]:
        selector = "--selector=app.kubernetes.io/name=paddlemodel-metrics-adapter"
        logs = registered.kubectl("logs", HERE, selector, "--prefix", "--tail=-1", check=False)
        return Counter(line.split("]")[0] for line in logs.splitlines() if "Using the key pair" in line)

    # One pod may have been available before the other had begun.
    until(lambda: len(loads()) == 2, "both pods to show a certificate")
    before = loads()

    def has_changed() -> bool:
        now = loads()
        return all(now[pod] > count for pod, count in before.items())

    registered.kubectl("patch", "secret", ADAPTER, HERE, "--type=merge", '--patch={"data": null}')
    until(has_changed, "both pods to show the new certificate", asking)
    answered = asking.answers
    until(lambda: asking.answers > answered + 10, "answers of the new pods, too", asking)
    assert asking.failures == []


def test_new_pods_cost_no_answer(registered: Target, asking: Asking) -> None:
    registered.kubectl("rollout", "restart", f"deployment/{ADAPTER}", HERE)

    def is_over() -> bool:
        status = registered.read("deployment", ADAPTER, HERE)["status"]
        counts = [status.get(f"{which}Replicas", 0) for which in ("updated", "ready", "available")]
        return counts == [2, 2, 2] and status["replicas"] == 2

    def has_begun() -> bool:
        live = registered.read("deployment", ADAPTER, HERE)
        return bool(live["status"]["observedGeneration"] == live["metadata"]["generation"])

    until(has_begun, "the update to begin", asking)
    until(is_over, "two new pods", asking)
    # Those that were told to end have answered until the Service forgot them.
    until(lambda: len(registered.read("pods", HERE)["items"]) == 3, "the old pods to end", asking)
    answered = asking.answers
    until(lambda: asking.answers > answered + 10, "answers of the new pods, too", asking)
    assert asking.failures == []
