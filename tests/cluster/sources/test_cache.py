"""Twenty pods that start at once and share a claim: the model is fetched once, and all have it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.render import container, pods

from devcluster.demo.play import server_image
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.manifests import NAMESPACE, cpu_model
from tests.cluster.sources import claims
from tests.cluster.sources.places import web_server

pytestmark = pytest.mark.node

HERE = f"--namespace={NAMESPACE}"
CLAIM = "shared-cache"
PODS = 20


def fetching(target: Target, name: str, uri: str, count: int, **model: Any) -> dict[str, Any]:
    """A Job of pods that are the init container of a model, and nothing else."""
    body = cpu_model(uri, name, cache={"claimName": CLAIM, "keep": 2}, **model)
    body["metadata"] |= {"namespace": NAMESPACE, "uid": "1"}
    manifest = from_body(body)
    fetch = container.fetch(manifest, manifest.fetched[0], server_image(target))
    fetch["resources"] = {"requests": {"cpu": "10m", "memory": "64Mi"}}
    spec = {
        "restartPolicy": "Never",
        "containers": [fetch],
        "volumes": container.volumes(manifest),
        **pods.confined(),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "completions": count,
            "parallelism": count,
            "backoffLimit": 0,
            "template": {"metadata": {"labels": {"run": name}}, "spec": spec},
        },
    }


@pytest.fixture(scope="module")
def claim(operator: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A claim that pods of both nodes can write, and its folder on the host, which is one for both."""
    folder = tmp_path_factory.mktemp("cache")
    with claims.shared(operator, CLAIM, folder, NAMESPACE):
        yield folder


def told(target: Target, name: str) -> list[dict[str, Any]]:
    """The last words of all pods of a Job, once it is done."""
    target.kubectl("wait", f"job/{name}", "--for=condition=Complete", HERE, "--timeout=300s")
    found = target.read("pods", HERE, "-l", f"run={name}")["items"]
    states = [pod["status"]["containerStatuses"][0]["state"]["terminated"] for pod in found]
    return [json.loads(state["message"]) for state in states]


def fetchers(target: Target, name: str) -> list[str]:
    """The pods of a Job that did not find the model on the claim."""
    pods = target.kubectl("get", "pods", HERE, "-l", f"run={name}", "-o", "name").split()
    return [pod for pod in pods if "taken from the cache" not in target.kubectl("logs", pod, HERE)]


def test_twenty_pods_fetch_once_and_the_next_one_needs_no_server(
    operator: Target, node: State, claim: Path, archive: Path, tmp_path: Path
) -> None:
    content = tmp_path / "served"
    content.mkdir()
    (content / archive.name).write_bytes(archive.read_bytes())
    with web_server(node, tmp_path, content) as address:
        uri = f"{address}/{archive.name}"
        operator.apply(fetching(operator, "race", uri, PODS), namespace=NAMESPACE)
        words = told(operator, "race")
        assert len(words) == PODS
        assert len({one["digest"] for one in words}) == 1
        assert len(fetchers(operator, "race")) == 1
        assert all(one["revision"] == words[0]["revision"] for one in words)
    digest = words[0]["digest"]
    # The server is gone. A digest says which content is meant, and the claim has it.
    operator.apply(fetching(operator, "offline", uri, 1, digest=digest), namespace=NAMESPACE)
    assert [one["digest"] for one in told(operator, "offline")] == [digest]
    assert fetchers(operator, "offline") == []
    assert any(claim.iterdir())
    operator.kubectl("delete", "jobs", "race", "offline", HERE)
