"""The definition against a real API server: the same tables as in test_model.py, and the manual inside it."""

from typing import Any

import pytest
from paddlemodel_operator.base import names

from tests.operator.support.builders import URI, body
from tests.operator.support.cluster import Cluster
from tests.operator.support.specs import ACCEPTED, RULES, TYPES, UNKNOWN, Refused

pytestmark = pytest.mark.control_plane


def manifest(spec: Any, name: str = "resnet50") -> dict[str, Any]:
    return {**body(), "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.mark.parametrize("case", [*RULES, *TYPES], ids=lambda case: case.fault)
def test_the_api_server_refuses(cluster: Cluster, case: Refused) -> None:
    assert case.message in cluster.try_create(manifest(case.spec, case.name))


@pytest.mark.parametrize("case", UNKNOWN, ids=lambda case: case.fault)
def test_the_api_server_knows_no(cluster: Cluster, case: Refused) -> None:
    assert f'unknown field "spec.{case.message}"' in cluster.try_create(manifest(case.spec), strict=True)


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED)
def test_the_api_server_accepts(cluster: Cluster, spec: Any) -> None:
    assert cluster.try_create(manifest(spec), strict=True) == ""


def test_a_refusal_names_the_place(cluster: Cluster) -> None:
    """kubectl shows the path of the field beside our sentence."""
    message = cluster.try_create(manifest({"model": {"uri": "ftp://a/b"}}))
    assert "spec.model.uri: Invalid value" in message


def test_the_largest_spec_is_within_the_cost_budget(cluster: Cluster) -> None:
    """Every list and text as long as the schema allows where rules look at them."""
    spec = {
        "model": {
            "uri": "hf://owner/name@main/" + "x" * 1003,
            "digest": "sha256:" + "a" * 64,
            "store": {"endpoint": "https://" + "a" * 504},
            "credentials": {"secretName": "s" * 63},
            "updatePolicy": "Notify",
            "checkMinutes": 1,
            "cache": {"claimName": "c" * 63, "keep": 100},
        },
        "device": "CPU",
        "task": {"imageClassification": {"labels": ["x" * 128] * 1000}},
        "ingress": {"host": ".".join(["a" * 50] * 4), "path": "/" + "a" * 511},
        "pod": {
            "env": [{"name": f"{index:02}".rjust(200, "A"), "value": "x" * 1000} for index in range(32)],
            "labels": {f"label-{index}": "x" * 63 for index in range(32)},
        },
    }
    assert cluster.try_create(manifest(spec), strict=True) == ""


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("pdm", ["A PaddlePaddle model served over HTTP"]),
        (
            "pdm.spec.server",
            ["queueSize", "answered 429. Default: 256", "Bytes of the largest accepted body"],
        ),
        ("pdm.spec.autoscaling", ["Percent of GPU use", "minReplicas", "Default: 1"]),
        ("pdm.spec.device", ["ENUM", "GPU", "CPU"]),
        ("pdm.status.conditions", ["the cause and the cure"]),
    ],
)
def test_kubectl_explain_is_a_manual(cluster: Cluster, topic: str, words: list[str]) -> None:
    text = " ".join(cluster.kubectl("explain", topic).split())
    for word in words:
        assert word in text


def test_the_only_default_that_is_written_is_the_device(cluster: Cluster, namespace: str) -> None:
    """A spec stays as its author wrote it; everything else is a default of the operator."""
    cluster.apply(
        {**body(), "metadata": {"name": "tiny", "namespace": namespace}, "spec": {"model": {"uri": URI}}}
    )
    assert cluster.need(names.MODEL, namespace, "tiny")["spec"] == {"model": {"uri": URI}, "device": "GPU"}
