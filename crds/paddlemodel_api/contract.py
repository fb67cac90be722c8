"""What operator and server agree on by name: the API group, labels, the environment of the pod, metrics.

The server may import it, so it imports nothing.
"""

from typing import Final

GROUP: Final = "paddlemodel.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "PaddleModel"
PLURAL: Final = "paddlemodels"
SINGULAR: Final = "paddlemodel"
SHORT_NAME: Final = "pdm"
CRD_NAME: Final = f"{PLURAL}.{GROUP}"
NAME_LABEL: Final = "app.kubernetes.io/name"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MODEL_LABEL: Final = f"{GROUP}/model"
REVISION_LABEL: Final = f"{GROUP}/revision"
"""On pods only: a hash of the pod template, so that pods of an old version can be told apart."""
TRACK_LABEL: Final = f"{GROUP}/track"
TRACK_STABLE: Final = "stable"
"""The version that serves, beside one that is tried out."""
TRACK_CANARY: Final = "canary"
"""The version that is tried out."""
ROLLOUT_ANNOTATION: Final = f"{GROUP}/rollout"
"""On a PaddleModel, a person's word about one revision: promote@REVISION, abort@…, pause@… or retry@…."""
REVISION_ANNOTATION: Final = f"{GROUP}/rollout-revision"
"""On Deployments: a hash of what the spec asks of the pods, by which a canary begins. Unlike the label of the
pods it does not know how the operator writes it down, so that an upgrade of the operator begins none."""
POOL_LABEL: Final = f"{GROUP}/pool"
POOL_MAIN: Final = "main"
"""The pods of spec.device, beside ones on other hardware."""
UPDATE_CHECK_LABEL: Final = f"{GROUP}/update-check"
"""On pods that look for new content, and serve nothing: a hash of how they look."""
PAUSED_ANNOTATION: Final = f"{GROUP}/paused"
"""On a PaddleModel, "true": the operator changes none of its objects."""
VERIFICATION_DETAILS: Final = "verification"
"""The key under which a server that the gate refuses leaves its numbers, beside reason and message."""
CREDENTIALS_MISSING: Final = "CredentialsMissing"
"""The fetcher's reason where the Secret of spec.model.credentials is not there, or has no keys."""
API_KEYS_MISSING: Final = "ApiKeysMissing"
"""The server's reason where the Secret of spec.access.apiKeys is not there, or has no entries."""
CERTIFICATE_MISSING: Final = "CertificateMissing"
"""The server's reason where the Secret of spec.access.tls is not there, or has no pair."""
CERTIFICATE_INVALID: Final = "CertificateInvalid"
"""The server's reason where that pair cannot be used."""
API_KEYS_INVALID: Final = "ApiKeysInvalid"
"""The server's reason where that Secret has an entry that is no key."""
JWT_KEYS_MISSING: Final = "JwtKeysMissing"
"""The server's reason where the ConfigMap of spec.access.jwt is not there, or its address gives no keys."""
JWT_KEYS_INVALID: Final = "JwtKeysInvalid"
"""The server's reason where what is there is no set of public keys."""
CACHE_FAULTS: Final = {
    "CacheFull": "enlarge the claim, or keep fewer models",
    "CacheReadOnly": "mount the claim so that the pods' user may write",
    "CacheFailed": "check the volume",
}
"""The fetcher's reasons why a model that it brought is not kept on the claim, with the cure of each."""
CANONICAL_NAME_LABEL: Final = "service.istio.io/canonical-name"
CANONICAL_REVISION_LABEL: Final = "service.istio.io/canonical-revision"
"""On pods only: what a service mesh shows as one service; else every model would be the same."""
GPU_METRIC: Final = "paddle_gpu_utilization"
GPU_MEMORY_METRIC: Final = "paddle_gpu_memory_utilization"
BUSY_METRIC: Final = "paddle_busy_ratio"
INFLIGHT_METRIC: Final = "paddle_inflight_requests"
QUEUE_METRIC: Final = "paddle_queue_seconds"
API_KEYS_OUTDATED_METRIC: Final = "paddle_api_keys_outdated"
JWT_KEYS_OUTDATED_METRIC: Final = "paddle_jwt_keys_outdated"
SHARED_LIMITS_DOWN_METRIC: Final = "paddle_shared_limits_down"
CERTIFICATE_OUTDATED_METRIC: Final = "paddle_tls_certificate_outdated"
REQUESTS_METRIC: Final = "paddle_requests_total"
"""By route and status, of clients: mirrored requests are in MIRROR_METRIC only."""
DURATIONS_METRIC: Final = "paddle_request_duration_seconds_bucket"
SECONDS_METRIC: Final = "paddle_request_duration_seconds_sum"
"""The histogram beside it, and the sum of what is in it."""
MODEL_ROUTES: Final = ("predict", "infer", "v1", "embeddings")
"""Their routes that run the model."""
MIRROR_METRIC: Final = "paddle_mirror_total"
"""Of a stable pod, by result."""
MIRROR_RESULTS: Final = ("agree", "differ", "error", "dropped")
MIRROR_HEADER: Final = "X-PaddleModel-Mirror"
"""On a mirrored request, which is not mirrored again; with MIRROR_SETTING's token it is no client's."""
TEMPLATE_ANNOTATION: Final = f"{GROUP}/template"
"""On Deployments: a hash of the pod template as the operator wrote it, without the mirror's variable."""
SCALING_METRICS: Final = (GPU_METRIC, GPU_MEMORY_METRIC, BUSY_METRIC, INFLIGHT_METRIC, QUEUE_METRIC)
"""What a pod exports without labels, one number each, once its model is loaded: all that may scale it."""
DEFAULT_TASK: Final = '{"auto":{}}'
"""What PADDLEMODEL_TASK says of a spec without a task."""
VARIABLE_PREFIX: Final = "PADDLEMODEL_"
"""Of every variable of the server; the rest is the name of a setting in capitals."""
API_KEY_VARIABLE: Final = f"{VARIABLE_PREFIX}API_KEY"
"""What the commands for people send as their key: a client's, and no setting of a server."""
FIELD_SETTINGS: Final = {
    "metadata.name": "name",
    "spec.device": "device",
    "spec.server.precision": "precision",
    "spec.server.tensorRT.enabled": "tensorrt",
    "spec.server.optimizations.oneDNN": "onednn",
    "spec.server.optimizations.keepTensors": "keep_tensors",
    "spec.server.optimizations.reuseMemory": "reuse_memory",
    "spec.task": "task",
    "spec.verification": "verification",
    "spec.ingress.path": "path_prefix",
    "spec.server.batching.maxBatchSize": "max_batch_size",
    "spec.server.batching.maxDelayMs": "max_delay_ms",
    "spec.server.queueSize": "queue_size",
    "spec.server.timeoutSeconds": "timeout_seconds",
    "spec.server.drainSeconds": "drain_seconds",
    "spec.server.maxRequestBytes": "max_request_bytes",
}
"""The setting of the server that gets each field, in the order of the container's environment."""
ON_BY_DEFAULT: Final = ("onednn", "keep_tensors", "reuse_memory")
"""Settings that a spec can only switch off."""
FURTHER_MODELS_SETTING: Final = "further_models"
"""JSON of the folders of a task's further models, by the names of their fields and relative to the main
model's, such as {"recognition": "../recognition"}; not set where a task has none."""
MIRROR_SETTING: Final = "mirror"
"""JSON of spec.rollout.mirror as the user has set it, with the canary's `url`, and `token`, by which it knows
mirrored requests; a canary has the token alone. Not set without a mirror."""
ACCESS_SETTINGS: Final = (
    "api_keys_dir",
    "jwt",
    "jwt_keys_dir",
    "tls_dir",
    "rate_limits",
    "shared_limits",
    "shared_limits_dir",
    "trusted_proxies",
    "cors",
)
"""Settings that the operator makes of spec.access."""
FIXED_SETTINGS: Final = ("model_dir", "recording_dir", "port", "admin_port", "bind")
"""Settings that must keep the server's own default."""
GRANTED_SETTINGS: Final = ("custom_tasks",)
"""Settings that the operator gives where the chart allows it: never a spec."""
RESERVED_LABELS: Final = (
    NAME_LABEL,
    MANAGED_BY_LABEL,
    MODEL_LABEL,
    REVISION_LABEL,
    TRACK_LABEL,
    POOL_LABEL,
    UPDATE_CHECK_LABEL,
    CANONICAL_NAME_LABEL,
    CANONICAL_REVISION_LABEL,
)
HTTP_PORT: Final = 8080
"""What clients ask."""
ADMIN_PORT: Final = 8081
"""Health and metrics: for the kubelet, the operator and whatever else reads metrics."""


def revision_annotation(name: str) -> str:
    """On pods only: the new content for which spec.model.updatePolicy Auto has replaced their predecessors.

    Args:
        name: `model`, or of a further model of the task, such as `recognition`.
    """
    return f"{GROUP}/{name}-revision"


def variable(setting: str) -> str:
    """The environment variable of a setting of the server, such as PADDLEMODEL_QUEUE_SIZE."""
    return VARIABLE_PREFIX + setting.upper()


SERVER_VARIABLES: Final = tuple(variable(setting) for setting in FIELD_SETTINGS.values())
ACCESS_VARIABLES: Final = tuple(variable(setting) for setting in ACCESS_SETTINGS)
FURTHER_MODELS_VARIABLE: Final = variable(FURTHER_MODELS_SETTING)
MIRROR_VARIABLE: Final = variable(MIRROR_SETTING)
FIXED_VARIABLES: Final = tuple(variable(setting) for setting in (*FIXED_SETTINGS, *GRANTED_SETTINGS))
