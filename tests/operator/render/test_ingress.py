"""The Ingress: one host and path, and limits that hold whatever controller reads it."""

from typing import Any

import pytest
from paddlemodel_operator.base import names

from tests.operator.support.builders import rendered as child
from tests.operator.support.expected import METADATA

HOST = "a.example.com"
ANNOTATIONS = {
    "haproxy-ingress.github.io/proxy-body-size": "10485760",
    "haproxy-ingress.github.io/timeout-server": "120s",
    "haproxy.org/timeout-server": "120s",
    "nginx.ingress.kubernetes.io/proxy-body-size": "10485760",
    "nginx.ingress.kubernetes.io/proxy-read-timeout": "120",
    "nginx.ingress.kubernetes.io/proxy-send-timeout": "120",
    "nginx.org/client-max-body-size": "10485760",
    "nginx.org/proxy-read-timeout": "120s",
    "nginx.org/proxy-send-timeout": "120s",
}


def rendered(server: Any = None, **ingress: Any) -> Any:
    fields = {"server": server} if server else {}
    return child(names.INGRESS, ingress={"host": HOST, **ingress}, **fields)


def test_the_whole_ingress() -> None:
    assert rendered(className="nginx", path="/m", tlsSecretName="tls") == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {**METADATA, "annotations": ANNOTATIONS},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [
                {
                    "host": HOST,
                    "http": {
                        "paths": [
                            {
                                "path": "/m",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "resnet50", "port": {"name": "http"}}},
                            }
                        ]
                    },
                }
            ],
            "tls": [{"hosts": [HOST], "secretName": "tls"}],
        },
    }


@pytest.mark.parametrize("name", [None, "nginx-internal", "public", "traefik"])
def test_limits_do_not_depend_on_what_a_class_is_called(name: str | None) -> None:
    """Only the cluster knows which controller stands behind a class, or behind the default one."""
    ingress = rendered(**({"className": name} if name else {}))
    assert ingress["metadata"]["annotations"] == ANNOTATIONS
    assert ingress["spec"].get("ingressClassName") == name


def test_a_controller_waits_longer_than_the_server() -> None:
    found = rendered(server={"timeoutSeconds": 600})["metadata"]["annotations"]
    assert {key: value for key, value in found.items() if "time" in key} == {
        key: "605s" if value.endswith("s") else "605" for key, value in ANNOTATIONS.items() if "time" in key
    }


def test_the_body_limit_is_the_server_s() -> None:
    found = rendered(server={"maxRequestBytes": 1 << 20})["metadata"]["annotations"]
    assert {value for key, value in found.items() if "body" in key} == {str(1 << 20)}


@pytest.mark.parametrize(
    ("path", "prefix"), [("/", None), ("/resnet50", "/resnet50"), ("/resnet50/", "/resnet50")]
)
def test_the_server_knows_the_path_that_clients_put_before_its_own(path: str, prefix: str | None) -> None:
    deployment = child(names.DEPLOYMENT, ingress={"host": HOST, "path": path})
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    found = {one["name"]: one["value"] for one in server["env"]}
    assert found.get("PADDLEMODEL_PATH_PREFIX") == prefix


def test_the_user_s_annotations_win() -> None:
    key = "nginx.ingress.kubernetes.io/proxy-body-size"
    found = rendered(annotations={key: "1g", "mine": "too"})["metadata"]["annotations"]
    assert found == ANNOTATIONS | {key: "1g", "mine": "too"}
