"""Renders docs/api.md: every field, from the same schema as the definition, and the reasons of conditions.

A test compares the page with the types and the reasons with the code.
"""

from collections.abc import Iterator
from typing import Any, Final

from paddlemodel_api import contract

Schema = dict[str, Any]

REASONS: Final = {
    "Serving": "At least one pod of the model as it is written now answers.",
    "Progressing": "Nothing is wrong yet: children are being written, the model fetched or loaded. Wait.",
    "ScaledToZero": "`spec.replicas` is 0. Raise it.",
    "Paused": "The spec has changed while the model is paused, and waits. Remove the annotation "
    "`paddlemodel.dev/paused`.",
    "InvalidSpec": "The spec fits the schema but cannot be served; the message names the field. "
    "What ran before goes on.",
    "NameConflict": "An object of the model's name exists and is not the operator's; it is not touched.",
    "ChildInvalid": "The API server refuses a child, for example because of a raw Kubernetes field; "
    "the message quotes it.",
    "SelectorImmutable": "The Deployment has the selector of another version of the operator, which "
    "cannot be changed. Delete the Deployment; the operator makes it again.",
    "OperatorForbidden": "The operator lacks a right. Install the chart's ClusterRole again.",
    "NamespaceTerminating": "The namespace is being deleted; nothing is created in it any more.",
    "QuotaExceeded": "A ResourceQuota of the namespace is used up.",
    "PodSecurity": "The namespace's Pod Security level forbids the pods.",
    "AdmissionDenied": "A webhook or policy of the cluster refuses a child or the pods.",
    "ServiceAccountMissing": "The ServiceAccount of `spec.pod.serviceAccountName` does not exist.",
    "NoGPU": "No node has enough free GPUs of `spec.gpu.resourceName`.",
    "ClaimMissing": "A PersistentVolumeClaim that `spec.model` names does not exist.",
    "Unschedulable": "No node takes the pods for another reason; the message quotes the scheduler.",
    "ImagePull": "A node cannot pull the server image.",
    "PodConfig": "A container cannot be made, for example because a Secret of `spec.pod.env` is missing.",
    "SecretMissing": "A Secret that `spec.access` names does not exist, or is empty.",
    "FetchFailed": "The fetcher failed without a reason of its own, such as DigestMismatch or NotFound.",
    "FetchOOMKilled": "The fetcher ran out of memory. Raise `spec.resources.limits.memory`.",
    "OOMKilled": "The server ran out of memory. Raise `spec.resources.limits.memory`.",
    "CrashLoop": "The server ends soon after each start without a reason of its own.",
    "Stuck": "The pods made no progress for 30 minutes, and report no reason. See `kubectl describe pod`.",
    "ServerNotReady": "The server runs but did not become ready within 30 minutes.",
}

SCALING_REASONS: Final = {
    "Active": "The autoscaler reads its metrics and sets the number of pods. Of several targets one may be "
    "unreadable; the message then says which.",
    "Pending": "Nothing is wrong yet: it is being created, or evaluates its metrics within 15 s. Wait.",
    "NoReadyPods": "No pod is ready, so none reports its load. Ready says why.",
    "AutoscalerMissing": "The API server or KEDA refuses the HorizontalPodAutoscaler or the ScaledObject; "
    "the message quotes it.",
    "MetricsAPIMissing": "No server is registered for the metrics API of the source. Install one, or choose "
    "another `metricsSource`.",
    "MetricsAPIUnavailable": "What serves the metrics API does not answer. See its log.",
    "MetricsAPIOwnedByOther": "Another server answers custom.metrics.k8s.io, so the operator's adapter "
    "stands down. Remove the other one, or set `metricsSource` to prometheusAdapter, keda or none.",
    "PodsUnreachable": "The pods' port 8081 cannot be reached. Check NetworkPolicies and the service mesh.",
    "SeriesMissing": "The metric is not served: the server image is too old, or what reads the pods cannot "
    "reach them, or has no rule for it; the message says which.",
    "GPUMetricsFailed": "NVIDIA's library reports nothing in the pod; the message says whether driver, "
    "device or library is missing.",
    "GPUMetricsOnMIG": "The GPUs are MIG slices, which report no utilisation. Aim at `busyRatio`.",
    "MetricsServerMissing": "cpuUtilization needs metrics-server. Install or repair it.",
    "KEDAMissing": "The cluster does not know the kind ScaledObject. Install KEDA.",
}

VERIFICATION_REASONS: Final = {
    "Verified": "Every ready pod has answered the recorded requests as recorded.",
    "Pending": "No pod has come to them yet.",
    "VerificationFailed": "A pod answers otherwise; the message names the worst value. Correct the model or "
    "the precision; if the new answers are right, record them.",
    "PodDisagrees": "One pod does, while others of its version do not: look at its node.",
    "VerificationTooSlow": "It took longer than `maxSeconds`: raise it, or record fewer requests.",
    "RecordingMissing": "The file or the ConfigMap is not there.",
    "RecordingInvalid": "The recording is damaged, or of a model with other inputs.",
    "UnknownOutput": "`outputs` names one that the model does not have.",
}

UPDATE_REASONS: Final = {
    "NotChecked": "No pod of the CronJob has ended yet. Wait, or run "
    "`kubectl create job now --from=cronjob/NAME`.",
    "UpToDate": "The URI has the revision that the pods serve.",
    "NewContent": "The URI has another revision; the message says how to take it.",
    "RollingOut": "Pods are replaced for another revision (`updatePolicy: Auto`).",
    "NoRevision": "The place tells no revision, so nothing can be noticed.",
    "NotServed": "No pod says which revision it serves.",
    "CheckFailed": "The check ended without a reason of its own, or its pod cannot start.",
}

ROUTE_REASONS: Final = {
    "Accepted": "Every Gateway of `spec.gateway.parentRefs` takes the HTTPRoute; the message says "
    "under which names.",
    "Pending": "There is no HTTPRoute yet, or no controller has said anything about it. If that stays so: "
    "the Gateway has to exist, and the controller of its class to run.",
    "GatewayAPIMissing": "The cluster does not know the kind HTTPRoute. Install the definitions of the "
    "Gateway API and a controller, or use `spec.ingress`.",
    "NotAccepted": "A controller refuses the HTTPRoute without a reason of its own.",
}

HEAD: Final = f"""\
# The PaddleModel API

<!-- Generated by `python -m paddlemodel_api.schema.crd --write .`; do not edit. -->

`{contract.API_VERSION}`, kind `{contract.KIND}`, short name `{contract.SHORT_NAME}`, namespaced.
The same text comes from `kubectl explain pdm.spec`. A model's name is a DNS label of at most
52 characters that starts with a letter; its Deployment, Service, HorizontalPodAutoscaler,
PodDisruptionBudget, Ingress, HTTPRoute, NetworkPolicy and CronJob have the same name.

Required fields are marked with *. The API server writes one default into the spec, `device: GPU`; all others
are applied by the operator and leave your YAML as it is.
"""

MEANING_OF: Final = {
    "Ready": ("a pod of the newest version answers", "see the reasons below", ""),
    "Progressing": (
        "pods are replaced, added or removed, or wait for something",
        "all are ready and new",
        "",
    ),
    "ModelFetched": (
        "`status.model` says what a pod fetched; reason PodsDiffer: pods have fetched other content",
        "the fetcher's reason",
        "no pod has tried yet",
    ),
    "ModelVerified": (
        "every ready pod has answered the recorded requests as recorded",
        "a pod has not, or could not; the message names the worst value",
        "no pod has come to them yet",
    ),
    "ModelUpdateAvailable": (
        "the URI has other content than the pods serve",
        "it has the same",
        "no check has ended, or the last one failed; the reason is the fetcher's",
    ),
    "AutoscalingActive": (
        "the autoscaler works",
        "a link between it and the pods is broken",
        "nothing is known to be wrong yet",
    ),
    "AccessConfigured": (
        "`spec.access` is in force in every pod that is ready",
        "see [access.md](access.md#what-the-status-says)",
        "no pod is ready yet",
    ),
    "RouteAccepted": (
        "the Gateways of `spec.gateway` take the HTTPRoute",
        "one does not, or the cluster has no Gateway API; the message quotes the controller",
        "no controller has said anything yet",
    ),
    "Reconciling": ("Ready is False, and waiting is right: its reason is Progressing", "it is left out", ""),
    "Stalled": ("Ready is False, and somebody has to act, by its reason and message", "it is left out", ""),
}

MIRRORED: Final = (
    "Any other reason is the HorizontalPodAutoscaler's or KEDA's own, with its message. More in "
    "[autoscaling.md](autoscaling.md)."
)

OF_THE_CONTROLLER: Final = (
    "Any other reason is that of the Gateway's controller, with its message. More in "
    "[network.md](network.md)."
)

ROLLOUT: Final = """\
`kubectl wait --for=condition=Ready pdm/NAME` waits for the newest version. While an old one still serves,
Ready is False and the message says so. AutoscalingActive exists only with `spec.autoscaling`,
ModelVerified only with `spec.verification`, ModelUpdateAvailable only with `spec.model.updatePolicy` Notify
or Auto, AccessConfigured only with `spec.access`, an Ingress or an HTTPRoute, and RouteAccepted only with
`spec.gateway`. Reconciling and Stalled are for Helm,
Flux and others that read a status as [kstatus](argocd.md#helm-and-flux) does; a model that is Ready, paused
or scaled to 0 has neither.

A rolling update starts the new pod before the old one stops: on a cluster without a spare GPU it waits for
one (Progressing, NoGPU) and the old version goes on serving. To give that up first, scale to 0 and back.

The selectors of the Deployment and the PodDisruptionBudget have `paddlemodel.dev/model`,
`paddlemodel.dev/pool: main` and `paddlemodel.dev/track: stable`; the Service selects by model and pool. Pods
also carry `service.istio.io/canonical-name` and `-revision`, so that a service mesh shows each model as a
service of its own.

A model that may have two pods or more gets a PodDisruptionBudget with `maxUnavailable: 1`: `kubectl drain`
evicts its pods one at a time and waits until the successor of each is ready. A model with one pod gets none,
and a drain interrupts it. Do not add a budget of your own on the same pods: Kubernetes refuses to evict a pod
that two of them select.
"""


def page(root: Schema) -> str:
    """docs/api.md as text, from the schema of a whole PaddleModel."""
    spec, status = root["properties"]["spec"], root["properties"]["status"]
    conditions = [f"| {kind} | {' | '.join(texts)} |" for kind, texts in MEANING_OF.items()]
    further = (
        "The fetcher and the server may give further reasons of their own, each with its cure in the message."
    )
    parts = [
        HEAD,
        *_sections(spec, "spec"),
        *_sections(status, "status"),
        _table("## Conditions", ("type", "True", "False", "Unknown"), conditions),
        ROLLOUT,
        _reasons(f"Ready\n\n{further}", REASONS),
        _reasons("ModelVerified", VERIFICATION_REASONS),
        _reasons(f"ModelUpdateAvailable\n\n{further}", UPDATE_REASONS),
        _reasons(f"RouteAccepted\n\n{OF_THE_CONTROLLER}", ROUTE_REASONS),
        _reasons(f"AutoscalingActive\n\n{MIRRORED}", SCALING_REASONS),
    ]
    return "\n".join(parts)


def _reasons(title: str, reasons: dict[str, str]) -> str:
    rows = [f"| {reason} | {text} |" for reason, text in reasons.items()]
    return _table(f"## Reasons of {title}", ("reason", "meaning and cure"), rows)


def _table(title: str, columns: tuple[str, ...], rows: list[str]) -> str:
    return "\n".join([title, "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", *rows]) + "\n"


def _sections(schema: Schema, path: str) -> Iterator[str]:
    """One table for a block, then those of the blocks inside it."""
    rows, inner = [], []
    for name, child in schema["properties"].items():
        mark = "*" if name in schema.get("required", ()) else ""
        text = child.get("description", "").replace("|", r"\|")
        rows.append(f"| `{path}.{name}`{mark} | {_type(child)} | {text} |")
        block = child.get("items", child)
        if "properties" in block:
            inner.append((f"{path}.{name}", {"description": child.get("description", ""), **block}))
    yield _table(f"## `{path}`\n\n{schema['description']}", ("field", "type", "meaning"), rows)
    for name, block in inner:
        yield from _sections(block, name)


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "x-kubernetes-int-or-string" in schema:
        return "quantity"
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}, {schema['maxItems']} at most"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    bounds = [str(schema[key]) for key in ("minimum", "maximum") if key in schema]
    return f"{schema['type']}, {' to '.join(bounds)}" if len(bounds) == 2 else str(schema["type"])
