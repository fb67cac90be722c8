"""(model, observed) -> status: pure. `now` is an argument, and enters only where a condition turned."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from paddlemodel_api import status as api
from paddlemodel_api.status import Columns, ServedModel, Status

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.language.conditions import MESSAGE_MAX
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.render.access import has_tls
from paddlemodel_operator.rollout.words import UNDER_WAY
from paddlemodel_operator.status import fetched, readiness_checks
from paddlemodel_operator.status.autoscaling_checks import Case
from paddlemodel_operator.status.doctor import diagnose
from paddlemodel_operator.status.pause import PAUSED, asides, paused
from paddlemodel_operator.status.readiness_checks import PROGRESSING
from paddlemodel_operator.status.reports import Fault
from paddlemodel_operator.status.traffic.access import access, column
from paddlemodel_operator.status.traffic.route import route
from paddlemodel_operator.status.updates import update
from paddlemodel_operator.status.usage import gpu_column, gpu_status, scaling_status
from paddlemodel_operator.status.verification import numbers, verified

READY: Final = "Ready"
AVAILABLE: Final = "Available"
PROGRESS: Final = "Progressing"
FETCHED: Final = "ModelFetched"
UPDATE: Final = "ModelUpdateAvailable"
AUTOSCALING: Final = "AutoscalingActive"
VERIFIED: Final = "ModelVerified"
ACCESS: Final = "AccessConfigured"
ROUTE: Final = "RouteAccepted"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"

_OF_SPEC: Final = frozenset({FETCHED, VERIFIED, UPDATE, AUTOSCALING, ACCESS, ROUTE})
"""The conditions that the spec decides as much as the pods do; below, fields and columns of that kind."""
_FIELDS_OF_SPEC: Final = frozenset(
    {"url", "model", "furtherModels", "autoscaling", "gpu", "rollout", "verification"}
)
_COLUMNS_OF_SPEC: Final = frozenset({"access", "digest", "gpus"})

SCALED_TO_ZERO: Final = Fault("ScaledToZero", "spec.replicas is 0: raise it to serve the model.")


def judge(
    model: PaddleModel,
    observed: Observed,
    *,
    before: Mapping[str, Any],
    now: str,
    fault: Fault | None = None,
    case: Case | None = None,
) -> dict[str, Any]:
    """The whole status, as JSON, of a model whose spec is well-formed.

    Args:
        model: the spec.
        observed: what there is.
        before: the status as it is now.
        now: the time as RFC 3339 writes it, for conditions that turn.
        fault: what went wrong while the children were applied.
        case: what the doctor of the autoscaler decides by; None without autoscaling.
    """
    served = fetched.served(model, observed, before)
    main = served.get(names.MAIN)
    conditions = {
        **standard(_ready(model, observed, fault)),
        AVAILABLE: available(observed),
        PROGRESS: _progress(model, observed),
        FETCHED: fetched.fetched(model, observed, served),
        AUTOSCALING: diagnose(case) if case else None,
        **_said(model, observed, before),
    }
    gpu = gpu_status(model, observed, before)
    workload = observed.workload
    ready, desired = (workload.ready, workload.desired) if workload else (0, model.fixed_replicas or 0)
    status = Status(
        observed_generation=model.generation,
        url=url(model),
        replicas=workload.replicas if workload else 0,
        ready_replicas=ready,
        selector=",".join(f"{key}={value}" for key, value in names.pod_selector(model.name).items()),
        model=main,
        further_models=fetched.further(served),
        autoscaling=scaling_status(model, case.source, observed.samples, before) if case else None,
        gpu=gpu,
        verification=numbers(model, observed, before),
        rollout=observed.plan.status,
        columns=_columns(model, f"{ready}/{desired}{asides(model, observed)}", main, gpu),
        conditions=_dated(conditions, before, model.generation, now),
    )
    return dump(status)


_SAID: Final[Mapping[str, Callable[[PaddleModel, Observed], Condition | None]]] = {
    UPDATE: update,
    ACCESS: access,
    ROUTE: route,
    PAUSED: paused,
}
"""What model and observation alone decide."""


def _said(model: PaddleModel, observed: Observed, before: Mapping[str, Any]) -> dict[str, Condition | None]:
    found = {kind: said(model, observed) for kind, said in _SAID.items()}
    return {VERIFIED: verified(model, observed, before), **found}


def judge_invalid(message: str, generation: int, before: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The status of a model whose spec cannot be read: what was served before goes on."""
    invalid = Condition("False", "InvalidSpec", message)
    kept = {key: value for key, value in before.items() if key not in {"observedGeneration", "conditions"}}
    others = [
        api.Condition.model_validate(one)
        for one in before.get("conditions", ())
        if one.get("type") not in {READY, PAUSED, RECONCILING, STALLED}
    ]
    conditions = (*_dated(standard(invalid), before, generation, now), *others)
    return {**kept, **dump(Status(observed_generation=generation, conditions=conditions))}


def last_applied(before: Mapping[str, Any]) -> int:
    """The generation of the last spec that was applied; 0 where there is none.

    The status itself may be about a later one that was refused, and that says nothing of the rollout.
    """
    found = condition(before, PROGRESS).get("observedGeneration")
    return found if isinstance(found, int) else 0


def as_applied(status: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A status without what a spec says that nobody has applied: there stands what was said before it."""
    columns = _from_before(status["columns"], before.get("columns", {}), _COLUMNS_OF_SPEC)
    conditions = [one for one in status["conditions"] if one["type"] not in _OF_SPEC]
    kept = [one for one in before.get("conditions", ()) if one["type"] in _OF_SPEC]
    found = _from_before(status, before, _FIELDS_OF_SPEC)
    return {**found, "columns": columns, "conditions": [*conditions, *kept]}


def _from_before(now: Mapping[str, Any], before: Mapping[str, Any], kept: frozenset[str]) -> dict[str, Any]:
    found = {key: value for key, value in now.items() if key not in kept}
    return {**found, **{key: value for key, value in before.items() if key in kept}}


def dump(status: Status) -> dict[str, Any]:
    """The JSON that goes to the API: camelCase, without what is not set."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def url(model: PaddleModel) -> str:
    """Where a client reaches the model: from outside if it can, else inside the cluster."""
    ingress = model.spec.ingress
    if ingress is not None:
        scheme = "https" if ingress.tls_secret_name else "http"
        return f"{scheme}://{ingress.host}{ingress.path.rstrip('/')}"
    scheme, usual = ("https", 443) if has_tls(model) else ("http", 80)
    port = "" if model.spec.service.port == usual else f":{model.spec.service.port}"
    return f"{scheme}://{model.name}.{model.namespace}.svc{port}"


def condition(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One condition of a status by its type, or an empty one."""
    return next((one for one in status.get("conditions", ()) if one.get("type") == name), {})


def standard(ready: Condition) -> dict[str, Condition]:
    """Ready, with Reconciling or Stalled, by which Helm, Flux and others tell waiting from failing.

    None of them for a model that is Ready, or that a person has stopped. They repeat Ready, each only while
    it is true, as the library kstatus reads them.
    Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
    """
    if ready.status == "True" or ready.reason in {SCALED_TO_ZERO.reason, PAUSED}:
        return {READY: ready}
    kind = RECONCILING if ready.reason in {PROGRESSING, *UNDER_WAY} else STALLED
    return {READY: ready, kind: Condition("True", ready.reason, ready.message)}


def _columns(
    model: PaddleModel, replicas: str, served: ServedModel | None, gpu: api.GpuStatus | None
) -> Columns:
    return Columns(
        replicas=replicas,
        digest=served.digest[: len("sha256:") + 12] if served else None,
        gpus=gpu_column(gpu),
        access=column(model),
    )


def available(observed: Observed) -> Condition:
    """Whether the model answers at all, in whatever version; Ready is about the newest one."""
    if not (answering := observed.answering):
        return Condition(
            "False", "NoPodReady", "No pod of any version answers: the condition Ready says why."
        )
    return Condition("True", "Serving", f"{answering} pod{'s answer' if answering > 1 else ' answers'}.")


def _ready(model: PaddleModel, observed: Observed, fault: Fault | None) -> Condition:
    """Ready means: at least one pod of the model as it is written now answers, and no canary is under way."""
    found, told = fault or _unready(model, observed), observed.plan.told
    if told is not None and (found is None or found.reason == PROGRESSING):
        return Condition("False", told.reason, told.message)
    if found is None:
        pods = observed.ready_pods
        return Condition(
            "True", "Serving", f"{pods} pod{'s answer' if pods > 1 else ' answers'} at {url(model)}"
        )
    still = observed.workload.ready if observed.workload else 0
    suffix = (
        f" The previous version still serves ({still} ready)." if still and not observed.ready_pods else ""
    )
    return Condition("False", found.reason, found.message + suffix)


def _unready(model: PaddleModel, observed: Observed) -> Fault | None:
    workload = observed.workload
    if workload is not None and workload.desired == 0:
        return SCALED_TO_ZERO
    if observed.ready_pods:
        return None  # They are of the newest version, whatever the Deployment's controller has yet to see.
    if workload is None or not workload.current:
        return Fault(PROGRESSING, "The Deployment is being created or changed.")
    return (
        readiness_checks.pods_are_refused(observed)
        or readiness_checks.pod_fault(model, observed)
        or readiness_checks.nothing_moves(observed)
        or Fault(PROGRESSING, stage(observed))
    )


def stage(observed: Observed) -> str:
    """How far the furthest pod is."""
    pods = observed.pods
    if any(pod.server.running for pod in pods):
        return "The server is loading the model."
    if any(fetch.running for pod in pods for fetch in pod.fetches.values()):
        return "The model is being fetched."
    if any(pod.scheduled for pod in pods):
        return "The node is preparing the pod."
    return "The pods are being created."


def _progress(model: PaddleModel, observed: Observed) -> Condition:
    workload = observed.workload
    if workload is None or not workload.current:
        return Condition("True", "Applying", "The Deployment is being created or changed.")
    ready, desired = observed.ready_pods, workload.desired
    if ready >= desired and workload.replicas == workload.updated == desired:
        return Condition("False", "Complete", f"All {desired} pods are of the newest version and ready.")
    hindrance = readiness_checks.pods_are_refused(observed) or readiness_checks.pod_fault(model, observed)
    detail = f" {hindrance.reason}: {hindrance.message}" if hindrance else ""
    reason = hindrance.reason if hindrance else "RollingOut"
    return Condition(
        "True",
        reason,
        f"{ready} of {desired} pods are of the newest version and ready.{_cost(model, desired)}{detail}",
    )


def _cost(model: PaddleModel, desired: int) -> str:
    """What it means that there is no pod to spare."""
    if model.spec.rollout.surge:
        return ""
    return f" By surge 0 a pod ends before its successor starts: {max(0, desired - 1)} answer meanwhile."


def _dated(
    conditions: Mapping[str, Condition | None], before: Mapping[str, Any], generation: int, now: str
) -> tuple[api.Condition, ...]:
    """A condition keeps its time as long as it keeps its status."""
    result = []
    for name, found in conditions.items():
        if found is None:
            continue
        old = condition(before, name)
        kept = old.get("lastTransitionTime") if old.get("status") == found.status else None
        fields = {
            "type": name,
            "status": found.status,
            "reason": found.reason or "Unknown",
            "message": found.message[:MESSAGE_MAX],
            "observedGeneration": generation,
            "lastTransitionTime": kept or now,
        }
        result.append(api.Condition.model_validate(fields))
    return tuple(result)
