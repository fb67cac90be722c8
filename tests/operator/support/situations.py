"""The situations in which a model is not ready, each with its reason and a part of its message."""

from typing import Any

from paddlemodel_operator.observe.children import Container, Observed, Pod

from tests.operator.support.builders import fetched, observed, pod, words

SERVER_UP = Container(running=True)
GPU = {"device": "GPU"}


def failed_fetch(message: str, code: int = 1, **fields: Any) -> Pod:
    return pod(fetch=Container(exit_code=code, exit_message=message, waiting="CrashLoopBackOff", **fields))


def termination(**fields: Any) -> str:
    return words(**fields)


NO_GPU = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."

SITUATIONS: dict[str, tuple[Observed, dict[str, Any], str, str]] = {
    "no Deployment yet": (Observed(), {}, "Progressing", "is being created"),
    "a change that the Deployment's controller has not seen": (
        observed(current=False),
        {},
        "Progressing",
        "changed",
    ),
    "no pods desired": (observed(desired=0), {"replicas": 0}, "ScaledToZero", "spec.replicas is 0: raise it"),
    "no pods yet": (observed(), {}, "Progressing", "The pods are being created."),
    "a pod on its way to a node": (
        observed(pod(scheduled=True)),
        {},
        "Progressing",
        "The node is preparing the pod.",
    ),
    "a fetcher at work": (
        observed(pod(fetch=Container(running=True))),
        {},
        "Progressing",
        "The model is being fetched.",
    ),
    "a server that loads": (
        observed(pod(fetch=fetched(), server=SERVER_UP)),
        {},
        "Progressing",
        "is loading the model",
    ),
    "a server that never gets ready": (
        observed(pod(fetch=fetched(), server=SERVER_UP), stuck=True),
        {},
        "ServerNotReady",
        "kubectl logs",
    ),
    "pods that stay nowhere": (observed(pod(), stuck=True), {}, "Stuck", "kubectl describe"),
    "no GPU anywhere": (
        observed(pod(scheduled=False, unschedulable=NO_GPU)),
        GPU,
        "NoGPU",
        "No node has 1 free nvidia.com/gpu",
    ),
    "no memory anywhere": (
        observed(pod(scheduled=False, unschedulable="0/1 nodes are available: 1 Insufficient memory.")),
        GPU,
        "Unschedulable",
        "lower spec.resources.requests",
    ),
    "a claim that is not there": (
        observed(
            pod(
                scheduled=False,
                unschedulable='0/1 nodes are available: persistentvolumeclaim "models" not found. not found',
            )
        ),
        {},
        "ClaimMissing",
        "The PersistentVolumeClaim models that spec.model names does not exist in this namespace: create it",
    ),
    "an account that is not there": (
        observed(
            replica_failure='pods "x-" is forbidden: error looking up service account ml/reader: '
            'serviceaccount "reader" not found'
        ),
        {},
        "ServiceAccountMissing",
        "The ServiceAccount reader that spec.pod.serviceAccountName names does not exist",
    ),
    "no GPU for a model that wants none": (
        observed(pod(scheduled=False, unschedulable=NO_GPU)),
        {},
        "Unschedulable",
        "No node takes pod pod-a",
    ),
    "an image that is not there": (
        observed(pod(fetch=Container(waiting="ImagePullBackOff", waiting_message="not found"))),
        {},
        "ImagePull",
        "ImagePullBackOff: not found",
    ),
    "a Secret that is not there": (
        observed(
            pod(fetch=Container(waiting="CreateContainerConfigError", waiting_message='secret "s" not found'))
        ),
        {},
        "PodConfig",
        'secret "s" not found',
    ),
    "a model with another digest": (
        observed(failed_fetch(termination(reason="DigestMismatch", message="It has sha256:b, pin that."))),
        {},
        "DigestMismatch",
        "It has sha256:b, pin that.",
    ),
    "a Secret of the store that is not there": (
        observed(failed_fetch(termination(reason="CredentialsMissing", message="There are no keys."))),
        {"model": {"uri": "s3://models/a", "credentials": {"secretName": "s3-keys"}}},
        "CredentialsMissing",
        "The Secret s3-keys that spec.model.credentials names does not exist in namespace ml, or is empty",
    ),
    "a Secret of keys that is not there": (
        observed(
            pod(
                fetch=fetched(),
                server=Container(
                    exit_code=1,
                    exit_message=termination(reason="ApiKeysMissing", message="There are no API keys."),
                    waiting="CrashLoopBackOff",
                ),
            )
        ),
        {"access": {"apiKeys": {"secretName": "clients"}}},
        "SecretMissing",
        "The Secret clients that spec.access.apiKeys names does not exist in namespace ml, or is empty",
    ),
    "a certificate that is not there": (
        observed(
            pod(
                fetch=fetched(),
                server=Container(
                    exit_code=1,
                    exit_message=termination(reason="CertificateMissing", message="There is none."),
                ),
            )
        ),
        {"access": {"tls": {"secretName": "cert"}}},
        "SecretMissing",
        "The Secret cert that spec.access.tls names does not exist in namespace ml, or is empty",
    ),
    "a Secret of keys that are too short": (
        observed(
            pod(
                fetch=fetched(),
                server=Container(
                    exit_code=1,
                    exit_message=termination(reason="ApiKeysInvalid", message="That of alice is short."),
                ),
            )
        ),
        {"access": {"apiKeys": {"secretName": "clients"}}},
        "ApiKeysInvalid",
        "That of alice is short.",
    ),
    "a fetcher that dies without words": (
        observed(failed_fetch("")),
        {},
        "FetchFailed",
        "kubectl logs pod-a -c fetch",
    ),
    "a fetcher whose words are no JSON": (
        observed(failed_fetch("Traceback: x")),
        {},
        "FetchFailed",
        "Traceback: x",
    ),
    "a fetcher whose words are a list": (observed(failed_fetch("[1]")), {}, "FetchFailed", "exit code 1"),
    "a fetcher with an unfit reason": (
        observed(failed_fetch(termination(reason="not a reason!\n", message="x"))),
        {},
        "FetchFailed",
        "exit code 1",
    ),
    "a fetcher with a number for a message": (
        observed(failed_fetch(termination(reason="A", message=3))),
        {},
        "FetchFailed",
        "exit code 1",
    ),
    "a fetcher without enough memory": (
        observed(failed_fetch("", 137, exit_reason="OOMKilled")),
        {},
        "FetchOOMKilled",
        "raise spec.resources.limits.memory",
    ),
    "a server that was killed for memory": (
        observed(pod(fetch=fetched(), server=Container(exit_code=137, exit_reason="OOMKilled", restarts=2))),
        {"resources": {"limits": {"memory": "1Gi"}}},
        "OOMKilled",
        "raise spec.resources.limits.memory (now 1Gi)",
    ),
    "a server that was killed for memory and starts again": (
        observed(
            pod(fetch=fetched(), server=Container(running=True, exit_code=137, exit_reason="OOMKilled"))
        ),
        {},
        "OOMKilled",
        "maxBatchSize",
    ),
    "a server that crashes": (
        observed(
            pod(
                fetch=fetched(),
                server=Container(exit_code=1, exit_message="ValueError: bad model", restarts=4),
            )
        ),
        {},
        "CrashLoop",
        "exit code 1 after 4 restarts: see kubectl logs pod-a --previous. ValueError: bad model",
    ),
    "a server that tells why it cannot start": (
        observed(
            pod(
                fetch=fetched(),
                server=Container(
                    exit_code=1, exit_message=words(reason="NewerPaddle", message="Export it again.")
                ),
            )
        ),
        {},
        "NewerPaddle",
        "Export it again.",
    ),
    "a quota that is used up": (
        observed(replica_failure='pods "x" is forbidden: exceeded quota: q'),
        {},
        "QuotaExceeded",
        "raise it or lower",
    ),
    "a level that forbids the pods": (
        observed(replica_failure='pods "x" is forbidden: violates PodSecurity "restricted:latest"'),
        {},
        "PodSecurity",
        "change spec.pod",
    ),
    "a webhook that refuses": (
        observed(replica_failure="admission webhook denied it"),
        {},
        "AdmissionDenied",
        "denied it",
    ),
}
