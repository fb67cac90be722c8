"""Is there newer content at the model's URI, and are pods to be replaced for it? Pure.

The last pod that looked says what the URI resolves to, and each pod that serves what it had resolved to.
"""

from typing import Any, Final

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.observe.children import Container, Observed, Pod, last_words
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.render import fetching
from paddlemodel_operator.status import readiness_checks

REVISION_MAX: Final = 256


def revision_of(words: dict[str, Any]) -> str:
    """What a fetcher says that its URI resolved to; empty where it cannot tell, or says something else."""
    found = words.get("revision")
    return found[:REVISION_MAX] if isinstance(found, str) and found.isprintable() else ""


def replacement(model: PaddleModel, observed: Observed) -> str:
    """The revision for which the pods are replaced, or were the last time; empty where they never were.

    It stays in the pod template for as long as the URI does, also under another policy: its removal would
    replace the pods once more.
    """
    workload = observed.workload
    same = workload is not None and workload.source == fetching.address(model.spec.model)
    kept = workload.content if workload is not None and same else ""
    if model.spec.model.update_policy != "Auto" or not same:
        return kept
    return _seen(observed) if _outdated(observed) else kept


def update(model: PaddleModel, observed: Observed) -> Condition | None:
    """The condition ModelUpdateAvailable; None where nobody looks."""
    check, source = observed.check, model.spec.model
    if not source.looks_for_updates:
        return None
    if check is None or (check.exit_code is None and check.waiting not in readiness_checks.STUCK_REASONS):
        return Condition("Unknown", "NotChecked", f"No check of {model.place} has ended yet.")
    return _failed(model, check) if check.exit_code != 0 else _compared(model, observed)


def _compared(model: PaddleModel, observed: Observed) -> Condition:
    """What was seen beside what the pods serve."""
    seen, outdated = _seen(observed), _outdated(observed)
    words = [found for pod in observed.pods if (found := readiness_checks.words_of(pod))]
    content = observed.workload.content if observed.workload else ""
    if not seen:
        return Condition(
            "Unknown",
            "NoRevision",
            f"{model.place} tells no revision of its content, so what is new cannot be noticed: set "
            "spec.model.updatePolicy to Pinned, or serve the model from a place with an ETag or a version.",
        )
    if model.spec.model.update_policy == "Auto" and content == seen and (outdated or not words):
        return Condition("True", "RollingOut", f"Pods are replaced for revision {seen} of {model.place}.")
    if outdated:
        return Condition("True", "NewContent", _offer(model, outdated, seen))
    if not any(revision_of(found) for found in words):
        return Condition(
            "Unknown", "NotServed", f"{model.place} has revision {seen}; no pod says which one it serves."
        )
    return Condition("False", "UpToDate", f"{model.place} still has revision {seen}.")


def _seen(observed: Observed) -> str:
    check = observed.check
    return revision_of(last_words(check)) if check is not None and check.exit_code == 0 else ""


def _outdated(observed: Observed) -> list[Pod]:
    """The pods that had fetched another revision before it was looked for the last time."""
    seen, check = _seen(observed), observed.check
    if not seen or check is None:
        return []
    return [
        pod
        for pod in observed.pods
        if revision_of(readiness_checks.words_of(pod)) not in {"", seen} and pod.fetch.ended < check.ended
    ]


def _offer(model: PaddleModel, outdated: list[Pod], seen: str) -> str:
    old = revision_of(readiness_checks.words_of(outdated[-1]))
    if model.spec.model.digest is not None:
        cure = "change or remove spec.model.digest to take it"
    else:
        cure = (
            f"run kubectl rollout restart deployment/{model.name} --namespace {model.namespace} to take it, "
            "or set spec.model.updatePolicy to Auto"
        )
    serve = "1 pod serves" if len(outdated) == 1 else f"{len(outdated)} pods serve"
    return f"{model.place} has revision {seen} now, and {serve} {old}: {cure}."


def _failed(model: PaddleModel, check: Container) -> Condition:
    """New content cannot be looked for; what is served is not touched by that."""
    if check.exit_code is None:
        cause = f"{check.waiting}: {check.waiting_message}"
        return Condition("Unknown", "CheckFailed", f"The pod of cronjob/{model.name} cannot start. {cause}")
    if fault := readiness_checks.reported(model, check):
        return Condition("Unknown", fault.reason, fault.message)
    return Condition(
        "Unknown",
        "CheckFailed",
        f"The check for new content ended with exit code {check.exit_code}: see kubectl logs --namespace "
        f"{model.namespace} job/JOB of cronjob/{model.name}.",
    )
