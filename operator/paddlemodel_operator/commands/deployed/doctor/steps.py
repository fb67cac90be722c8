"""The steps from a spec to ready pods, each judged by the checks behind the model's conditions; pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.cluster.cache import owned_by
from paddlemodel_operator.commands.deployed import facts
from paddlemodel_operator.commands.deployed.doctor.seen import Seen, State, Step
from paddlemodel_operator.commands.deployed.records import NotKnown, Operator
from paddlemodel_operator.language.conditions import worded
from paddlemodel_operator.language.words import language, t
from paddlemodel_operator.observe.children import Observed, Pod, last_words
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.status import readiness_checks as checks
from paddlemodel_operator.status.judge import READY, SCALED_TO_ZERO, VERIFIED, condition, stage
from paddlemodel_operator.status.pause import PAUSED
from paddlemodel_operator.status.readiness_checks import PROGRESSING, PodCheck
from paddlemodel_operator.status.reports import Fault, words_of
from paddlemodel_operator.status.verification import REASONS, verified

_STATES: Final = {"True": State.OK, "False": State.FAILED}
Passed = Callable[[Pod], bool]


def spec(seen: Seen) -> Step:
    """Would the operator take it?"""
    if isinstance(seen.model, NotKnown):
        return Step("spec", State.FAILED, seen.model.why)
    places = t(", ").join(one.place for one in seen.model.fetched)
    told = t("generation {newest} is well-formed: {places}", newest=seen.model.generation, places=places)
    return Step("spec", State.OK, told)


def operator(seen: Seen) -> Step:
    """Does it run, and has it handled this spec?"""
    found, status = facts.of_model(seen.body), seen.body.get("status") or {}
    is_late = found["reason"] == facts.NOT_SEEN
    if facts.is_paused(status) and found["observedGeneration"] != found["generation"]:
        said = worded(PAUSED, "Annotated", condition(status, PAUSED)["message"], language())
        return Step("operator", State.FAILED, f"{PAUSED}: {said}")
    late = found["message"] if is_late else ""
    handled = t("it has handled generation {seen}", seen=found["observedGeneration"])
    if isinstance(seen.operator, NotKnown):
        why = seen.operator.why
        if late:
            return Step("operator", State.NOT_KNOWN, t("{late} Does it run? {why}", late=late, why=why))
        text = t("{handled}; whether it runs now is not known: {why}", handled=handled, why=why)
        return Step("operator", State.OK, text)
    if fault := _idle(seen.operator, found["namespace"]):
        return Step("operator", State.FAILED, fault)
    if late:
        text = t("It runs. {late} Its log: {logs}", late=late, logs=_logs(seen.operator))
        return Step("operator", State.NOT_KNOWN, text)
    return Step("operator", State.OK, f"{_at_work(seen.operator)}{t('; ')}{handled}")


def _at_work(found: Operator) -> str:
    """Which one it is, and which of its pods works."""
    runs = t("{operator} runs ({image})", operator=f"{found.namespace}/{found.name}", image=found.image)
    leads = t(", {holder} leads", holder=found.holder) if isinstance(found.holder, str) else ""
    return f"{runs}{leads}"


def _idle(found: Operator, namespace: str) -> str:
    """Why an operator does nothing for a namespace; empty where it works."""
    where = f"{found.namespace}/{found.name}"
    served = () if isinstance(found.settings, NotKnown) else found.settings.watch_namespaces
    if served and namespace not in served:
        return t(
            "{operator} serves the namespaces {served} only: add {namespace} to the chart's value "
            "watchNamespaces, or install an operator for it.",
            operator=where,
            served=t(", ").join(served),
            namespace=namespace,
        )
    if not found.ready:
        return t(
            "Deployment {operator} has no ready pod: {logs} says why.", operator=where, logs=_logs(found)
        )
    if found.holder == "":
        return t(
            "No pod of Deployment {operator} holds the Lease by which one works: {logs} says why.",
            operator=where,
            logs=_logs(found),
        )
    return ""


def _logs(found: Operator) -> str:
    return f"kubectl logs --namespace {found.namespace} deployment/{found.name}"


def children(seen: Seen) -> Step:
    """Is everything there that the operator makes of the spec?"""
    uid = seen.body["metadata"]["uid"]
    unread = [live.why for live in seen.children.values() if isinstance(live, NotKnown)]
    lacking = [
        str(child)
        for child, live in seen.children.items()
        if live is None or (not isinstance(live, NotKnown) and not owned_by(live, uid))
    ]
    if lacking:
        said = condition(seen.body.get("status") or {}, READY)
        why = ""
        if said.get("status") == "False":
            why = f" {said['reason']}: {worded(READY, said['reason'], said['message'], language())}"
        text = t("the model has no {objects} of its own.", objects=t(", no ").join(lacking))
        return Step("objects", State.FAILED, f"{text}{why}")
    if unread:
        return Step("objects", State.NOT_KNOWN, unread[0])
    return Step("objects", State.OK, t(", ").join(child.kind.kind for child in seen.children))


def scheduled(model: PaddleModel, observed: Observed) -> Step:
    """Does a node take the pods?"""
    workload = observed.workload
    if workload is not None and workload.desired == 0:
        return Step("pods", State.FAILED, _of_fault(SCALED_TO_ZERO))
    if fault := checks.pods_are_refused(observed):
        return Step("pods", State.FAILED, _of_fault(fault))
    chain = (checks.gpu_is_missing, checks.claim_is_missing, checks.pod_is_unschedulable)
    return _of_pods("pods", model, observed, chain, _is_scheduled, t("{pods} are on a node"))


def image(model: PaddleModel, observed: Observed) -> Step:
    """Can the node pull the image, and make the containers?"""
    chain = (checks.image_cannot_be_pulled, checks.container_cannot_be_made)
    return _of_pods("image", model, observed, chain, _has_begun, t("{pods} have begun"))


def fetch(model: PaddleModel, observed: Observed) -> Step:
    """Have the fetchers brought the model, and the further ones of its task?"""
    words = (words_of(pod, one.name) for pod in observed.pods for one in model.fetched)
    found = {one["digest"][:128] for one in words if one}
    told = t("{pods} have the model")
    if found:
        told += t(", ") + t(", ").join(sorted(found))
    return _of_pods("fetch", model, observed, (checks.model_cannot_be_fetched,), _is_fetched, told)


def load(model: PaddleModel, observed: Observed) -> Step:
    """Does the server take the model into memory?"""
    chain = (checks.server_was_killed_for_memory, _crash)
    return _of_pods("load", model, observed, chain, _is_loaded, t("{pods} have loaded it"))


def verification(model: PaddleModel, observed: Observed) -> Step:
    """Does it answer as recorded?"""
    found = verified(model, observed, {})
    if found is None:
        return Step("verification", State.OK, t("nothing is recorded for it (spec.verification)"))
    return of_condition("verification", VERIFIED, found)


def ready(model: PaddleModel, observed: Observed) -> Step:
    """Does a pod of the newest version get traffic?"""
    chain: tuple[PodCheck, ...] = ()
    if not observed.ready_pods and (fault := checks.nothing_moves(observed)):
        return Step("ready", State.FAILED, _of_fault(fault))
    return _of_pods("ready", model, observed, chain, lambda pod: pod.ready, t("{pods} get traffic"))


POD_STEPS: Final = (scheduled, image, fetch, load, verification, ready)
NAMES: Final = ("pods", "image", "fetch", "load", "verification", "ready")


def of_pods(seen: Seen) -> Iterator[Step]:
    """The steps of the pods; after one that failed, a later one is not known unless it knows better."""
    if isinstance(seen.model, NotKnown):
        yield from _all_unknown(t("it comes after {step}, which failed.", step="spec"))
        return
    if isinstance(seen.observed, NotKnown):
        yield from _all_unknown(seen.observed.why)
        return
    stopped = ""
    for one in POD_STEPS:
        found = one(seen.model, seen.observed)
        if stopped and found.state is State.NOT_KNOWN:
            found = Step(found.name, State.NOT_KNOWN, stopped)
        yield found
        if not stopped and found.state is State.FAILED:
            stopped = t("it comes after {step}, which failed.", step=found.name)
        elif not stopped and found.state is State.NOT_KNOWN:
            stopped = t("it comes after {step}, which is not done yet.", step=found.name)


def _all_unknown(why: str) -> Iterator[Step]:
    return (Step(name, State.NOT_KNOWN, why) for name in NAMES)


def of_condition(name: str, kind: str, found: Condition) -> Step:
    """A step that a condition of a type decides."""
    text = _told(kind, found.reason, found.message)
    if found.status == "True":
        text = worded(kind, found.reason, found.message, language())
    return Step(name, _STATES.get(found.status, State.NOT_KNOWN), text)


def _of_pods(
    name: str,
    model: PaddleModel,
    observed: Observed,
    chain: Sequence[PodCheck],
    passed: Passed,
    told: str,
) -> Step:
    through = sum(passed(pod) for pod in observed.pods)
    fault = _first(model, observed, chain)
    if through:
        pods = t("{through} of {all} pods", through=through, all=len(observed.pods))
        but = t(". But {fault}", fault=_of_fault(fault)) if fault else ""
        return Step(name, State.OK, f"{told.replace('{pods}', pods)}{but}")
    if fault:
        return Step(name, State.FAILED, _of_fault(fault))
    return Step(name, State.NOT_KNOWN, worded(READY, PROGRESSING, stage(observed), language()))


def _first(model: PaddleModel, observed: Observed, chain: Sequence[PodCheck]) -> Fault | None:
    for check in chain:
        for pod in observed.pods:
            if not pod.ready and (fault := check(model, pod)):
                return fault
    return None


def _of_fault(fault: Fault) -> str:
    return _told(READY, fault.reason, fault.message)


def _told(kind: str, reason: str, message: str) -> str:
    """The reason, and the message of a condition as its reader wants it."""
    said = worded(kind, reason, message, language())
    return said if reason == PROGRESSING else f"{reason}: {said}"


def _crash(model: PaddleModel, pod: Pod) -> Fault | None:
    """As `server_crashes`, but for a server that has loaded the model and then refused to serve it."""
    fault = checks.server_crashes(model, pod)
    return fault if fault is None or fault.reason not in REASONS else None


def _is_scheduled(pod: Pod) -> bool:
    return pod.ready or pod.scheduled


def _has_begun(pod: Pod) -> bool:
    """A container runs or has run, and none waits for its image."""
    fetches = tuple(pod.fetches.values())
    stuck = {one.waiting for one in (*fetches, pod.server)} & checks.STUCK_REASONS
    return pod.ready or (not stuck and any(one.running or one.exit_code is not None for one in fetches))


def _is_fetched(pod: Pod) -> bool:
    """All of them: a pod tells of each of its init containers, also of those that have yet to begin."""
    return pod.ready or {one.exit_code for one in pod.fetches.values()} == {0}


def _is_loaded(pod: Pod) -> bool:
    """A server that refuses a model for its answers had loaded it."""
    words = last_words(pod.server)
    return pod.ready or (not pod.server.running and words.get("reason") in REASONS)
