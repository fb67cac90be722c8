"""The HTTPRoute: whose Gateways lead to the Service, and how long they wait."""

import re
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError

from tests.operator.support.builders import SETTINGS
from tests.operator.support.builders import rendered as child
from tests.operator.support.expected import METADATA

ENABLED = SETTINGS.model_copy(update={"gateway_api": True})
PUBLIC = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}


def rendered(server: Any = None, **gateway: Any) -> Any:
    fields = {"server": server} if server else {}
    wanted = {"parentRefs": [{"name": "public"}], **gateway}
    return child(names.HTTP_ROUTE, ENABLED, gateway=wanted, **fields)


def test_the_whole_route() -> None:
    """Each default of the definition is written out, or the API server's would look like somebody's edit."""
    parents = [{"name": "public"}, {"name": "inner", "namespace": "infra", "sectionName": "https"}]
    assert rendered(parentRefs=parents, hostnames=["a.example.com"], path="/m") == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": METADATA,
        "spec": {
            "parentRefs": [PUBLIC, {**PUBLIC, "name": "inner", "namespace": "infra", "sectionName": "https"}],
            "hostnames": ["a.example.com"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/m"}}],
                    "backendRefs": [
                        {"group": "", "kind": "Service", "name": "resnet50", "port": 80, "weight": 1}
                    ],
                    "timeouts": {"request": "120s"},
                }
            ],
        },
    }


def test_without_names_the_listeners_are_the_gateways() -> None:
    found = rendered()["spec"]
    assert "hostnames" not in found
    assert found["rules"][0]["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]


def test_it_leads_to_the_port_of_the_service() -> None:
    made = child(
        names.HTTP_ROUTE, ENABLED, gateway={"parentRefs": [{"name": "public"}]}, service={"port": 8000}
    )
    (rule,) = made["spec"]["rules"]
    assert [(one["name"], one["port"]) for one in rule["backendRefs"]] == [("resnet50", 8000)]


def test_the_gateway_waits_longer_than_the_server() -> None:
    (rule,) = rendered(server={"timeoutSeconds": 600})["spec"]["rules"]
    assert rule["timeouts"] == {"request": "605s"}


def test_the_server_takes_the_path_off() -> None:
    """As behind an Ingress: the links of its page hold, and no filter has to be known to the Gateway."""
    gateway = {"parentRefs": [{"name": "public"}], "path": "/resnet50/"}
    deployment = child(names.DEPLOYMENT, ENABLED, gateway=gateway)
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    found = {one["name"]: one["value"] for one in server["env"]}
    assert found["PADDLEMODEL_PATH_PREFIX"] == "/resnet50"
    assert "filters" not in rendered(path="/resnet50/")["spec"]["rules"][0]


def test_nobody_gets_one_who_does_not_ask_for_it() -> None:
    assert child(names.HTTP_ROUTE, ENABLED) is None


def test_an_operator_that_makes_none_says_so() -> None:
    with pytest.raises(SpecError, match=re.escape("set the chart's value gatewayAPI.enabled")):
        child(names.HTTP_ROUTE, gateway={"parentRefs": [{"name": "public"}]})
