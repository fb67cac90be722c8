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
