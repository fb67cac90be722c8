"""The chart as Helm renders it: complete by default, hardened, and closed to values that it does not know."""

import copy
import re
from typing import Any

import pytest
import yaml
from paddlemodel_operator import settings

from tests.repository.helm.charts import (
    ADAPTER,
    CHART,
    NAMESPACE,
    RELEASE,
    RESTRICTED,
    RESTRICTED_CONTAINER,
    RefusedError,
    helm,
    identities,
    one,
    render,
    variables,
)
from tests.repository.sources import ROOT, text

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def pod(*values: str) -> dict[str, Any]:
    spec: dict[str, Any] = one(render(*values), "Deployment")["spec"]["template"]["spec"]
    return spec


def test_the_defaults_are_enough() -> None:
    """And what is the adapter's is in test_chart_adapter.py."""
    assert {found for found in identities(render()) if found[2] != ADAPTER} == {
        ("ClusterRole", "", RELEASE),
        ("ClusterRoleBinding", "", RELEASE),
        ("ConfigMap", NAMESPACE, f"{RELEASE}-logging"),
        ("CustomResourceDefinition", "", "paddlemodels.paddlemodel.dev"),
        ("Deployment", NAMESPACE, RELEASE),
        ("Role", NAMESPACE, f"{RELEASE}-leader"),
        ("RoleBinding", NAMESPACE, f"{RELEASE}-leader"),
        ("ServiceAccount", NAMESPACE, RELEASE),
    }


def test_lint_finds_nothing_wrong() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


def test_the_operator_is_hardened() -> None:
    """Pod Security level restricted, and no write anywhere but /tmp."""
    spec = pod()
    (container,) = spec["containers"]
    assert spec["securityContext"] == RESTRICTED
    assert container["securityContext"] == RESTRICTED_CONTAINER
    config = {"name": "config", "mountPath": "/config", "readOnly": True}
    assert container["volumeMounts"] == [config, {"name": "tmp", "mountPath": "/tmp"}]


def test_one_operator_by_default_whose_successor_starts_beside_it() -> None:
    """Only the holder of the Lease works; the new pod waits until it is given back."""
    spec = one(render(), "Deployment")["spec"]
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert (spec["replicas"], spec["strategy"]) == (1, surge)
    assert "topologySpreadConstraints" not in spec["template"]["spec"]


def test_two_operators_are_on_two_nodes_and_no_drain_takes_both() -> None:
    objects = render("replicas=2")
    spec = one(objects, "Deployment")["spec"]
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert (spec["replicas"], spread["topologyKey"]) == (2, "kubernetes.io/hostname")
    assert spread["labelSelector"] == spec["selector"]
    budget = one(objects, "PodDisruptionBudget")["spec"]
    assert (budget["minAvailable"], budget["selector"]) == (1, spec["selector"])
    assert identities(objects) - identities(render()) == {("PodDisruptionBudget", NAMESPACE, RELEASE)}


def test_the_environment_is_what_the_operator_reads() -> None:
    environment = variables(render())
    # Its defaults are the chart's: an operator run by hand does the same, with no adapter and no rival.
    chart = {
        "NAMESPACE": NAMESPACE,
        "ADAPTER": ADAPTER,
        "LEASE": RELEASE,
        "LOG_LEVEL_FILE": "/config/logLevel",
    }
    assert {name: environment.pop(f"{settings.PREFIX}{name}") for name in chart} == chart
    assert settings.from_environment(environment) == settings.from_environment({})


def test_another_log_level_changes_a_config_map_and_no_pod() -> None:
    """Both programs read it again; the kubelet brings it into their pods."""
    before, after = render(), render('operator.logLevel="DEBUG"')
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [(new["kind"], new["data"]) for _, new in changed] == [("ConfigMap", {"logLevel": "DEBUG"})]
    (name,) = {new["metadata"]["name"] for _, new in changed}
    for deployment in (RELEASE, ADAPTER):
        pod_spec = one(after, "Deployment", deployment)["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume for volume in pod_spec["volumes"]}
        assert volumes["config"]["configMap"] == {"name": name}
        file = next(value for key, value in variables(after, deployment).items() if "LOG_LEVEL" in key)
        (mount,) = (each for each in pod_spec["containers"][0]["volumeMounts"] if each["name"] == "config")
        assert file == f"{mount['mountPath']}/logLevel"


def test_an_operator_of_some_namespaces_is_told_which() -> None:
    """And its Prometheus scrapes the pods of these."""
    words = ('watchNamespaces=["team-a","team-b"]', 'autoscaling.metricsSource="none"')
    objects = render(*words, "monitoring.podMonitors.enabled=true")
    assert settings.from_environment(variables(objects)).watch_namespaces == ("team-a", "team-b")
    monitor = one(objects, "PodMonitor", f"{RELEASE}-models")
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["team-a", "team-b"]}


def test_a_namespace_may_be_called_as_a_number_is() -> None:
    """YAML reads 123 as a number, which neither a namespace nor the value of a variable may be."""
    parts = [f"monitoring.{part}.enabled=true" for part in ("dashboard", "alerts", "podMonitors")]
    words = [*parts, 'networkPolicies={"ingressNamespaces":["456"],"metricsNamespaces":["7"]}']
    some = [*words, 'watchNamespaces=["789"]', 'autoscaling.metricsSource="none"']
    for flags in (words, some):
        objects = render(*flags, namespace="123")
        read = settings.from_environment(variables(objects))
        assert (read.namespace, read.ingress_namespaces, read.metrics_namespaces) == ("123", ("456",), ("7",))
        places = [each["metadata"].get("namespace") for each in objects]
        subjects = [who for each in objects for who in each.get("subjects", ())]
        places += [who.get("namespace") for who in subjects]
        assert {type(place) for place in places} <= {str, type(None)}
        assert "123" in places
    assert {"789"} <= {each["metadata"].get("namespace") for each in objects}


def test_an_operator_of_some_namespaces_has_no_adapter_for_the_whole_cluster() -> None:
    with pytest.raises(RefusedError, match=r"--set autoscaling\.metricsSource=prometheusAdapter"):
        render('watchNamespaces=["team-a"]')


def test_code_beside_models_is_allowed_by_a_value_alone() -> None:
    for flag, words in ((True, ("customTasks.allowed=true",)), (False, ())):
        environment = variables(render(*words))
        assert settings.from_environment(environment).custom_tasks is flag


@pytest.mark.parametrize(("words", "language"), [((), "en"), (('language="zh"',), "zh")])
def test_the_language_of_the_conditions_is_a_value(words: tuple[str, ...], language: str) -> None:
    assert settings.from_environment(variables(render(*words))).language == language


def test_who_network_policies_let_in_besides_is_named_by_values() -> None:
    words = ('networkPolicies={"ingressNamespaces":["ingress-nginx","traefik"],"metricsNamespaces":["m"]}',)
    read = settings.from_environment(variables(render(*words)))
    assert (read.ingress_namespaces, read.metrics_namespaces) == (("ingress-nginx", "traefik"), ("m",))


def test_images_follow_the_chart_unless_told_otherwise() -> None:
    (container,) = pod('image={"repository":"registry.example:5000/ops/operator","tag":"1.2.3"}')[
        "containers"
    ]
    assert container["image"] == "registry.example:5000/ops/operator:1.2.3"
    (container,) = pod('serverImages.cpu={"repository":"registry.example/server","tag":"7"}')["containers"]
    images = {entry["name"]: entry["value"] for entry in container["env"] if "IMAGE" in entry["name"]}
    assert images["PADDLEMODEL_OPERATOR_SERVER_IMAGE_CPU"] == "registry.example/server:7"
    assert images["PADDLEMODEL_OPERATOR_SERVER_IMAGE_GPU"].startswith("paddlemodel/server:")


def test_pod_labels_cannot_break_the_selector() -> None:
    deployment = one(render('podLabels={"app.kubernetes.io/name":"other","team":"ml"}'), "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels["team"] == "ml"
    assert labels.items() >= deployment["spec"]["selector"]["matchLabels"].items()


@pytest.mark.parametrize("keep", [True, False])
def test_the_definition_is_the_generated_one(keep: bool) -> None:
    rendered = one(render(f"crds.keep={str(keep).lower()}"), "CustomResourceDefinition")
    annotations = rendered["metadata"].pop("annotations")
    assert rendered == yaml.safe_load(text(ROOT / "crds/paddlemodels.yaml"))
    assert annotations.pop("helm.sh/resource-policy", None) == ("keep" if keep else None)
    # Argo CD: before the models, whole, and not pruned with the application.
    assert annotations == {
        "argocd.argoproj.io/sync-wave": "-5",
        "argocd.argoproj.io/sync-options": "ServerSideApply=true,Prune=false",
    }


def test_large_numbers_of_the_definition_stay_integers() -> None:
    """A round trip through Helm's YAML would write 1.073741824e+09."""
    rendered = helm("template", "x", str(CHART), "--show-only", "templates/crd.yaml")
    assert not re.search(r": \d\.\d+e\+\d+$", rendered, re.MULTILINE)


@pytest.mark.parametrize(
    ("switch", "absent"),
    [
        ("crds.enabled=false", {"CustomResourceDefinition"}),
        ("rbac.create=false", {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}),
        ('serviceAccount={"create":false,"name":"theirs"}', {"ServiceAccount"}),
    ],
)
def test_what_exists_already_is_left_out(switch: str, absent: set[str]) -> None:
    left_out = identities(render()) - identities(render(switch))
    assert {kind for kind, _, _ in left_out} == absent


def test_a_service_account_of_others_is_used() -> None:
    objects = render('serviceAccount={"create":false,"name":"theirs"}')
    assert one(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "theirs"
    assert one(objects, "ClusterRoleBinding")["subjects"] == [
        {"kind": "ServiceAccount", "name": "theirs", "namespace": NAMESPACE}
    ]


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param("replica=2", id="unknown-name"),
        pytest.param("replicas=0", id="nobody"),
        pytest.param('watchNamespaces="team-a"', id="no-list"),
        pytest.param('watchNamespaces=["team_a"]', id="no-namespace"),
        pytest.param('operator={"loglevel":"INFO"}', id="misspelt-name"),
        pytest.param('operator.logLevel="LOUD"', id="unknown-level"),
        pytest.param("operator.concurrency=0", id="too-small"),
        pytest.param('customTasks.allowed="yes"', id="perhaps"),
        pytest.param('language="de"', id="a language that nobody has translated"),
        pytest.param('networkPolicies.ingressNamespaces=["Ingress"]', id="no-namespace"),
        pytest.param('operator.resyncSeconds="often"', id="wrong-type"),
        pytest.param('image.tag="latest"', id="moving-tag"),
        pytest.param('image.repository="paddlemodel/operator:0.1.0"', id="tag-in-repository"),
        pytest.param('resources={"limit":{"memory":"1Gi"}}', id="misspelt-resources"),
        pytest.param('serviceAccount={"create":false,"name":""}', id="nobody-s-account"),
    ],
)
def test_a_bad_value_is_refused(setting: str) -> None:
    name = re.split(r"[.=]", setting)[0]
    with pytest.raises(RefusedError, match=name):
        render(setting)


def leaves(values: Any, path: str = "") -> set[str]:
    if not isinstance(values, dict) or not values:
        return {path}
    return {leaf for key, value in values.items() for leaf in leaves(value, f"{path}.{key}")}


def test_every_value_is_used_by_a_template() -> None:
    templates = "".join(text(path) for path in sorted((CHART / "templates").iterdir()))
    # Inside `with .Values.serverImages` the names are relative.
    templates = templates.replace(".cpu.", ".Values.serverImages.cpu.").replace(
        ".gpu.", ".Values.serverImages.gpu."
    )
    values = copy.deepcopy(VALUES) | {"resources": {}}  # passed on as a whole
    values["autoscaling"]["builtin"]["resources"] = {}
    values["monitoring"]["dashboard"]["labels"] = {}
    values["monitoring"]["alerts"]["thresholds"] = {}  # test_monitoring.py looks at each
    assert {leaf for leaf in leaves(values) if f".Values{leaf}" not in templates} == set()


def test_every_value_is_explained() -> None:
    """A comment stands above each value, or above the block that it ends."""
    lines = text(CHART / "values.yaml").splitlines()
    silent = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r"[a-zA-Z]+:", line) and not before.startswith("#") and line not in GROUPS
    ]
    assert silent == []


# Their members are explained one by one, or together by the comment above the group.
GROUPS = {
    "operator:", "rbac:", "serviceAccount:",
    "tolerations: []", "affinity: {}", 'priorityClassName: ""', "podLabels: {}", "podAnnotations: {}",
}  # fmt: skip
