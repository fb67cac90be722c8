"""Each task served on the node once, from its example; `pytest -s` shows what is answered.

The addresses of the public models become those of small ones, and the pods ask for less, as two cores are all
there may be. Everything else is the example as it stands.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from devcluster.demo.paddlemodels import is_ready, wait_for
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.examples import pictures, words
from tests.cluster.examples.asking import Asked, pack
from tests.cluster.manifests import NAMESPACE, example
from tests.cluster.sources.places import web_server

pytestmark = [pytest.mark.node, pytest.mark.slow]

EXAMPLES = pictures.EXAMPLES | words.EXAMPLES
SHOWN = 400  # characters of an answer


def places(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Where a model's address stands, by the name of the further model; "" is spec.model."""
    (fields,) = content["spec"].get("task", {"auto": {}}).values()
    further = {name: value for name, value in fields.items() if isinstance(value, dict) and "uri" in value}
    return {"": content["spec"]["model"], **further}


@pytest.mark.parametrize("file", EXAMPLES)
def test_the_task_of_the_example_is_served(file: str, operator: Target, node: State, tmp_path: Path) -> None:
    content, chosen = example(file), EXAMPLES[file]
    name = content["metadata"]["name"]
    content["spec"]["resources"] = {"requests": {"cpu": "100m", "memory": "256Mi"}}
    with web_server(node, tmp_path, tmp_path) as address:
        models = chosen.models()
        for further, place in places(content).items():
            archive = tmp_path / f"model-{further}.tar"
            pack(models[further], archive)
            place["uri"] = f"{address}/{archive.name}"
        operator.apply(content, namespace=NAMESPACE)
        try:
            wait_for(operator, name, NAMESPACE, is_ready, "Ready")
            with operator.forward(NAMESPACE, f"service/{name}") as url:
                answer = chosen.ask(Asked(url, name))
        finally:
            operator.kubectl("delete", "pdm", name, f"--namespace={NAMESPACE}", "--timeout=180s")
    sys.stdout.write(f"\n{file}: {json.dumps(answer, ensure_ascii=False)[:SHOWN]}\n")
