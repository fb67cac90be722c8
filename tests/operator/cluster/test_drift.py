"""When is a child as we would apply it? A table of live objects, each with its own difference."""

import copy
import json
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.drift import is_applied, owned_fields, owns

Object = dict[str, Any]

DESIRED: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "m",
        "namespace": "ml",
        "labels": {"a": "b"},
        "ownerReferences": [{"kind": "PaddleModel", "name": "m", "uid": "1"}],
    },
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "server",
                        "image": "i",
                        "args": ["serve"],
                        "env": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}],
                        "ports": [{"containerPort": 80}],
                        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                    }
                ],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
            }
        },
    },
}

FIELDS: Object = {
    "f:metadata": {"f:labels": {"f:a": {}}, "f:ownerReferences": {'k:{"uid":"1"}': {}}},
    "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"server"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:args": {},
                        "f:env": {
                            'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}},
                            'k:{"name":"EMPTY"}': {".": {}, "f:name": {}, "f:value": {}},
                        },
                        "f:ports": {
                            'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}
                        },
                        "f:resources": {"f:limits": {"f:cpu": {}, "f:memory": {}}},
                    }
                },
                "f:volumes": {'k:{"name":"tmp"}': {".": {}, "f:name": {}, "f:emptyDir": {}}},
            }
        },
    },
}


def live() -> Object:
    """What the API server makes of DESIRED: defaults added, amounts rewritten, an empty value dropped."""
    result = copy.deepcopy(DESIRED)
    result["metadata"] |= {
        "uid": "9",
        "resourceVersion": "5",
        "annotations": {"deployment.kubernetes.io/revision": "1"},
        "managedFields": [
            {
                "manager": "kube-controller-manager",
                "operation": "Update",
                "subresource": "status",
                "fieldsV1": {},
            },
            {"manager": names.FIELD_MANAGER, "operation": "Apply", "fieldsV1": copy.deepcopy(FIELDS)},
        ],
    }
    result["spec"]["progressDeadlineSeconds"] = 600
    container = server(result)
    container["terminationMessagePath"] = "/dev/termination-log"
    container["ports"][0]["protocol"] = "TCP"
    container["resources"]["limits"] = {"cpu": "1", "memory": "1Gi"}
    del container["env"][1]["value"]
    result["status"] = {"replicas": 2}
    return result


def server(body: Object) -> Object:
    (container,) = body["spec"]["template"]["spec"]["containers"]
    found: Object = container
    return found


def fields(body: Object) -> Object:
    found: Object = body["metadata"]["managedFields"][1]["fieldsV1"]
    return found


def test_what_the_server_adds_and_rewrites_is_no_difference() -> None:
    assert is_applied(DESIRED, live())


def test_an_object_that_we_never_applied_is_not_applied() -> None:
    body = live()
    body["metadata"]["managedFields"] = []
    assert not is_applied(DESIRED, body)


def test_another_manager_s_apply_is_not_ours() -> None:
    body = live()
    body["metadata"]["managedFields"][1]["manager"] = "helm"
    assert not is_applied(DESIRED, body)


CHANGES: dict[str, Any] = {
    "a changed value": lambda body: server(body).update(image="other"),
    "a changed number": lambda body: body["spec"].update(replicas=3),
    "a removed value": lambda body: server(body).pop("image"),
    "a changed argument": lambda body: server(body).update(args=["evil"]),
    "one more argument": lambda body: server(body).update(args=["serve", "--x"]),
    "a changed variable": lambda body: server(body)["env"][0].update(value="2"),
    "an amount in the text of a variable": lambda body: server(body)["env"][0].update(value="1000m"),
    "a removed variable": lambda body: server(body)["env"].pop(0),
    "a changed amount": lambda body: server(body)["resources"]["limits"].update(cpu="1001m"),
    "a renamed container": lambda body: server(body).update(name="other"),
    "a changed selector": lambda body: body["spec"]["selector"]["matchLabels"].update(a="x"),
    "a lost label": lambda body: body["metadata"]["labels"].pop("a"),
    "a changed owner": lambda body: body["metadata"]["ownerReferences"][0].update(name="x"),
    "another volume": lambda body: body["spec"]["template"]["spec"]["volumes"][0].update(
        emptyDir=None, name="x"
    ),
    "a field that was taken from us": lambda body: fields(body)["f:spec"].pop("f:replicas"),
    "a field that we no longer want": lambda body: fields(body)["f:spec"].update({"f:paused": {}}),
    "a list item that we no longer want": lambda body: fields(body)["f:spec"]["f:template"]["f:spec"][
        "f:volumes"
    ].update({'k:{"name":"old"}': {".": {}, "f:name": {}}}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_difference_is_seen(change: Any) -> None:
    body = live()
    change(body)
    assert not is_applied(DESIRED, body)


def test_the_guard_of_a_creation_is_no_difference() -> None:
    """It is in no object, but in what we own until the next apply."""
    body = live()
    fields(body)["f:metadata"][f"f:{names.CREATE_GUARD}"] = {}
    assert is_applied(DESIRED, body)


FOREIGN: dict[str, Any] = {
    "an annotation of somebody else": lambda body: body["metadata"]["annotations"].update(note="x"),
    "a label of somebody else": lambda body: body["metadata"]["labels"].update(team="x"),
    "a container of somebody else": lambda body: body["spec"]["template"]["spec"]["containers"].append(
        {"name": "sidecar"}
    ),
    "a status": lambda body: body["status"].update(readyReplicas=1),
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_what_others_own_is_theirs(change: Any) -> None:
    body = live()
    change(body)
    assert is_applied(DESIRED, body)


@pytest.mark.parametrize(
    ("wanted", "written", "same"),
    [
        ("1000m", "1", True),
        ("1", "1000m", True),
        ("0.5", "500m", True),
        ("1024Mi", "1Gi", True),
        ("1.5Gi", "1536Mi", True),
        ("1e3", "1k", True),
        ("1E", "1000P", True),
        ("1Ei", "1024Pi", True),
        ("0m", "0", True),
        ("1G", "1Gi", False),
        ("100m", "100", False),
        ("nonsense", "other", False),
        ("", "0", False),
    ],
)
def test_amounts_are_compared_as_amounts(wanted: str, written: str, same: bool) -> None:
    desired, body = copy.deepcopy(DESIRED), live()
    server(desired)["resources"]["limits"]["cpu"] = wanted
    server(body)["resources"]["limits"]["cpu"] = written
    assert is_applied(desired, body) is same


def test_inside_a_value_that_is_owned_as_a_whole_defaults_are_no_difference() -> None:
    desired = {**DESIRED, "spec": {"rules": [{"host": "a", "http": {"paths": []}}]}}
    body = live()
    body["spec"] = {"rules": [{"host": "a", "http": {"paths": []}, "added": 1}]}
    fields(body)["f:spec"] = {"f:rules": {}}
    assert is_applied(desired, body)
    body["spec"]["rules"].append({"host": "b"})
    assert not is_applied(desired, body)


@pytest.mark.parametrize(
    ("place", "wanted", "written"),
    [
        (
            "ingress",
            [{"from": [{"podSelector": {}}]}],
            [{"from": [{"podSelector": {}, "namespaceSelector": {}}]}],
        ),
        (
            "ingress",
            [{"from": [{"podSelector": {}}]}],
            [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}],
        ),
        (
            "tolerations",
            [{"key": "gpu", "operator": "Exists"}],
            [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        ),
        ("tls", [{"hosts": ["a"]}], [{"hosts": ["a"], "secretName": "b"}]),
        ("selector", {"a": "b"}, {"a": "b", "track": "stable"}),
    ],
)
def test_what_is_taken_out_of_a_value_that_is_owned_as_a_whole_is_a_difference(
    place: str, wanted: Any, written: Any
) -> None:
    """Else a policy, for example, would stay open to the namespaces that its spec has closed."""
    desired, body = {**DESIRED, "spec": {place: wanted}}, live()
    body["spec"] = {place: written}
    fields(body)["f:spec"] = {f"f:{place}": {}}
    assert not is_applied(desired, body)
    body["spec"] = {place: wanted}
    assert is_applied(desired, body)


def test_the_protocol_of_a_policy_s_port_is_the_server_s_default() -> None:
    desired, body = {**DESIRED, "spec": {"ingress": [{"ports": [{"port": 1}]}]}}, live()
    body["spec"] = {"ingress": [{"ports": [{"port": 1, "protocol": "TCP"}]}]}
    fields(body)["f:spec"] = {"f:ingress": {}}
    assert is_applied(desired, body)


def test_zero_is_not_nothing() -> None:
    desired, body = copy.deepcopy(DESIRED), live()
    desired["spec"]["replicas"] = 0
    del body["spec"]["replicas"]
    assert not is_applied(desired, body)


def test_what_is_taken_out_of_a_parent_of_a_route_is_applied() -> None:
    """All of its fields are ours: the definition's defaults are written out."""
    parent = {"group": "g", "kind": "Gateway", "name": "public"}
    desired, body = {**DESIRED, "spec": {"parentRefs": [parent]}}, live()
    body["spec"] = {"parentRefs": [{**parent, "sectionName": "https"}]}
    fields(body)["f:spec"] = {"f:parentRefs": {}}
    assert not is_applied(desired, body)
    body["spec"] = {"parentRefs": [parent]}
    assert is_applied(desired, body)


def test_sets_of_values() -> None:
    desired = {**DESIRED, "metadata": {**DESIRED["metadata"], "finalizers": ["a"]}}
    body = live()
    body["metadata"]["finalizers"] = ["a"]
    fields(body)["f:metadata"]["f:finalizers"] = {f"v:{json.dumps('a')}": {}}
    assert is_applied(desired, body)
    assert not is_applied(DESIRED, body)


def test_ownership_of_one_field() -> None:
    assert owns(live(), "spec", "replicas")
    assert not owns(live(), "spec", "paused")
    assert not owns({"metadata": {}}, "spec", "replicas")
    assert owned_fields(live(), "nobody") is None
