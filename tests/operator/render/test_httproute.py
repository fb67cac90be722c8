"""The HTTPRoute of docs/install.md: the operator makes none, and what a user writes fits what it makes."""

import re
from typing import Any

import pytest
import yaml
from paddlemodel_operator.base import names

from tests.operator.support.builders import rendered as child
from tests.repository.sources import ROOT


@pytest.fixture
def rule() -> Any:
    page = (ROOT / "docs/install.md").read_text()
    (text,) = re.findall(r"```yaml\n(apiVersion: gateway.*?)```", page, re.DOTALL)
    (found,) = yaml.safe_load(text)["spec"]["rules"]
    return found


def test_the_route_leads_to_the_service_of_the_example(rule: Any) -> None:
    example = yaml.safe_load((ROOT / "examples/cpu-image-classification.yaml").read_text())
    (backend,) = rule["backendRefs"]
    assert backend["name"] == example["metadata"]["name"]
    assert [port["port"] for port in child(names.SERVICE)["spec"]["ports"]] == [backend["port"]]


def test_the_gateway_cuts_the_path_off(rule: Any) -> None:
    """As the server does it for a model with spec.ingress.path."""
    ((match,), (rewrite,)) = rule["matches"], rule["filters"]
    assert match["path"]["type"] == "PathPrefix"
    assert rewrite["urlRewrite"]["path"] == {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
