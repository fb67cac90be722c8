"""What `spec.access` changes in the children, and that nobody but the server gets a key."""

from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.render import render
from paddlemodel_operator.status import judge

from tests.operator.support import builders
from tests.operator.support.builders import SETTINGS, rendered
from tests.operator.support.expected import SERVER

KEYS = {"apiKeys": {"secretName": "clients"}}


def pod_spec(**access: Any) -> Any:
    return rendered(names.DEPLOYMENT, access=access)["spec"]["template"]["spec"]


def test_the_keys_are_the_server_s_alone() -> None:
    spec = pod_spec(**KEYS)
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    mount = {"name": "api-keys", "mountPath": "/mnt/api-keys", "readOnly": True}
    variable = {"name": "PADDLEMODEL_API_KEYS_DIR", "value": "/mnt/api-keys"}
    assert server == SERVER | {
        "env": [*SERVER["env"], variable],
        "volumeMounts": [*SERVER["volumeMounts"], mount],
    }
    assert "api-keys" not in str(fetch)
    assert spec["volumes"][2:] == [
        # Optional: a pod that waits for a Secret tells it in Events only, the server in its last words.
        {"name": "api-keys", "secret": {"secretName": "clients", "optional": True, "defaultMode": 0o440}}
    ]


TOKENS: dict[str, Any] = {"issuer": "https://a", "audiences": ["b"], "keys": {"uri": "https://a/keys"}}


def test_tokens_are_a_setting_and_fetched_keys_are_not_mounted() -> None:
    spec = pod_spec(jwt=TOKENS)
    (server,) = spec["containers"]
    assert server["env"][len(SERVER["env"]) :] == [
        {
            "name": "PADDLEMODEL_JWT",
            "value": '{"issuer":"https://a","audiences":["b"],"keys":{"uri":"https://a/keys"},'
            '"clientClaim":"sub"}',
        }
    ]
    assert server["volumeMounts"] == SERVER["volumeMounts"]
    assert len(spec["volumes"]) == 2


def test_the_keys_of_tokens_are_a_config_map_of_the_server() -> None:
    spec = pod_spec(jwt=TOKENS | {"keys": {"configMapName": "cluster-keys"}})
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    assert server["volumeMounts"][-1] == {"name": "jwt-keys", "mountPath": "/mnt/jwt-keys", "readOnly": True}
    assert {"name": "PADDLEMODEL_JWT_KEYS_DIR", "value": "/mnt/jwt-keys"} in server["env"]
    assert "jwt" not in str(fetch)
    assert spec["volumes"][2:] == [
        {"name": "jwt-keys", "configMap": {"name": "cluster-keys", "optional": True}}
    ]
    assert spec["automountServiceAccountToken"] is False


def test_limits_are_shared_under_the_model_s_name_by_a_password_that_only_the_server_has() -> None:
    limits = [{"per": "Model", "requests": 9}]
    shared = {"uri": "redis://valkey.limits.svc:6379", "secretName": "limits"}
    spec = pod_spec(rateLimits=limits, sharedLimits=shared)
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    assert server["env"][-2:] == [
        {
            "name": "PADDLEMODEL_SHARED_LIMITS",
            "value": '{"uri":"redis://valkey.limits.svc:6379","prefix":"ml/resnet50"}',
        },
        {"name": "PADDLEMODEL_SHARED_LIMITS_DIR", "value": "/mnt/shared-limits"},
    ]
    mount = {"name": "shared-limits", "mountPath": "/mnt/shared-limits", "readOnly": True}
    assert server["volumeMounts"] == [*SERVER["volumeMounts"], mount]
    assert "shared-limits" not in str(fetch)
    assert spec["volumes"][2:] == [
        {"name": "shared-limits", "secret": {"secretName": "limits", "optional": True, "defaultMode": 0o440}}
    ]
    without = pod_spec(rateLimits=limits, sharedLimits={"uri": shared["uri"]})
    assert "_DIR" not in str(without["containers"][0]["env"][-1])
    assert len(without["volumes"]) == 2


def test_only_the_pods_change() -> None:
    with_access, without = builders.model(access=KEYS), builders.model()
    changed = {
        key.kind.kind
        for key, child in render(with_access, SETTINGS).items()
        if child != render(without, SETTINGS)[key]
    }
    assert changed == {"Deployment"}


@pytest.mark.parametrize("variable", contract.ACCESS_VARIABLES)
def test_the_environment_cannot_open_what_the_spec_closes(variable: str) -> None:
    with pytest.raises(SpecError, match="must not set PADDLEMODEL_"):
        from_body(builders.body(access=KEYS, pod={"env": [{"name": variable, "value": "/tmp"}]}))


def test_limits_are_settings_and_nothing_is_mounted() -> None:
    limits = [{"per": "Address", "requests": 60}, {"per": "Model", "requests": 9, "seconds": 1, "burst": 3}]
    spec = pod_spec(rateLimits=limits, trustedProxies={"cidrs": ["10.0.0.0/8", "fd00::/8"]})
    (server,) = spec["containers"]
    assert server["env"][len(SERVER["env"]) :] == [
        {
            "name": "PADDLEMODEL_RATE_LIMITS",
            "value": '[{"per":"Address","requests":60,"seconds":60},'
            '{"per":"Model","requests":9,"seconds":1,"burst":3}]',
        },
        {"name": "PADDLEMODEL_TRUSTED_PROXIES", "value": "10.0.0.0/8,fd00::/8"},
    ]
    assert server["volumeMounts"] == SERVER["volumeMounts"]
    assert len(spec["volumes"]) == 2


def test_a_certificate_is_mounted_and_everybody_in_front_is_told() -> None:
    fields: Any = {"access": {"tls": {"secretName": "cert"}}, "ingress": {"host": "a.example.com"}}
    spec = rendered(names.DEPLOYMENT, **fields)["spec"]["template"]["spec"]
    (server,) = spec["containers"]
    assert server["volumeMounts"][-1] == {"name": "tls", "mountPath": "/mnt/tls", "readOnly": True}
    assert spec["volumes"][-1]["secret"]["secretName"] == "cert"
    assert {one["name"]: one.get("value") for one in server["env"]}["PADDLEMODEL_TLS_DIR"] == "/mnt/tls"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert server[probe]["httpGet"]["port"] == "admin"
        assert "scheme" not in server[probe]["httpGet"]
    service, plain = rendered(names.SERVICE, **fields), rendered(names.SERVICE)
    assert service["spec"]["ports"] == [plain["spec"]["ports"][0] | {"appProtocol": "https"}]
    assert service["metadata"]["annotations"] == {
        "traefik.ingress.kubernetes.io/service.serversscheme": "https"
    }
    told = rendered(names.INGRESS, **fields)["metadata"]["annotations"]
    untold = rendered(names.INGRESS, ingress=fields["ingress"])["metadata"]["annotations"]
    assert {name: text for name, text in told.items() if name not in untold} == {
        "nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
        "nginx.org/ssl-services": "resnet50",
        "haproxy-ingress.github.io/backend-protocol": "h1-ssl",
        "haproxy.org/server-ssl": "true",
    }


@pytest.mark.parametrize(
    ("port", "url"), [(443, "https://resnet50.ml.svc"), (80, "https://resnet50.ml.svc:80")]
)
def test_the_address_in_the_status_is_one_that_works(port: int, url: str) -> None:
    model = builders.model(access={"tls": {"secretName": "cert"}}, service={"port": port})
    assert judge.url(model) == url
