"""The definition as the chart installs it on older Kubernetes; the real API servers are in neighbours/."""

from typing import Any

import yaml

from tests.repository.helm.charts import CHART, RELEASE, helm


def test_on_1_30_the_definition_is_without_the_two_rules_that_it_does_not_know() -> None:
    """Its API server would refuse all of it for a function of CEL that 1.31 brought into use."""

    def definition(version: str) -> dict[str, Any]:
        words = ("--show-only", "templates/crd.yaml", "--kube-version", version)
        found: dict[str, Any] = yaml.safe_load(helm("template", RELEASE, str(CHART), *words))
        return found

    def rules(node: Any) -> list[dict[str, str]]:
        if isinstance(node, dict):
            own: list[dict[str, str]] = node.get("x-kubernetes-validations", [])
            return own + [rule for value in node.values() for rule in rules(value)]
        return [rule for one in node for rule in rules(one)] if isinstance(node, list) else []

    older, newer = definition("1.30.14"), definition("1.31.0")
    changed = [(was, now) for was, now in zip(rules(newer), rules(older), strict=True) if was != now]
    assert len(changed) == 2
    for was, now in changed:
        assert "isCIDR(" in was["rule"]
        assert now == {**was, "rule": "true"}
        was["rule"] = "true"
    assert newer == older
    assert "isCIDR" not in str(older)
