"""The condition ModelVerified, and its numbers: do the pods answer the recorded requests as recorded?

A pod is ready only after its server has verified the model, so a ready pod is a proof; a server that refuses
says why in its termination message.
"""

from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_api import contract
from paddlemodel_api.rollout.verified import VerificationStatus
from pydantic import ValidationError

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.observe.children import Observed, Pod, last_words
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.rollout import giving_up
from paddlemodel_operator.status.reports import Fault, reported

REASONS: Final = frozenset(
    {"VerificationFailed", "VerificationTooSlow", "RecordingMissing", "RecordingInvalid", "UnknownOutput"}
)
"""The words by which a server says that it did not get through the gate."""


def verified(model: PaddleModel, observed: Observed, before: Mapping[str, Any]) -> Condition | None:
    """The condition; None where nothing is to be verified. `before` is the status as it was.

    What was said of a version that was given up for its answers stays, though it has no pod any more.
    """
    if model.spec.verification is None:
        return None
    if (found := _of_pods(model, observed)).status == "False" or not _is_of_given_up(observed):
        return found
    said = before.get("conditions", ())
    known: Mapping[str, Any] = next((one for one in said if one.get("type") == "ModelVerified"), {})
    return Condition("False", known["reason"], known["message"]) if known.get("status") == "False" else found


def _of_pods(model: PaddleModel, observed: Observed) -> Condition:
    ready = observed.ready_pods
    for pod in observed.pods:
        if fault := _refused(model, pod):
            if not ready:
                return Condition("False", fault.reason, fault.message)
            where = f" on node {pod.node}" if pod.node else ""
            return Condition(
                "False",
                "PodDisagrees",
                f"Pod {pod.name}{where} does not get traffic, while {ready} of its version "
                f"{'do' if ready > 1 else 'does'}: look at that node. {fault.reason}: {fault.message}",
            )
    if ready:
        return Condition(
            "True", "Verified", "Every ready pod has answered the recorded requests as recorded."
        )
    return Condition("Unknown", "Pending", "No pod has come to the recorded requests yet.")


def numbers(model: PaddleModel, observed: Observed, before: Mapping[str, Any]) -> VerificationStatus | None:
    """What the first pod that does not agree says of it; None where all agree, or none says numbers.

    `before` is the status as it was; see `verified`.
    """
    if model.spec.verification is None:
        return None
    for pod in observed.pods:
        found = last_words(pod.server).get(contract.VERIFICATION_DETAILS)
        if _refused(model, pod) is None or not isinstance(found, dict):
            continue
        try:
            return VerificationStatus.model_validate({**found, "pod": pod.name, "node": pod.node or None})
        except ValidationError:  # Of another version of the server, whose sentence says it all.
            continue
    known = before.get("verification") if _is_of_given_up(observed) else None
    return VerificationStatus.model_validate(known) if known else None


def _is_of_given_up(observed: Observed) -> bool:
    found = observed.plan.status
    if found is None or found.aborted is None or found.phase not in giving_up.PHASES:
        return False
    return found.aborted.reason == "VerificationFailed"


def _refused(model: PaddleModel, pod: Pod) -> Fault | None:
    if pod.ready or pod.server.exit_code is None:
        return None
    fault = reported(model, pod.server)
    return fault if fault and fault.reason in REASONS else None
