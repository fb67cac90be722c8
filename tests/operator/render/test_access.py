"""What `spec.access` changes in the children, and that nobody but the server gets a key."""

from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.render import render

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
