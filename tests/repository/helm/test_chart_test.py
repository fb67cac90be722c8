"""What `helm test` starts: a pod that may nothing and writes nothing."""

from typing import Any

import pytest
import yaml

from tests.repository.helm.charts import (
    ADAPTER,
    CHART,
    NAMESPACE,
    RELEASE,
    RESTRICTED,
    RESTRICTED_CONTAINER,
    helm,
)

Object = dict[str, Any]
TEMPLATE = "templates/test.yaml"


def pod(*flags: str) -> Object:
    rendered = helm(
        "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--show-only", TEMPLATE, *flags
    )
    service, found = (one for one in yaml.safe_load_all(rendered) if one)
    assert [one["metadata"]["annotations"]["helm.sh/hook"] for one in (service, found)] == ["test"] * 2
    spec: Object = found["spec"]
    return spec


def test_it_has_no_rights_and_no_key() -> None:
    spec = pod()
    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in spec
    (volume,) = spec["volumes"]
    assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]


def test_it_is_hardened() -> None:
    """Pod Security level restricted."""
    spec = pod()
    (container,) = spec["containers"]
    assert spec["securityContext"] == RESTRICTED | {"fsGroup": 65532}
    assert container["securityContext"] == RESTRICTED_CONTAINER


@pytest.mark.parametrize("source", ["prometheusAdapter", "keda", "none"])
def test_without_our_adapter_it_asks_the_operator_alone(source: str) -> None:
    spec = pod("--set", f"autoscaling.metricsSource={source}")
    (container,) = spec["containers"]
    assert container["args"] == [f"http://{RELEASE}-test.{NAMESPACE}.svc/readyz"]
    assert "volumes" not in spec
    assert "volumeMounts" not in container


def test_it_asks_both_and_takes_the_image_of_the_operator() -> None:
    (container,) = pod("--set", "image.repository=registry.example/me/operator")["containers"]
    assert container["image"].startswith("registry.example/me/operator:")
    assert container["args"][1] == f"https://{ADAPTER}.{NAMESPACE}.svc/readyz"
