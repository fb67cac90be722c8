"""The ClusterRole is what the operator's source needs: no more (a table), no less (a real API server)."""

import inspect
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.cluster import api
from paddlemodel_operator.render import render as render_model
from paddlemodel_operator.settings import from_environment

from tests.operator.support.builders import SETTINGS
from tests.repository.helm.charts import ADAPTER, NAMESPACE, RELEASE, Object, one, render, variables
from tests.repository.helm.rights import WRITES, Right, install_rights, kubectl, operator, used
from tests.repository.sources import examples, shown

# What each method of the one door to the API asks of RBAC. A server-side apply of a new object needs create.
VERBS = {
    "serves": (),  # discovery, which every authenticated user may read
    "list_all": ("list",),
    "get": ("get",),
    "watch": ("watch",),
    "create": ("create", "patch"),
    "apply": ("create", "patch"),
    "replace_lists": ("patch",),
    "merge": ("patch",),
    "delete": ("delete",),
    "patch_status": ("patch",),
    "create_event": ("create",),
}


def rights(kind: names.Kind, *methods: str, name: str = "") -> set[Right]:
    return {(kind.group, kind.plural, name, verb) for method in methods for verb in VERBS[method]}


def needed(*, gateway_api: bool = False) -> set[Right]:
    """From the operator's own tables of kinds; and for the adapter, two objects by name."""
    found = rights(names.MODEL, "get") | {(names.MODEL.group, f"{names.MODEL.plural}/status", "", "patch")}
    for kind in names.WATCHED_KINDS:
        found |= rights(kind, "list_all") | {(kind.group, kind.plural, "", "watch")}
    for kind in (*names.CHILD_KINDS, *names.optional_kinds(gateway_api=gateway_api)):
        found |= rights(kind, "list_all", "watch", "get", "create", "apply", "replace_lists", "delete")
    return (
        found
        | rights(names.REPLICA_SET, "list_all")
        | rights(names.EVENT, "create_event")
        | rights(names.API_SERVICE, "list_all")
        | rights(names.API_SERVICE, "apply", "merge", "delete", name=names.METRICS_API_SERVICE)
        | rights(names.CLUSTER_ROLE, "get", name=ADAPTER)
    )


def granted(role: Object) -> set[Right]:
    return {
        (group, resource, name, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def test_the_role_is_exactly_what_the_source_needs() -> None:
    assert granted(one(render(), "ClusterRole")) == needed()


def test_rights_on_routes_are_given_only_where_they_are_made() -> None:
    objects = render("gatewayAPI.enabled=true")
    assert granted(one(objects, "ClusterRole")) == needed(gateway_api=True) > needed()
    assert from_environment(variables(objects)).gateway_api
    assert not from_environment(variables(render())).gateway_api


LEADER = f"{RELEASE}-leader"


@pytest.mark.parametrize(
    ("name", "kind", "object_name"), [(ADAPTER, names.SECRET, ADAPTER), (LEADER, names.LEASE, RELEASE)]
)
def test_in_its_own_namespace_the_operator_writes_one_secret_and_one_lease(
    name: str, kind: names.Kind, object_name: str
) -> None:
    """Both roles and bindings are of the release's namespace: no Secret of another one is within reach."""
    objects = [item for item in render() if item["metadata"].get("namespace") == NAMESPACE]
    role, binding = one(objects, "Role", name), one(objects, "RoleBinding", name)
    assert granted(role) == rights(kind, "get", "create", "apply", name=object_name)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": RELEASE, "namespace": NAMESPACE}]


def test_the_adapter_may_list_pods_and_read_who_may_ask_it() -> None:
    objects = render()
    account = {"kind": "ServiceAccount", "name": ADAPTER, "namespace": NAMESPACE}
    assert granted(one(objects, "ClusterRole", ADAPTER)) == rights(names.POD, "list_all")
    bindings = {
        (item["kind"], item["metadata"].get("namespace"), item["roleRef"]["kind"], item["roleRef"]["name"])
        for item in objects
        if account in item.get("subjects", ())
    }
    assert bindings == {
        ("ClusterRoleBinding", None, "ClusterRole", ADAPTER),
        ("RoleBinding", "kube-system", "Role", "extension-apiserver-authentication-reader"),
    }


NAMESPACED = {"Role", "RoleBinding", "Secret"}


@pytest.mark.parametrize("source", ["prometheusAdapter", "keda", "none"])
def test_without_the_adapter_no_right_is_for_it(source: str) -> None:
    objects = render(f'autoscaling.metricsSource="{source}"')
    role = one(objects, "ClusterRole")
    assert granted(role) == {right for right in needed() if right[2] == ""}
    assert [item["metadata"]["name"] for item in objects if item["kind"] in NAMESPACED] == [LEADER] * 2


SOME = ('watchNamespaces=["team-a","team-b"]', 'autoscaling.metricsSource="keda"')


def test_an_operator_of_some_namespaces_has_rights_in_these_alone() -> None:
    """The same as else, but for what is the cluster's: there is no ClusterRole."""
    objects = render(*SOME)
    assert {item["kind"] for item in objects} & {"ClusterRole", "ClusterRoleBinding"} == set()
    for namespace in ("team-a", "team-b"):
        there = [item for item in objects if item["metadata"].get("namespace") == namespace]
        role, binding = one(there, "Role"), one(there, "RoleBinding")
        cluster_wide = {names.API_SERVICE.group, names.CLUSTER_ROLE.group}
        assert granted(role) == {right for right in needed() if right[0] not in cluster_wide}
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": RELEASE, "namespace": NAMESPACE}]
    assert {item["metadata"].get("namespace") for item in objects if item["kind"] == "Role"} == {
        "team-a", "team-b", NAMESPACE,
    }  # fmt: skip


def test_the_door_to_the_api_has_no_other_method() -> None:
    """A new method of Api needs a line in VERBS, and perhaps a right."""
    methods = {
        name
        for name, member in inspect.getmembers(api.Api, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert methods == set(VERBS)


def test_nothing_dangerous_is_granted() -> None:
    """Cluster-wide no Secret at all, of RBAC only to see that one role is there, of APIs only our own."""
    for group, resource, name, verb in granted(one(render(), "ClusterRole")):
        assert "*" not in {group, resource, verb}
        assert resource not in {"secrets", "configmaps", "pods/exec", "serviceaccounts/token", "nodes/proxy"}
        assert verb not in {"escalate", "bind", "impersonate", "deletecollection"}
        if group == names.CLUSTER_ROLE.group:
            assert (resource, name, verb) == ("clusterroles", ADAPTER, "get")
        if group == names.API_SERVICE.group:
            assert (name, verb) == ("", "list") or name == names.METRICS_API_SERVICE


FOREIGN: Object = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": f"v1beta1.{names.CUSTOM_METRICS_GROUP}"},
    "spec": {
        "group": names.CUSTOM_METRICS_GROUP,
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"namespace": "default", "name": "theirs"},
    },
}


def registered(admin: Path) -> list[str]:
    """The Services behind the group of the pods' metrics."""
    listed = json.loads(kubectl(admin, "get", "apiservices", "--output", "json"))["items"]
    specs = [item["spec"] for item in listed]
    return [spec["service"]["name"] for spec in specs if spec.get("group") == names.CUSTOM_METRICS_GROUP]


def secret(admin: Path) -> str:
    flags = ("--namespace", NAMESPACE, "--ignore-not-found", "--output", "json")
    return kubectl(admin, "get", "secret", ADAPTER, *flags)


def until(seen: Callable[[], bool], what: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while not seen():
        assert time.monotonic() < deadline, (
            f"waited 180 s for {what}; the operator said:\n{log.read_text()[-3000:]}"
        )
        time.sleep(0.5)  # each look is a kubectl


def made() -> set[str]:
    """The children of all examples but for their Services, as kind/name."""
    identity = {"namespace": "default", "uid": "1"}
    bodies = [body for example in examples() for body in yaml.safe_load_all(example.read_text())]
    models = [
        from_body({**body, "metadata": {**body["metadata"], **identity}})
        for body in bodies
        if body["kind"] == "PaddleModel"
    ]
    allowed = SETTINGS.model_copy(update={"custom_tasks": True, "gateway_api": True})
    found = [child for model in models for child in render_model(model, allowed)]
    left_out = {names.SERVICE, *names.OPTIONAL_KINDS}
    return {f"{child.kind.kind}/{child.name}" for child in found if child.kind not in left_out}


WITHOUT = {
    "model": {"updatePolicy": None, "checkMinutes": None},
    "autoscaling": None,
    "ingress": None,
    "gateway": None,
    "access": None,
}
"""What three of them lose."""
UNDESIRED = {
    "CronJob/segmentation",
    "HorizontalPodAutoscaler/resnet50",
    "Ingress/resnet50",
    "NetworkPolicy/orientation-inside",
    "PodDisruptionBudget/resnet50",
}
UNUSED = set[Right]().union(*(rights(kind, "apply", "delete") for kind in names.OPTIONAL_KINDS))
"""The scenario below has no KEDA and no Gateway API; tests/operator/reconcile/ has tests that use these."""
ALLOWED = ("customTasks.allowed=true", "gatewayAPI.enabled=true")
"""All that an example may ask for."""


def leftovers(admin: Path, name: str) -> list[Object]:
    """A Service and a Deployment of a model that this version of the operator does not render."""
    result = []
    for kind in ("service", "deployment"):
        live = json.loads(kubectl(admin, "get", kind, name, "--output", "json"))
        kept = {key: live["metadata"][key] for key in ("namespace", "labels", "ownerReferences")}
        spec = {key: live["spec"][key] for key in ("ports", "selector", "template") if key in live["spec"]}
        result.append({**live, "metadata": {**kept, "name": f"{name}-leftover"}, "spec": spec})
        del result[-1]["status"]
    return result


@pytest.mark.control_plane
def test_the_role_suffices_for_everything_the_operator_does_and_every_right_to_write_is_used(
    control_plane: Path, tmp_path: Path
) -> None:
    """The examples come, change so that children are pruned, and go, under the chart's own rights."""
    log = tmp_path / "operator.log"

    def there(kinds: str) -> list[str]:
        listed: dict[str, Any] = json.loads(kubectl(control_plane, "get", kinds, "--output", "json"))
        return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in listed["items"])

    with operator(install_rights(control_plane, tmp_path, *ALLOWED), log, *ALLOWED):
        for example in examples():
            kubectl(control_plane, "apply", "-f", shown(example))
        kinds = [kind.plural for kind in names.CHILD_KINDS if kind != names.SERVICE]
        children = ",".join(kinds)
        until(lambda: there(children) == sorted(made()), "the children", log)
        patch = json.dumps({"spec": WITHOUT})
        for model in ("resnet50", "segmentation", "orientation-inside"):
            kubectl(control_plane, "patch", "pdm", model, "--type", "merge", "--patch", patch)
        assert made() > UNDESIRED
        until(lambda: there(children) == sorted(made() - UNDESIRED), "the undesired children to go", log)
        for leftover in leftovers(control_plane, "resnet50"):
            kubectl(control_plane, "apply", "-f", "-", given=json.dumps(leftover))
        gone = {"Deployment/resnet50-leftover", "Service/resnet50-leftover"}
        until(lambda: not gone & {*there("deployments,services")}, "the leftovers to go", log)
        until(lambda: there("events.events.k8s.io") != [], "an Event", log)
        judged = "--for=jsonpath={.status.observedGeneration}"
        kubectl(control_plane, "wait", "pdm", "--all", judged, "--timeout=180s")
        kubectl(control_plane, "delete", "pdm", "--all")
        until(lambda: there(children) == [], "garbage collection", log)
        until(lambda: registered(control_plane) == [ADAPTER], "the registration", log)
        kubectl(control_plane, "delete", "secret", ADAPTER, "--namespace", NAMESPACE)
        until(lambda: "tls.key" in secret(control_plane), "a new certificate", log)
        kubectl(control_plane, "apply", "-f", "-", given=json.dumps(FOREIGN))
        until(lambda: registered(control_plane) == ["theirs"], "the operator to stand down", log)
        kubectl(control_plane, "delete", "apiservice", FOREIGN["metadata"]["name"])
        until(lambda: registered(control_plane) == [ADAPTER], "the registration to return", log)
        kubectl(control_plane, "delete", "clusterrole", ADAPTER)
        until(lambda: registered(control_plane) == [], "the registration to go with its role", log)
    assert "forbidden" not in log.read_text().lower()
    roles = [
        one(render(*ALLOWED), "ClusterRole"),
        *(one(render(), "Role", name) for name in (ADAPTER, LEADER)),
    ]
    given = set().union(*map(granted, roles))
    assert used(control_plane, given) == {right for right in given if right[3] in WRITES} - UNUSED
