"""Random specs on a real API server: it accepts what the operator understands, and what it renders."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.render import render

from tests.operator.support.builders import body
from tests.operator.support.cluster import Cluster
from tests.operator.support.field_specs.random_specs import ALLOWED, is_valid, specs

pytestmark = pytest.mark.control_plane


def said_to(cluster: Cluster, kind: names.Kind, child: dict[str, Any]) -> str:
    """What the API server says to a server-side apply of it, without keeping it; empty when it accepts."""
    metadata = child["metadata"]
    answer = cluster.http.patch(
        kind.item(metadata["namespace"], metadata["name"]),
        params={"fieldManager": "random", "force": "true", "dryRun": "All", "fieldValidation": "Strict"},
        content=json.dumps(child),
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    return "" if answer.is_success else str(answer.json()["message"])


@given(spec=specs().filter(is_valid))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_what_the_operator_understands_the_api_server_accepts(cluster: Cluster, spec: dict[str, Any]) -> None:
    manifest = {**body(), "spec": spec}
    manifest["metadata"] = {"name": "random", "namespace": "default"}
    assert cluster.try_create(manifest, strict=True) == ""
    manifest["metadata"]["uid"] = "11111111-1111-1111-1111-111111111111"
    children = render(from_body(manifest), ALLOWED)
    refused = {
        str(child): found
        for child, rendered in children.items()
        if child.kind not in names.OPTIONAL_KINDS and (found := said_to(cluster, child.kind, rendered))
    }
    assert refused == {}
