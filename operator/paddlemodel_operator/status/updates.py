"""Is there newer content at the model's URI, and are pods to be replaced for it? Pure.

The last pod that looked says what the URI resolves to, and each pod that serves what it had resolved to.
"""

from typing import Any, Final

from paddlemodel_operator.base.model import FetchedModel, PaddleModel
from paddlemodel_operator.observe.children import Container, Observed, Pod, last_words
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.render import fetching
from paddlemodel_operator.status.readiness_checks import STUCK_REASONS
from paddlemodel_operator.status.reports import fetch_fault, words_of

REVISION_MAX: Final = 256


def revision_of(words: dict[str, Any]) -> str:
    """What a fetcher says that its URI resolved to; empty where it cannot tell, or says something else."""
    found = words.get("revision")
    return found[:REVISION_MAX] if isinstance(found, str) and found.isprintable() else ""


def replacement(model: PaddleModel, observed: Observed) -> dict[str, str]:
    """The revisions for which the pods are replaced, or were the last time, by the names of the models.

    One stays in the pod template for as long as the URI does, also under another policy: its removal would
    replace the pods once more.
    """
    found = {one.name: _replacement(model, one, observed) for one in model.fetched}
    return {name: revision for name, revision in found.items() if revision}


def _replacement(model: PaddleModel, wanted: FetchedModel, observed: Observed) -> str:
    workload, name = observed.workload, wanted.name
    if workload is None or workload.sources.get(name) != fetching.address(wanted):
        return ""
    kept = workload.contents.get(name, "")
    if model.spec.model.update_policy != "Auto":
        return kept
    return _seen(name, observed) if _outdated(name, observed) else kept


def update(model: PaddleModel, observed: Observed) -> Condition | None:
    """The condition ModelUpdateAvailable; None where nobody looks.

    Of several models it tells of those with new content, else of those of which nothing is known.
    """
    found = [_update(model, one, observed) for one in model.fetched if one.looks_for_updates]
    for status in ("True", "Unknown", "False"):
        if told := [one for one in found if one.status == status]:
            return told[0]._replace(message=" ".join(one.message for one in told))
    return None


def _update(model: PaddleModel, wanted: FetchedModel, observed: Observed) -> Condition:
    check = observed.checks.get(wanted.name)
    if check is None or (check.exit_code is None and check.waiting not in STUCK_REASONS):
        return Condition("Unknown", "NotChecked", f"No check of {wanted.place} has ended yet.")
    return _failed(model, wanted, check) if check.exit_code != 0 else _compared(model, wanted, observed)


def _compared(model: PaddleModel, wanted: FetchedModel, observed: Observed) -> Condition:
    """What was seen beside what the pods serve."""
    name, place = wanted.name, wanted.place
    seen, outdated = _seen(name, observed), _outdated(name, observed)
    words = [found for pod in observed.pods if (found := words_of(pod, name))]
    content = observed.workload.contents.get(name) if observed.workload else None
    if not seen:
        return Condition(
            "Unknown",
            "NoRevision",
            f"{place} tells no revision of its content, so what is new cannot be noticed: set "
            "spec.model.updatePolicy to Pinned, or serve the model from a place with an ETag or a version.",
        )
    if model.spec.model.update_policy == "Auto" and content == seen and (outdated or not words):
        return Condition("True", "RollingOut", f"Pods are replaced for revision {seen} of {place}.")
    if outdated:
        return Condition("True", "NewContent", _offer(model, wanted, outdated, seen))
    if not any(revision_of(found) for found in words):
        return Condition(
            "Unknown", "NotServed", f"{place} has revision {seen}; no pod says which one it serves."
        )
    return Condition("False", "UpToDate", f"{place} still has revision {seen}.")


def _seen(name: str, observed: Observed) -> str:
    check = observed.checks.get(name)
    return revision_of(last_words(check)) if check is not None and check.exit_code == 0 else ""


def _outdated(name: str, observed: Observed) -> list[Pod]:
    """The pods that had fetched another revision of a model before it was looked for the last time."""
    seen, check = _seen(name, observed), observed.checks.get(name)
    if not seen or check is None:
        return []
    return [
        pod
        for pod in observed.pods
        if revision_of(words_of(pod, name)) not in {"", seen} and pod.fetches[name].ended < check.ended
    ]


def _offer(model: PaddleModel, wanted: FetchedModel, outdated: list[Pod], seen: str) -> str:
    old = revision_of(words_of(outdated[-1], wanted.name))
    if wanted.source.digest is not None:
        cure = f"change or remove {wanted.field}.digest to take it"
    elif model.spec.rollout.strategy == "Canary":
        cure = "set spec.model.updatePolicy to Auto to try it out as a canary"
    else:
        cure = (
            f"run kubectl rollout restart deployment/{model.name} --namespace {model.namespace} to take it, "
            "or set spec.model.updatePolicy to Auto"
        )
    serve = "1 pod serves" if len(outdated) == 1 else f"{len(outdated)} pods serve"
    return f"{wanted.place} has revision {seen} now, and {serve} {old}: {cure}."


def _failed(model: PaddleModel, wanted: FetchedModel, check: Container) -> Condition:
    """New content cannot be looked for; what is served is not touched by that."""
    if check.exit_code is None:
        cause = f"{check.waiting}: {check.waiting_message}"
        return Condition("Unknown", "CheckFailed", f"The pod of cronjob/{model.name} cannot start. {cause}")
    if fault := fetch_fault(model, wanted, check):
        return Condition("Unknown", fault.reason, fault.message)
    return Condition(
        "Unknown",
        "CheckFailed",
        f"The check of {wanted.place} ended with exit code {check.exit_code}: see kubectl logs --namespace "
        f"{model.namespace} job/JOB of cronjob/{model.name}.",
    )
