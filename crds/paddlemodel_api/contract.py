"""What operator and server agree on by name: the API group, labels, the environment of the pod, metrics."""

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
GPU_METRIC: Final = "paddle_gpu_utilization"
GPU_MEMORY_METRIC: Final = "paddle_gpu_memory_utilization"
BUSY_METRIC: Final = "paddle_busy_ratio"
INFLIGHT_METRIC: Final = "paddle_inflight_requests"
QUEUE_METRIC: Final = "paddle_queue_seconds"
SCALING_METRICS: Final = (GPU_METRIC, GPU_MEMORY_METRIC, BUSY_METRIC, INFLIGHT_METRIC, QUEUE_METRIC)
"""What a pod tells without labels, one number each, once its model is loaded: all that may scale it."""
DEFAULT_TASK: Final = '{"tensors":{}}'
"""What PADDLEMODEL_TASK says of a spec without a task."""
SERVER_VARIABLES: Final = (
    "PADDLEMODEL_NAME",
    "PADDLEMODEL_DEVICE",
    "PADDLEMODEL_PRECISION",
    "PADDLEMODEL_TENSORRT",
    "PADDLEMODEL_TASK",
    "PADDLEMODEL_MAX_BATCH_SIZE",
    "PADDLEMODEL_MAX_DELAY_MS",
    "PADDLEMODEL_QUEUE_SIZE",
    "PADDLEMODEL_TIMEOUT_SECONDS",
    "PADDLEMODEL_DRAIN_SECONDS",
    "PADDLEMODEL_MAX_REQUEST_BYTES",
)
"""What container.py sets from the spec."""
FIXED_VARIABLES: Final = ("PADDLEMODEL_MODEL_DIR", "PADDLEMODEL_PORT", "PADDLEMODEL_BIND")
"""What must keep the server's own default."""
RESERVED_LABELS: Final = (NAME_LABEL, MANAGED_BY_LABEL, MODEL_LABEL, REVISION_LABEL)
HTTP_PORT: Final = 8080
