"""What is known of one model, as the JSON of `paddlemodel status -o json`; pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.language.words import t
from paddlemodel_operator.observe.children import LiveObjects, observe
from paddlemodel_operator.observe.conditions import read_conditions
from paddlemodel_operator.status.judge import READY, condition
from paddlemodel_operator.status.pause import PAUSED
from paddlemodel_operator.status.reports import words_of

Object = Mapping[str, Any]

EVENTS_MAX: Final = 5
NOT_SEEN: Final = "NotObserved"
"""Where the operator has not handled the newest spec: what the status says is about an older one."""
DELETING: Final = "Deleting"


def of_model(body: Object) -> dict[str, Any]:
    """What the PaddleModel itself says: for the table, and the first part of the page."""
    metadata, status = body["metadata"], body.get("status") or {}
    said = condition(status, READY)
    reason, message = said.get("reason", ""), said.get("message", "")
    generation, seen = metadata.get("generation", 0), status.get("observedGeneration", 0)
    if metadata.get("deletionTimestamp"):
        reason, message = DELETING, t("The model is being deleted, and its pods with it.")
    elif seen != generation and not is_paused(status):
        reason, message = NOT_SEEN, _not_seen(generation, seen)
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "created": metadata.get("creationTimestamp", ""),
        "generation": generation,
        "observedGeneration": seen,
        "ready": said.get("status") == "True" and reason == said.get("reason"),
        "reason": reason,
        "message": message,
        "url": status.get("url"),
        "replicas": status.get("columns", {}).get("replicas"),
        "access": status.get("columns", {}).get("access"),
        "gpus": status.get("columns", {}).get("gpus"),
        "model": status.get("model"),
        "furtherModels": list(status.get("furtherModels", ())),
        "autoscaling": status.get("autoscaling"),
        "rollout": status.get("rollout"),
        "conditions": list(status.get("conditions", ())),
    }


def is_paused(status: Object) -> bool:
    """Whether the spec waits because a person wants it to, as Ready says then."""
    return bool(condition(status, PAUSED).get("status") == "True")


def _not_seen(generation: int, seen: int) -> str:
    if not seen:
        return t("The operator has not handled the model yet: check that it runs; paddlemodel doctor does.")
    return t(
        "The operator has not handled generation {newest} of the spec yet, but {seen}: if this lasts, "
        "check that it runs; paddlemodel doctor does.",
        newest=generation,
        seen=seen,
    )


def versions(pods: Sequence[Object], deployment: Object | None) -> list[dict[str, Any]]:
    """The pods by the version of the model that they serve, the newest one first."""
    template = deployment["spec"]["template"] if deployment else {"metadata": {}}
    newest = template["metadata"].get("labels", {}).get(contract.REVISION_LABEL)
    serving = [one for one in pods if contract.UPDATE_CHECK_LABEL not in one["metadata"].get("labels", {})]
    counts = Counter(one["metadata"].get("labels", {}).get(contract.REVISION_LABEL) for one in serving)
    return [
        _version(revision, serving, is_newest=revision == newest)
        for revision in sorted(counts, key=lambda revision: (revision != newest, revision or ""))
    ]


def _version(revision: str | None, pods: Sequence[Object], *, is_newest: bool) -> dict[str, Any]:
    own = [one for one in pods if one["metadata"].get("labels", {}).get(contract.REVISION_LABEL) == revision]
    ready = [one for one in own if read_conditions(one.get("status", {})).get("Ready", ("",))[0] == "True"]
    images = {
        container["image"]
        for one in own
        for container in one.get("spec", {}).get("containers", ())
        if container["name"] == names.SERVER_CONTAINER and "image" in container
    }
    return {
        "version": revision,
        "newest": is_newest,
        "canary": own[0]["metadata"].get("labels", {}).get(contract.TRACK_LABEL) == contract.TRACK_CANARY,
        "pods": len(own),
        "ready": len(ready),
        "digests": sorted(_digests(own)),
        "images": sorted(images),
    }


def _digests(pods: Sequence[Object]) -> set[str]:
    """What the fetchers of pods of one version have reported."""
    labels = pods[0]["metadata"].get("labels", {})
    spec = {"selector": {}, "template": {"metadata": {"labels": labels}}}
    seen = observe(LiveObjects(deployment={"metadata": {}, "spec": spec}, pods=pods))
    words = (words_of(pod, name) for pod in seen.pods for name in pod.fetches)
    return {found["digest"][:128] for found in words if found}


def events(items: Sequence[Object]) -> list[dict[str, Any]]:
    """The last Events about the model, the newest last."""
    told = [
        {
            "time": _time(one),
            "type": one.get("type", ""),
            "reason": one.get("reason", ""),
            "note": one.get("note", ""),
        }
        for one in items
    ]
    return sorted(told, key=lambda one: one["time"])[-EVENTS_MAX:]


def _time(event: Object) -> str:
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return next((str(one) for one in times if one), "")
