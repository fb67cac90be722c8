"""The generated files are those of the types, and the schema is one that Kubernetes accepts."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_api import contract
from paddlemodel_api.schema import crd

ROOT = Path(__file__).parents[2]
Schema = dict[str, Any]


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    """Made once: it costs a second."""
    return crd.generated()


def test_the_generated_files_are_up_to_date(generated: dict[str, str]) -> None:
    assert {path: (ROOT / path).read_text() for path in generated} == generated, (
        "run: .venv/bin/python -m paddlemodel_api.schema.crd --write ."
    )


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


@cache
def nodes() -> list[tuple[str, Schema]]:
    """Made once, and not while tests are collected: it costs a fifth of a second."""
    return [(path, node) for path, node in walk(crd.root_schema()) if path.startswith((".spec", ".status"))]


RAW = {
    ".spec.autoscaling.behavior",
    ".spec.autoscaling.metrics[]",
    ".spec.pod.affinity",
    ".spec.pod.tolerations[]",
    ".spec.pod.topologySpreadConstraints[]",
    ".spec.pod.env[].valueFrom",
}


def test_every_field_has_a_description_that_is_a_sentence() -> None:
    silent = [path for path, node in nodes() if path[-1] not in "]}" and not node.get("description")]
    assert silent == []
    assert [
        path for path, node in nodes() if "description" in node and not node["description"].endswith(".")
    ] == []


def test_every_optional_field_of_the_spec_tells_its_default() -> None:
    untold = []
    for path, node in nodes():
        for name, child in node.get("properties", {}).items():
            optional = name not in node.get("required", ()) and path.startswith(".spec")
            simple = "properties" not in child and "Default" not in child["description"]
            if optional and simple and not path.startswith(".spec.pod.env"):
                untold.append(f"{path}.{name}")
    assert untold == [".spec.resources.requests", ".spec.resources.limits"]  # The block above tells it.


def test_everything_has_an_end() -> None:
    """The API server counts the cost of rules by these limits, and etcd keeps less than 1.5 MB."""
    limits = {"string": "maxLength", "array": "maxItems"}
    endless = [
        path
        for path, node in nodes()
        if (limit := limits.get(node.get("type", ""))) and limit not in node and "enum" not in node
    ]
    assert endless == []
    maps = [path for path, node in nodes() if "additionalProperties" in node and "maxProperties" not in node]
    assert maps == []


def test_unknown_fields_are_kept_only_where_raw_kubernetes_passes_through() -> None:
    kept = {path for path, node in nodes() if node.get("x-kubernetes-preserve-unknown-fields")}
    assert kept == RAW


def test_the_schema_is_structural() -> None:
    for path, node in nodes():
        assert set(node) <= {
            *crd.KEEP,
            *crd.BOUNDS,
            "additionalProperties",
            "default",
            "exclusiveMinimum",
        } | {key for key in node if key.startswith("x-kubernetes-")}, path
        assert "type" in node or "x-kubernetes-int-or-string" in node, path


def test_the_manual_page_tells_every_field() -> None:
    page = (ROOT / "docs/api.md").read_text()
    for path, _ in nodes():
        name = path.replace("[]", "").replace("{}", "").lstrip(".")
        assert name in {"spec", "status"} or f"`{name}`" in page or path[-1] in "]}", name


def test_the_command_prints_what_it_writes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    crd.main([])
    printed = capsys.readouterr().out
    crd.main(["--write", str(tmp_path)])
    assert (tmp_path / "crds/paddlemodels.yaml").read_text() == printed
    assert yaml.safe_load(printed)["metadata"]["name"] == contract.CRD_NAME
