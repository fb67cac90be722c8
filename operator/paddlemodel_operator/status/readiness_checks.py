"""The checks behind the Ready condition, each a function named after the fault it finds.

A check examines one pod, or all that was observed, and returns None or a Fault; the first Fault decides.
Reasons and cures stand here and nowhere else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.base.names import DEPLOYMENT, ChildKey
from paddlemodel_operator.observe.children import Container, Observed, Pod, last_words
from paddlemodel_operator.observe.conditions import TEXT_MAX

PROGRESSING: Final = "Progressing"
"""The one reason that means: wait; Argo CD and kubectl users take every other one as a fault."""

NAMESPACE_ENDING: Final = "NamespaceTerminating"
SECRET_MISSING: Final = "SecretMissing"  # noqa: S105 - a word, no secret
"""Of spec.access."""

PULL_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
CONFIG_REASONS: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_CLAIM_MISSING: Final = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
_ACCOUNT_MISSING: Final = re.compile(r'serviceaccount "([^"]+)" not found')
STUCK_REASONS: Final = PULL_REASONS | CONFIG_REASONS
"""What keeps a container from starting until somebody changes something."""
_REASON: Final = re.compile(r"[A-Z][A-Za-z]{0,63}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a model is not served: one word, and one sentence with cause and cure."""

    reason: str
    message: str


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


def claim_is_missing(_: PaddleModel, pod: Pod) -> Fault | None:
    """The scheduler does not find a PersistentVolumeClaim of the pod."""
    found = _CLAIM_MISSING.search(pod.unschedulable)
    if found is None:
        return None
    return Fault(
        "ClaimMissing",
        f"The PersistentVolumeClaim {found[1]} that spec.model names does not exist in this namespace: "
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
    for container in (pod.fetch, pod.server):
        if container.waiting in PULL_REASONS:
            return Fault(
                "ImagePull",
                f"The node cannot pull the server image of pod {pod.name}: check the chart's image values "
                f"and spec.pod.imagePullSecrets. {container.waiting}: {container.waiting_message}",
            )
    return None


def container_cannot_be_made(_: PaddleModel, pod: Pod) -> Fault | None:
    """A Secret or ConfigMap of spec.pod.env is missing, for example."""
    for container in (pod.fetch, pod.server):
        if container.waiting in CONFIG_REASONS:
            return Fault(
                "PodConfig",
                f"A container of pod {pod.name} cannot be made: check spec.pod, especially env. "
                f"{container.waiting}: {container.waiting_message}",
            )
    return None


def model_cannot_be_fetched(model: PaddleModel, pod: Pod) -> Fault | None:
    """The fetcher ended with an error; its last words are the reason and the sentence."""
    if pod.fetch.exit_code in {None, 0}:
        return None
    if pod.fetch.exit_reason == "OOMKilled":
        return Fault(
            "FetchOOMKilled",
            "The fetcher ran out of memory: raise spec.resources.limits.memory.",
        )
    if fault := reported(model, pod.fetch):
        return fault
    return Fault(
        "FetchFailed",
        f"The fetcher ended with exit code {pod.fetch.exit_code}: see kubectl logs {pod.name} -c fetch. "
        f"{pod.fetch.exit_message[:TEXT_MAX]}".strip(),
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


def reported(model: PaddleModel, container: Container) -> Fault | None:
    """The reason and the sentence that our own images leave behind when they fail."""
    words = last_words(container)
    reason, message = words.get("reason"), words.get("message")
    if not (isinstance(reason, str) and _REASON.fullmatch(reason) and isinstance(message, str)):
        return None
    if (secret := _secret_of_access(model, reason)) is not None:
        field, name = secret
        return Fault(
            SECRET_MISSING,
            f"The Secret {name} that spec.access.{field} names does not exist in namespace "
            f"{model.namespace}, or is empty: create it; docs/access.md says what is in it.",
        )
    named = model.spec.model.credentials
    if reason == contract.CREDENTIALS_MISSING and named is not None:
        return Fault(
            reason,
            f"The Secret {named.secret_name} that spec.model.credentials names does not exist in namespace "
            f"{model.namespace}, or is empty: create it; docs/models.md lists its keys.",
        )
    return Fault(reason, message[:TEXT_MAX])


def _secret_of_access(model: PaddleModel, reason: str) -> tuple[str, str] | None:
    """The field and the Secret that a server misses."""
    access = model.spec.access
    if access is not None and access.api_keys and reason == contract.API_KEYS_MISSING:
        return "apiKeys", access.api_keys.secret_name
    if access is not None and access.tls and reason == contract.CERTIFICATE_MISSING:
        return "tls", access.tls.secret_name
    return None


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


def words_of(pod: Pod) -> dict[str, Any]:
    """What the fetcher reports of its success: digest and format; empty before, and for a failed one."""
    words = last_words(pod.fetch)
    return words if pod.fetch.exit_code == 0 and isinstance(words.get("digest"), str) else {}
