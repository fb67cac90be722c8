"""The reasons of the conditions, with meaning and cure: for docs/api.md, and for tests that compare."""

from typing import Final

REASONS: Final = {
    "Serving": "At least one pod of the model as it is written now answers.",
    "Progressing": "Nothing is wrong yet: children are being written, the model fetched or loaded. Wait.",
    "ScaledToZero": "`spec.replicas` is 0. Raise it.",
    "Paused": "The spec has changed while the model is paused, and waits. Remove the annotation "
    "`paddlemodel.dev/paused`.",
    "CanaryProgressing": "A canary starts or is at one of its steps; the previous version serves. Wait.",
    "CanaryPaused": "A canary stays at its step because of the annotation `paddlemodel.dev/rollout`. Remove "
    "it to go on.",
    "AwaitingApproval": "A canary has passed its steps, and `approval` is Manual. The message says how to "
    "promote it.",
    "CanaryNoTraffic": "Too few requests came to judge a canary by, or to know whether what was wrong is "
    "chance. Send some, lower `minRequests`, or set `onNoTraffic`.",
    "CanaryUnmeasured": "The counters of the pods cannot be read, so a canary gets no further. Let the "
    "operator reach their port 8081.",
    "StableUnhealthy": "The previous version fails as a canary does, so nothing can be compared. Repair what "
    "both need, or promote the canary.",
    "CanaryPromoting": "A canary has passed, and its pods take the place of the previous ones. Wait.",
    "CanaryAborted": "A canary was ended; the message says why, and how to try again. It is not by itself.",
    "VersionGivenUp": "The pods of a rolling update's new version were refused by the gate, or crashed, and "
    "are gone; the version before serves. The message says why, and how to try again. It is not by itself.",
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
