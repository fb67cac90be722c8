"""KEDA's ScaledObject as it is rendered, asking the pods or a Prometheus; and what it cannot express."""

from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.settings import Settings

from tests.operator.support.builders import SETTINGS, rendered
from tests.operator.support.expected import CLIENTS_PORT, METADATA

KEDA = {"metricsSource": "keda"}


def scaled_object(settings: Settings = SETTINGS, **fields: Any) -> Any:
    return rendered(names.SCALED_OBJECT, settings, **fields)


def with_settings(**fields: Any) -> Settings:
    return SETTINGS.model_copy(update=fields)


def test_the_whole_object() -> None:
    scaling = {"minReplicas": 2, "maxReplicas": 6, "gpuUtilization": 60, **KEDA}
    behavior = rendered(names.AUTOSCALER, autoscaling={"maxReplicas": 6})
    assert behavior is not None
    assert scaled_object(device="GPU", autoscaling=scaling) == {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": METADATA,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "resnet50"},
            "minReplicaCount": 2,
            "maxReplicaCount": 6,
            "pollingInterval": 15,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior["spec"]["behavior"]}},
            "triggers": [
                {
                    "type": "metrics-api",
                    "metricType": "Value",
                    "metadata": {
                        "url": "http://resnet50.ml.svc:8081/metrics",
                        "format": "prometheus",
                        "valueLocation": "paddle_gpu_utilization",
                        "aggregateFromKubeServiceEndpoints": "true",
                        "aggregationType": "average",
                        "targetValue": "60",
                    },
                }
            ],
        },
    }


def test_the_port_is_the_pods_whatever_the_service_s_is() -> None:
    """KEDA looks it up in the EndpointSlice, so the Service has it."""
    (trigger,) = scaled_object(
        service={"port": 9000}, autoscaling={"maxReplicas": 2, "queueSeconds": 0.5, **KEDA}
    )["spec"]["triggers"]
    assert trigger["metadata"]["url"] == "http://resnet50.ml.svc:8081/metrics"


ADMIN = {"name": "admin", "port": 8081, "targetPort": "admin", "protocol": "TCP"}
BUSY = {"maxReplicas": 2, "busyRatio": 70}


@pytest.mark.parametrize(
    ("settings", "fields", "ports"),
    [
        pytest.param(
            {}, {"autoscaling": BUSY}, [CLIENTS_PORT], id="our own adapter asks pods by their address"
        ),
        pytest.param(
            {}, {"autoscaling": {**BUSY, **KEDA}}, [CLIENTS_PORT, ADMIN], id="KEDA finds pods by it"
        ),
        pytest.param({"metrics_source": "keda"}, {}, [CLIENTS_PORT], id="nothing scales"),
        pytest.param(
            {"keda_prometheus": "http://p:9090"},
            {"autoscaling": {**BUSY, **KEDA}},
            [CLIENTS_PORT],
            id="KEDA asks a Prometheus",
        ),
        pytest.param(
            {},
            {"autoscaling": {"maxReplicas": 2, "cpuUtilization": 80, **KEDA}},
            [CLIENTS_PORT],
            id="processors only",
        ),
        pytest.param(
            {},
            {"autoscaling": {**BUSY, **KEDA}, "service": {"port": 8081}},
            [{**CLIENTS_PORT, "port": 8081}, {**ADMIN, "port": 8082}],
            id="clients' port has that number",
        ),
    ],
)
def test_the_service_has_the_admin_port_only_where_keda_finds_the_pods_by_it(
    settings: dict[str, Any], fields: dict[str, Any], ports: list[dict[str, Any]]
) -> None:
    service = rendered(names.SERVICE, with_settings(**settings), **fields)
    assert service["spec"]["ports"] == ports


@pytest.mark.parametrize(
    ("name", "pods"),
    [
        pytest.param("resnet50", "resnet50-[a-z0-9]+-[a-z0-9]{5}", id="a short name"),
        pytest.param("m" * 46, "m" * 46 + "-[a-z0-9]+-[a-z0-9]{5}", id="the longest that is kept whole"),
        pytest.param("m" * 47, "m" * 47 + "-[a-z0-9-]+", id="a name whose pods' names are cut"),
    ],
)
def test_a_prometheus_is_asked_for_the_pods_of_this_model(name: str, pods: str) -> None:
    found = scaled_object(
        with_settings(keda_prometheus="http://p:9090"),
        name=name,
        autoscaling={"maxReplicas": 2, "busyRatio": 70, **KEDA},
    )
    assert found["spec"]["triggers"] == [
        {
            "type": "prometheus",
            "metricType": "Value",
            "metadata": {
                "serverAddress": "http://p:9090",
                "query": f'avg(paddle_busy_ratio{{namespace="ml",pod=~"{pods}"}})',
                "threshold": "0.7",
                "ignoreNullValues": "false",
            },
        }
    ]


def test_processor_use_is_a_trigger_of_its_own() -> None:
    scaling = {"maxReplicas": 2, "inflightPerReplica": 4, "cpuUtilization": 80, **KEDA}
    first, second = scaled_object(autoscaling=scaling)["spec"]["triggers"]
    assert first["metadata"]["targetValue"] == "4"
    of_the_server = {"value": "80", "containerName": "server"}
    assert second == {"type": "cpu", "metricType": "Utilization", "metadata": of_the_server}


def test_keda_and_an_autoscaler_of_ours_exclude_each_other() -> None:
    scaling = {"maxReplicas": 2, "queueSeconds": 1}
    chart = with_settings(metrics_source="keda")
    for settings, desired, keda in [
        (SETTINGS, scaling, False),
        (SETTINGS, {**scaling, **KEDA}, True),
        (chart, scaling, True),
        (chart, {**scaling, "metricsSource": "builtin"}, False),
    ]:
        assert (rendered(names.SCALED_OBJECT, settings, autoscaling=desired) is not None) is keda
        assert (rendered(names.AUTOSCALER, settings, autoscaling=desired) is None) is keda
        assert "replicas" not in rendered(names.DEPLOYMENT, settings, autoscaling=desired)["spec"]


def test_without_autoscaling_there_is_none() -> None:
    assert scaled_object(with_settings(metrics_source="keda")) is None


def test_raw_metrics_are_refused_where_the_chart_chose_keda() -> None:
    """The definition cannot know the chart's value; nothing that was accepted is left out silently."""
    with pytest.raises(
        SpecError, match=r"the chart's autoscaling\.metricsSource asks for: remove them, or set"
    ):
        scaled_object(
            with_settings(metrics_source="keda"),
            autoscaling={"maxReplicas": 2, "queueSeconds": 1, "metrics": [{"type": "Resource"}]},
        )
