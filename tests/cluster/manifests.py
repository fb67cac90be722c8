"""The manifests of the end-to-end tests: the examples, with models that the cluster itself serves."""

from typing import Any

import yaml

from devcluster.paths import REPOSITORY

NAMESPACE = "models"


def example(file: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / "examples" / file).read_text())
    return content


def cpu_model(uri: str, name: str = "textline-orientation", **model: Any) -> dict[str, Any]:
    """The CPU example with another source, small enough to stand beside others on two cores."""
    content = example("cpu-image-classification.yaml")
    content["metadata"]["name"] = name
    content["spec"]["model"] = {"uri": uri, **model}
    return content
