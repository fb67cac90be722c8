"""The metrics adapter as the chart brings it, and what takes its place with another source."""

from typing import Any

import pytest
import yaml
from paddlemodel_api import contract
from paddlemodel_operator.metrics_adapter import settings as adapter_settings
from paddlemodel_operator.settings import from_environment

from tests.repository.helm.charts import (
    ADAPTER,
    CHART,
    NAMESPACE,
    RELEASE,
    RESTRICTED,
    RESTRICTED_CONTAINER,
    Object,
    RefusedError,
    helm,
    identities,
    one,
    render,
    variables,
)

OTHERS = ("prometheusAdapter", "keda", "none")
PROMETHEUS = 'autoscaling.metricsSource="prometheusAdapter"'
MONITORS = ("--api-versions", "monitoring.coreos.com/v1/PodMonitor")


def adapter(kind: str, *values: str) -> Object:
    return one(render(*values), kind, ADAPTER)


def pod(*values: str) -> Object:
    spec: Object = adapter("Deployment", *values)["spec"]["template"]["spec"]
    return spec


def test_the_adapter_comes_by_default() -> None:
    assert {found for found in identities(render()) if found[2] == ADAPTER} == {
        ("ClusterRole", "", ADAPTER),
        ("ClusterRoleBinding", "", ADAPTER),
        ("Deployment", NAMESPACE, ADAPTER),
        ("PodDisruptionBudget", NAMESPACE, ADAPTER),
        ("Role", NAMESPACE, ADAPTER),
        ("RoleBinding", "kube-system", ADAPTER),
        ("RoleBinding", NAMESPACE, ADAPTER),
        ("Secret", NAMESPACE, ADAPTER),
        ("Service", NAMESPACE, ADAPTER),
        ("ServiceAccount", NAMESPACE, ADAPTER),
    }


@pytest.mark.parametrize("source", OTHERS)
def test_with_another_source_nothing_of_it_is_left(source: str) -> None:
    objects = render(f'autoscaling.metricsSource="{source}"')
    assert [found for found in identities(objects) if "metrics-adapter" in found[2]] == []
    assert f"{ADAPTER}" not in yaml.safe_dump_all(objects)
    assert from_environment(variables(objects)).metrics_source == source


def test_nobody_but_the_operator_registers_it() -> None:
    """In the chart, an APIService would come without the authority, and go without a look at whose it is."""
    assert [item for item in render() if item["kind"] == "APIService"] == []


def test_the_secret_is_empty_and_every_rendering_the_same() -> None:
    """Else GitOps would see a change at each comparison, and a key would lie in the release."""
    assert {"data", "stringData"} & set(adapter("Secret")) == set()
    assert render() == render()


def test_the_adapter_is_hardened() -> None:
    """Pod Security level restricted; its key is readable by its own group only."""
    spec = pod()
    (container,) = spec["containers"]
    assert spec["securityContext"] == RESTRICTED | {"fsGroup": 65532}
    assert container["securityContext"] == RESTRICTED_CONTAINER
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert mounts == {"/config": True, "/tls": True, "/tmp": False}
    (tls,) = (volume["secret"] for volume in spec["volumes"] if "secret" in volume)
    assert (tls["secretName"], tls["defaultMode"]) == (ADAPTER, 0o440)


def test_an_empty_secret_holds_the_pod_back() -> None:
    """The kubelet looks at a missing key again at once; at an empty folder a minute later."""
    (tls,) = (volume["secret"] for volume in pod()["volumes"] if "secret" in volume)
    assert [item["key"] for item in tls["items"]] == ["tls.crt", "tls.key"]
    assert "optional" not in tls


def test_two_pods_of_which_one_always_stays() -> None:
    spec = adapter("Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    (spread,) = pod()["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == (
        "kubernetes.io/hostname",
        "ScheduleAnyway",
    )
    assert adapter("PodDisruptionBudget")["spec"]["minAvailable"] == 1


def test_a_single_pod_can_be_drained() -> None:
    kinds = {kind for kind, _, _ in identities(render("autoscaling.builtin.replicas=1"))}
    assert "PodDisruptionBudget" not in kinds


def test_everything_finds_the_adapter_s_pods_and_no_others() -> None:
    labels = adapter("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        adapter("Deployment")["spec"]["selector"]["matchLabels"],
        adapter("Service")["spec"]["selector"],
        adapter("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    operator = one(render(), "Deployment")["spec"]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= operator["template"]["metadata"]["labels"].items()
    assert not operator["selector"]["matchLabels"].items() <= labels.items()


def test_probes_and_service_meet_the_adapter_where_it_listens() -> None:
    (container,) = pod()["containers"]
    settings = adapter_settings.from_environment(variables(render(), ADAPTER))
    (port,) = container["ports"]
    assert settings.bind == f"[::]:{port['containerPort']}"
    assert str(settings.tls_dir) == "/tls"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert (asked["port"], asked["scheme"]) == (port["name"], "HTTPS")
    (served,) = adapter("Service")["spec"]["ports"]
    assert (served["port"], served["targetPort"]) == (443, port["name"])


def test_the_adapter_goes_where_the_operator_goes() -> None:
    values = (
        'nodeSelector={"role":"system"}',
        'tolerations=[{"key":"system","operator":"Exists"}]',
        'priorityClassName="system-cluster-critical"',
        'imagePullSecrets=[{"name":"registry"}]',
        'podAnnotations={"a":"b"}',
        'podLabels={"app.kubernetes.io/name":"other","team":"ml"}',
        'image={"repository":"registry.example/operator","tag":"7"}',
    )
    objects = render(*values)
    for name in (RELEASE, ADAPTER):
        template = one(objects, "Deployment", name)["spec"]["template"]
        spec = template["spec"]
        assert spec["nodeSelector"] == {"role": "system"}
        assert spec["tolerations"] == [{"key": "system", "operator": "Exists"}]
        assert spec["priorityClassName"] == "system-cluster-critical"
        assert spec["imagePullSecrets"] == [{"name": "registry"}]
        assert spec["containers"][0]["image"] == "registry.example/operator:7"
        assert template["metadata"]["annotations"] == {"a": "b"}
        assert template["metadata"]["labels"]["team"] == "ml"
        assert template["metadata"]["labels"]["app.kubernetes.io/name"] != "other"


def test_a_long_name_stays_a_name() -> None:
    """Of a Service, 63 characters; and without a hyphen at the cut. `helm test` has a Service, too."""
    name = "a" * 46 + "-" + "b" * 6
    rendered = helm("template", name, str(CHART), "--set-json", f'nameOverride="{name[:50]}"')
    services = [item for item in yaml.safe_load_all(rendered) if item and item["kind"] == "Service"]
    found = [item["metadata"]["name"] for item in services]
    assert found == [f"{'a' * 46}-metrics-adapter", f"{'a' * 46}-bbbbbb-test"]


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param('autoscaling.metricsSource="dcgm"', id="unknown-source"),
        pytest.param("autoscaling.builtin.replicas=0", id="no-adapter"),
        pytest.param('autoscaling.builtin.existingAdapterPolicy="overwrite"', id="never-overwrite"),
        pytest.param('autoscaling.builtin.resources={"limit":{}}', id="misspelt-resources"),
        pytest.param('autoscaling.prometheusAdapter.metric="gpu"', id="unknown-metric"),
        pytest.param("autoscaling.prometheusAdapter.honorLabels=true", id="labels-of-an-exporter-not-used"),
        pytest.param("autoscaling.prometheusAdapter.mig=true", id="mig-of-an-exporter-not-used"),
        pytest.param('autoscaling.keda.prometheus.serverAddress="prometheus:9090"', id="no-url"),
        pytest.param('autoscaling.keda={"serverAddress":"http://p"}', id="misplaced-name"),
    ],
)
def test_a_bad_value_is_refused(setting: str) -> None:
    with pytest.raises(RefusedError, match="/autoscaling/"):
        render(setting)


def rules(*values: str) -> list[Any]:
    config = one(render(PROMETHEUS, *values), "ConfigMap", f"{RELEASE}-prometheus-adapter")
    found: list[Any] = yaml.safe_load(config["data"]["config.yaml"])["rules"]
    return found


def test_prometheus_adapter_serves_every_metric_that_may_scale() -> None:
    (rule,) = rules()
    prefix, _, rest = rule["seriesQuery"].partition("(")
    assert prefix == '{__name__=~"^paddle_'
    kept = {f"paddle_{name}" for name in rest.partition(")")[0].split("|")}
    assert kept == set(contract.SCALING_METRICS)


@pytest.mark.parametrize(
    ("values", "series", "scale"),
    [
        ((), 'DCGM_FI_DEV_GPU_UTIL{exported_namespace!="",exported_pod!=""}', ""),
        (("honorLabels=true",), 'DCGM_FI_DEV_GPU_UTIL{namespace!="",pod!=""}', ""),
        (("mig=true",), 'DCGM_FI_PROF_GR_ENGINE_ACTIVE{exported_namespace!="",exported_pod!=""}', "100 * "),
        (
            ("mig=true", "honorLabels=true"),
            'DCGM_FI_PROF_GR_ENGINE_ACTIVE{namespace!="",pod!=""}',
            "100 * ",
        ),
    ],
)
def test_dcgm_s_utilisation_takes_the_place_of_ours(values: tuple[str, ...], series: str, scale: str) -> None:
    chosen = [f"autoscaling.prometheusAdapter.{value}" for value in values]
    ours, dcgm = rules('autoscaling.prometheusAdapter.metric="dcgm"', *chosen)
    assert "gpu_utilization" not in ours["seriesQuery"]
    prefix = "" if "honorLabels=true" in values else "exported_"
    assert dcgm == {
        "seriesQuery": series,
        "resources": {
            "overrides": {
                f"{prefix}namespace": {"resource": "namespace"},
                f"{prefix}pod": {"resource": "pod"},
            }
        },
        "name": {"matches": "^.*$", "as": contract.GPU_METRIC},
        "metricsQuery": f"{scale}avg(avg_over_time(<<.Series>>{{<<.LabelMatchers>>}}[1m])) by (<<.GroupBy>>)",
    }


def test_the_rules_go_to_prometheus_adapter_s_namespace() -> None:
    objects = render(PROMETHEUS, 'autoscaling.prometheusAdapter.namespace="monitoring"')
    config = one(objects, "ConfigMap", f"{RELEASE}-prometheus-adapter")
    assert config["metadata"]["namespace"] == "monitoring"


@pytest.mark.parametrize(
    ("words", "monitors"),
    [
        pytest.param((PROMETHEUS,), 0, id="the-cluster-does-not-know-the-kind"),
        pytest.param((PROMETHEUS, *MONITORS), 1, id="the-cluster-knows-it"),
        pytest.param(
            (PROMETHEUS, "autoscaling.prometheusAdapter.podMonitor=false", *MONITORS), 0, id="not-desired"
        ),
        pytest.param(
            (PROMETHEUS, "monitoring.podMonitors.enabled=true", *MONITORS), 2, id="monitoring-brings-it"
        ),
        pytest.param(MONITORS, 0, id="another-source"),
    ],
)
def test_prometheus_scrapes_each_model_once(words: tuple[str, ...], monitors: int) -> None:
    flags = [flag for word in words for flag in (("--set-json", word) if "=" in word else (word,))]
    rendered = helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *flags)
    assert rendered.count("kind: PodMonitor") == monitors


def test_keda_asks_the_prometheus_that_is_named() -> None:
    keda = 'autoscaling.metricsSource="keda"'
    address = "http://prometheus.monitoring:9090"
    named = variables(render(keda, f'autoscaling.keda.prometheus.serverAddress="{address}"'))
    assert from_environment(named).keda_prometheus == address
    assert from_environment(variables(render(keda))).keda_prometheus == ""
