"""The chart as a package: what Artifact Hub reads of it, and the way through a registry."""

from pathlib import Path
from typing import Any

import yaml
from paddlemodel_operator.base.model import from_body

from tests.repository.helm.charts import CHART, NAMESPACE, RELEASE, helm, one, render, variables
from tests.repository.sources import ROOT
from tests.serving_image.support.hubs.registry import running

META: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())


def annotation(name: str) -> Any:
    return yaml.safe_load(META["annotations"][f"artifacthub.io/{name}"])


def test_the_images_are_those_that_the_chart_installs() -> None:
    objects = render()
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    settings = variables(objects)
    kinds = [settings[f"PADDLEMODEL_OPERATOR_SERVER_IMAGE_{kind}"] for kind in ("CPU", "GPU")]
    assert [found["image"] for found in annotation("images")] == [container["image"], *kinds]


def test_the_definition_is_named_as_it_is() -> None:
    definition = yaml.safe_load((ROOT / "crds/paddlemodels.yaml").read_text())
    (named,) = annotation("crds")
    (version,) = definition["spec"]["versions"]
    assert (named["kind"], named["version"], named["name"]) == (
        definition["spec"]["names"]["kind"],
        version["name"],
        definition["metadata"]["name"],
    )


def test_the_example_is_one_that_the_operator_takes() -> None:
    (example,) = annotation("crdsExamples")
    example["metadata"] |= {"namespace": "default", "uid": "u", "generation": 1}
    assert from_body(example).name == "textline-orientation"


def test_helm_finds_nothing_to_complain_about() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


def test_it_is_pushed_to_a_registry_and_installed_from_there(tmp_path: Path) -> None:
    assert "Successfully packaged" in helm("package", str(CHART), "--destination", str(tmp_path))
    package = tmp_path / f"{META['name']}-{META['version']}.tgz"
    with running(tmp_path) as registry:
        place = f"oci://{registry.host}/charts"
        helm("push", str(package), place, "--plain-http")
        words = (f"{place}/{META['name']}", "--version", META["version"], "--plain-http")
        rendered = helm("template", RELEASE, *words, "--skip-tests", "--namespace", NAMESPACE)
        assert [found for found in yaml.safe_load_all(rendered) if found] == render()
