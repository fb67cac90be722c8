"""The checks behind the Ready condition, each a function named after the fault it finds.

A check examines one pod, or all that was observed, and returns None or a Fault; the first Fault decides.
Reasons and cures stand here, and those that our own images report in reports.py.
"""

import re
from collections.abc import Callable
from typing import Final

from paddlemodel_api import uri

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.model import FetchedModel, PaddleModel
from paddlemodel_operator.base.names import DEPLOYMENT, ChildKey
from paddlemodel_operator.observe.children import Container, Observed, Pod
from paddlemodel_operator.observe.conditions import TEXT_MAX
from paddlemodel_operator.status.reports import Fault, fetch_fault, of_model, reported

PROGRESSING: Final = "Progressing"
"""The one reason that means: wait; Argo CD and kubectl users take every other one as a fault."""

NAMESPACE_ENDING: Final = "NamespaceTerminating"
PULL_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
CONFIG_REASONS: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_CLAIM_MISSING: Final = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
_ACCOUNT_MISSING: Final = re.compile(r'serviceaccount "([^"]+)" not found')
STUCK_REASONS: Final = PULL_REASONS | CONFIG_REASONS
"""What keeps a container from starting until somebody changes something."""

PodCheck = Callable[[PaddleModel, Pod], Fault | None]


def gpu_is_missing(model: PaddleModel, pod: Pod) -> Fault | None:
    """The scheduler found no node with free GPUs."""
    gpu = model.gpu
    if gpu is None or f"Insufficient {gpu.resource_name}" not in pod.unschedulable:
        return None
    return Fault(
        "NoGPU",
        f"No node has {gpu.count} free {gpu.resource_name}: add a GPU node or its device plugin, free a GPU, "
        f"or set spec.device to CPU. The scheduler says: {pod.unschedulable}",
    )


def claim_is_missing(model: PaddleModel, pod: Pod) -> Fault | None:
    """The scheduler does not find a PersistentVolumeClaim of the pod."""
    found = _CLAIM_MISSING.search(pod.unschedulable)
    if found is None:
        return None
    naming = (one.field for one in model.fetched if uri.claim(one.source.uri) == found[1])
    field = next(naming, "spec.model")
    return Fault(
        "ClaimMissing",
        f"The PersistentVolumeClaim {found[1]} that {field} names does not exist in this namespace: "
        "create it, or correct the name.",
    )


def pod_is_unschedulable(_: PaddleModel, pod: Pod) -> Fault | None:
    """The scheduler found no node for another reason."""
    if not pod.unschedulable:
        return None
    return Fault(
        "Unschedulable",
        f"No node takes pod {pod.name}: lower spec.resources.requests, change spec.pod, or add a node. "
        f"The scheduler says: {pod.unschedulable}",
    )


def image_cannot_be_pulled(_: PaddleModel, pod: Pod) -> Fault | None:
    """The registry, the name or the right to pull is wrong."""
    for container in (*pod.fetches.values(), pod.server):
        if container.waiting in PULL_REASONS:
            return Fault(
                "ImagePull",
                f"The node cannot pull the server image of pod {pod.name}: check the chart's image values "
                f"and spec.pod.imagePullSecrets. {container.waiting}: {container.waiting_message}",
            )
    return None


def container_cannot_be_made(_: PaddleModel, pod: Pod) -> Fault | None:
    """A Secret or ConfigMap of spec.pod.env is missing, for example."""
    for container in (*pod.fetches.values(), pod.server):
        if container.waiting in CONFIG_REASONS:
            return Fault(
                "PodConfig",
                f"A container of pod {pod.name} cannot be made: check spec.pod, especially env. "
                f"{container.waiting}: {container.waiting_message}",
            )
    return None


def model_cannot_be_fetched(model: PaddleModel, pod: Pod) -> Fault | None:
    """A fetcher ended with an error; its last words are the reason and the sentence."""
    faults = (_not_fetched(model, one, pod) for one in model.fetched)
    return next(filter(None, faults), None)


def _not_fetched(model: PaddleModel, wanted: FetchedModel, pod: Pod) -> Fault | None:
    fetch = pod.fetches.get(wanted.name, Container())
    if fetch.exit_code in {None, 0}:
        return None
    if fetch.exit_reason == "OOMKilled":
        return of_model(
            wanted,
            Fault("FetchOOMKilled", "The fetcher ran out of memory: raise spec.resources.limits.memory."),
        )
    if fault := fetch_fault(model, wanted, fetch):
        return fault
    container = names.of_model(names.FETCH_CONTAINER, wanted.name)
    return of_model(
        wanted,
        Fault(
            "FetchFailed",
            f"The fetcher ended with exit code {fetch.exit_code}: see kubectl logs {pod.name} -c "
            f"{container}. {fetch.exit_message[:TEXT_MAX]}".strip(),
        ),
    )


def server_was_killed_for_memory(model: PaddleModel, pod: Pod) -> Fault | None:
    """The kernel killed the server at its memory limit."""
    if pod.server.exit_reason != "OOMKilled" or pod.ready:
        return None
    limits = model.spec.resources.limits if model.spec.resources else None
    now = f" (now {limits['memory']})" if limits and "memory" in limits else ""
    return Fault(
        "OOMKilled",
        f"The server of pod {pod.name} was killed for using too much memory: raise "
        f"spec.resources.limits.memory{now} or lower spec.server.batching.maxBatchSize.",
    )


def server_crashes(model: PaddleModel, pod: Pod) -> Fault | None:
    """The server ends soon after each start."""
    server = pod.server
    if server.running or server.exit_code is None:
        return None
    if fault := reported(model, server):
        return fault
    words = server.exit_message.strip()[-TEXT_MAX:]
    return Fault(
        "CrashLoop",
        f"The server of pod {pod.name} ended with exit code {server.exit_code} after {server.restarts} "
        f"restarts: see kubectl logs {pod.name} --previous. {words}".strip(),
    )


POD_CHECKS: Final[tuple[PodCheck, ...]] = (
    gpu_is_missing,
    claim_is_missing,
    pod_is_unschedulable,
    image_cannot_be_pulled,
    container_cannot_be_made,
    model_cannot_be_fetched,
    server_was_killed_for_memory,
    server_crashes,
)


def pods_are_refused(observed: Observed) -> Fault | None:
    """Quota or admission keeps the pods from being created."""
    message = observed.workload.replica_failure if observed.workload else ""
    return refusal(message) if message else None


def nothing_moves(observed: Observed) -> Fault | None:
    """The rollout's deadline has passed, and no pod says why."""
    if observed.workload is None or not observed.workload.stuck:
        return None
    if not any(pod.server.running for pod in observed.pods):
        return Fault("Stuck", "The pods have made no progress for 30 minutes: see kubectl describe of them.")
    return Fault(
        "ServerNotReady",
        "The server runs but did not become ready in time: kubectl logs of its pods shows what it waits for.",
    )


def pod_fault(model: PaddleModel, observed: Observed) -> Fault | None:
    """The first fault of the chain over all pods that are not ready."""
    for check in POD_CHECKS:
        for pod in observed.pods:
            if not pod.ready and (fault := check(model, pod)):
                return fault
    return None


def refusal(text: str) -> Fault:
    """The fault behind the message of an admission plugin or a webhook."""
    text = text[:TEXT_MAX]
    if "exceeded quota" in text:
        return Fault(
            "QuotaExceeded", f"The namespace's quota is used up: raise it or lower spec.resources. {text}"
        )
    if "violates PodSecurity" in text:
        return Fault(
            "PodSecurity",
            f"The namespace's Pod Security level forbids the pods: change spec.pod or the level. {text}",
        )
    if found := _ACCOUNT_MISSING.search(text):
        return Fault(
            "ServiceAccountMissing",
            f"The ServiceAccount {found[1]} that spec.pod.serviceAccountName names does not exist in this "
            "namespace: create it, or correct the name.",
        )
    return Fault("AdmissionDenied", f"The cluster refuses a part of the model: {text}")


def namespace_is_ending(namespace: str) -> Fault:
    """Nothing can be created there; what exists goes, sooner or later."""
    return Fault(
        NAMESPACE_ENDING,
        f"The namespace {namespace} is being deleted, and the model with it: nothing is created in it "
        "any more. If this lasts, kubectl get namespace says what holds it up.",
    )


def rejection(error: ApiError, child: ChildKey, namespace: str) -> Fault:
    """Why the API server did not take a child."""
    kind = child.kind.kind
    if error.is_immutable and child.kind == DEPLOYMENT and "selector" in error.message:
        return Fault(
            "SelectorImmutable",
            f"The Deployment {child.name} has the pod selector of another version of the operator, and a "
            f"selector never changes: run kubectl delete deployment {child.name} --namespace {namespace}; "
            "the operator makes it again at once, and the model is not served until its pods are ready.",
        )
    if error.code == 403 and ("quota" in error.message or "PodSecurity" in error.message):
        return refusal(error.message)
    if error.code == 403 and "cannot" in error.message and " resource " in error.message:
        return Fault(
            "OperatorForbidden", f"The operator may not write the {kind}: restore its RBAC. {error.message}"
        )
    if error.code in {400, 422}:
        return Fault(
            "ChildInvalid",
            f"The API server refuses the {kind}: correct the field of the spec that it names. "
            f"{error.message}",
        )
    if error.is_rejection:
        return refusal(f"{kind}: {error.message}")
    return Fault(PROGRESSING, f"The {kind} could not be written yet; the operator tries again. {error}")
