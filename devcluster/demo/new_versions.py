"""The demo's scene about new versions: the gate stops one, a canary is ended, no client notices.

Both start without an error, and are as quick as the version that serves. One has other weights; the other has
the right ones, and calls what it sees by the wrong names.
"""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.errors import DevclusterError
from devcluster.progress import say, step
from devcluster.target import Target
from tests.cluster.load import Load

NAME = "careful"
RECORDING = "careful-answers"
SPOILT_BYTES = 1024
ONE = b"\x00\x00\x80\x3f"
"""1.0 as a float of four bytes."""
#: First mirrored requests only, so that no client ever sees an answer of a version that gives other ones.
ROLLOUT: dict[str, Any] = {
    "strategy": "Canary",
    "steps": [{"weight": 0, "minutes": 0}, {"weight": 50, "minutes": 0}],
    "mirror": {"percent": 100},
    "abortOn": {"minRequests": 50},
}


OTHER = "other-"
"""Before the name of an archive: that of the same model with some other weights."""


def spoilt(archive: Path) -> Path:
    """Make such an archive beside the right one."""
    changed = archive.with_name(f"{OTHER}{archive.name}")
    with tarfile.open(archive) as source, tarfile.open(changed, "w", format=tarfile.GNU_FORMAT) as goal:
        for member in source:
            file = source.extractfile(member)
            content = file.read() if file else b""
            if member.name.endswith(".pdiparams"):
                content = content[:-SPOILT_BYTES] + ONE * (SPOILT_BYTES // len(ONE))
            goal.addfile(member, io.BytesIO(content))
    return changed


def play(target: Target, namespace: str, image: str, like: dict[str, Any]) -> None:
    """Serve a model, and try two bad versions of it under load.

    Args:
        target: The cluster, with the operator.
        namespace: Where the model shall be.
        image: The server's, whose Python makes the load.
        like: A PaddleModel whose spec is taken over; it says whether a line of text is upside down. Beside
            its archive lies the one with other weights.

    Raises:
        DevclusterError: A bad version was not found out, or a client has lost a request.
    """
    scene = _Scene(target, namespace)
    uri, task = like["spec"]["model"]["uri"], like["spec"]["task"]["imageClassification"]
    with step("serve a model whose new versions are tried out, ask it, and record an answer"):
        target.apply(_model(like), namespace=namespace)
        scene.until(is_ready, "Ready")
        target.apply(_recorded(target, namespace), namespace=namespace, server_side=True)
    (pod,) = target.read("pods", f"--namespace={namespace}", "-l", f"paddlemodel.dev/model={NAME}")["items"]
    load = Load(target, namespace, 1)
    load.start(image, NAME, at=pod["spec"]["nodeName"])
    before = load.now()
    with step("a new version with other weights: its pod does not answer as recorded, and gets no request"):
        gate = {"recording": {"configMap": {"name": RECORDING}}}
        place, _, archive = uri.rpartition("/")
        scene.change(model={"uri": f"{place}/{OTHER}{archive}"}, verification=gate)
        scene.ended("VerificationFailed")
    with step("a new version that names what it sees wrongly: mirrored requests are answered otherwise"):
        scene.change(model={"uri": uri}, task={"imageClassification": {**task, "labels": ["180", "0"]}})
        agreement = scene.ended("Disagreement")["status"]["rollout"]["agreement"]
        say(f"    {agreement['agreed']} of {agreement['compared']} answers agreed")
    after = load.now()
    load.end()
    counted = {key: after.get(key, 0) - before.get(key, 0) for key in ("answered", "lost")}
    say(f"    {counted['answered']} requests were answered meanwhile, all as before, {counted['lost']} lost")
    if counted["lost"]:
        raise DevclusterError(f"clients have lost requests: {after['faults']}")
    target.kubectl("delete", f"pdm/{NAME}", f"--namespace={namespace}")


class _Scene:
    """The model, and what its status says."""

    def __init__(self, target: Target, namespace: str) -> None:
        self._target, self._namespace = target, namespace

    def change(self, **spec: Any) -> None:
        patch = json.dumps({"spec": spec})
        here = f"--namespace={self._namespace}"
        self._target.kubectl("patch", f"pdm/{NAME}", here, "--type=merge", f"--patch={patch}")

    def until(self, good: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        return wait_for(self._target, NAME, self._namespace, good, what)

    def ended(self, cause: str) -> dict[str, Any]:
        """Until the newest version was ended as a canary, for this cause."""

        def is_ended(item: dict[str, Any]) -> bool:
            ready = condition(item, "Ready")
            newest = ready.get("observedGeneration") == item["metadata"]["generation"]
            return newest and ready.get("reason") == "CanaryAborted"

        found = self.until(is_ended, "an abort")
        if found["status"]["rollout"]["aborted"]["reason"] != cause:
            raise DevclusterError(f"the canary was not ended for {cause}")
        say(f"    CanaryAborted: {condition(found, 'Ready')['message']}")
        return found


def _model(like: dict[str, Any]) -> dict[str, Any]:
    return {
        **like,
        "metadata": {"name": NAME},
        "spec": {**like["spec"], "rollout": ROLLOUT, "resources": {"requests": {"cpu": "50m"}}},
    }


def _recorded(target: Target, namespace: str) -> dict[str, Any]:
    """A request and its answer, as a ConfigMap."""
    shape = [1, 3, 48, 192]
    data = [index % 7 / 7 for index in range(3 * 48 * 192)]
    with target.forward(namespace, f"service/{NAME}") as url:
        (tensor,) = httpx.get(f"{url}/v2/models/{NAME}").json()["inputs"]
        given = {"name": tensor["name"], "datatype": "FP32", "shape": shape, "data": data}
        response = httpx.post(f"{url}/v2/models/{NAME}/infer", json={"inputs": [given]}, timeout=60)
    if response.status_code != 200:
        raise DevclusterError(f"the request to record was answered {response.status_code}: {response.text}")
    line = json.dumps({"request": {"inputs": [given]}, "response": response.json()})
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": RECORDING},
        "data": {"verify.jsonl": line},
    }
