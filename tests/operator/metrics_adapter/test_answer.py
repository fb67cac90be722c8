"""What the metrics adapter answers: whole documents, quantities, and the form that a client accepts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_api import contract
from paddlemodel_operator.base.quantity import amount
from paddlemodel_operator.metrics_adapter import answer
from paddlemodel_operator.metrics_adapter.answer import DISCOVERY, JSON, Sample
from paddlemodel_operator.metrics_adapter.query import Refused

SAMPLE = Sample(namespace="shop", pod="a", moment=1_763_956_493.9, value=47.5)
DESCRIBED = {"kind": "Pod", "namespace": "shop", "name": "a", "apiVersion": "/v1"}


def test_values_in_both_versions() -> None:
    old, new = (answer.values(version, "m", [SAMPLE]) for version in ("v1beta1", "v1beta2"))
    common = {"describedObject": DESCRIBED, "timestamp": "2025-11-24T03:54:53Z", "value": "47500m"}
    head = {"kind": "MetricValueList", "metadata": {}}
    assert old == {
        **head,
        "apiVersion": "custom.metrics.k8s.io/v1beta1",
        "items": [{**common, "metricName": "m", "selector": None}],
    }
    assert new == {
        **head,
        "apiVersion": "custom.metrics.k8s.io/v1beta2",
        "items": [{**common, "metric": {"name": "m", "selector": None}}],
    }


def test_no_pod_has_it() -> None:
    assert answer.values("v1beta2", "m", [])["items"] == []


def test_a_status() -> None:
    assert answer.status(Refused(404, "NotFound", "there is no metric up")) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "there is no metric up",
        "reason": "NotFound",
        "code": 404,
    }


def test_every_metric_is_discovered() -> None:
    resources = answer.resources("v1beta2")["resources"]
    assert [one["name"] for one in resources] == [f"pods/{metric}" for metric in contract.SCALING_METRICS]
    assert resources[0] == {
        "name": f"pods/{contract.GPU_METRIC}",
        "singularName": "",
        "namespaced": True,
        "kind": "MetricValueList",
        "verbs": ["get"],
    }
    assert answer.group()["preferredVersion"]["version"] == "v1beta2"
    assert answer.groups()["groups"][0]["name"] == "custom.metrics.k8s.io"
    (item,) = answer.discovery()["items"]
    assert [one["version"] for one in item["versions"]] == ["v1beta2", "v1beta1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (50, "50"),
        (47.5, "47500m"),
        (0.25, "250m"),
        (0.0004, "0"),
        (1e9, "1000000000"),
        (99.9996, "100"),
    ],
)
def test_a_quantity(value: float, text: str) -> None:
    assert answer.quantity(value) == text


@given(st.floats(0, 1e9))
def test_a_quantity_is_the_number_to_a_thousandth(value: float) -> None:
    read = amount(answer.quantity(value))
    assert read is not None
    assert abs(float(read) - value) <= 0.0005 + value * 1e-15


AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param("", JSON, id="nothing said"),
        pytest.param("*/*", JSON, id="anything"),
        pytest.param("application/vnd.kubernetes.protobuf, */*", JSON, id="an autoscaler"),
        pytest.param("application/vnd.kubernetes.protobuf,application/json", JSON, id="a client in Go"),
        pytest.param("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", JSON, id="kubectl get"),
        pytest.param(f"{AGGREGATED},application/json", DISCOVERY, id="the API server"),
        pytest.param(f"application/json;q=0.5, {AGGREGATED}", DISCOVERY, id="by weight"),
        pytest.param(f"{AGGREGATED};q=0,*/*", JSON, id="all but"),
        pytest.param("APPLICATION/JSON ; charset=utf-8", JSON, id="capitals and a charset"),
    ],
)
def test_the_form_of_an_answer(accept: str, kind: str) -> None:
    assert answer.media_type(accept, aggregated=True) == kind


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.kubernetes.protobuf",
        "text/html",
        "application/json;q=0",
        "application/json;q=x",
        ",;=",
    ],
)
def test_a_form_that_cannot_be_had(accept: str) -> None:
    with pytest.raises(Refused) as caught:
        answer.media_type(accept, aggregated=True)
    assert caught.value.code == 406


def test_only_discovery_is_aggregated() -> None:
    with pytest.raises(Refused):
        answer.media_type(AGGREGATED, aggregated=False)


def test_a_body_is_json() -> None:
    assert json.loads(answer.body(answer.groups())) == answer.groups()
