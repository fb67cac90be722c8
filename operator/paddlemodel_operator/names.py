"""Every name that a machine compares, in one place: group, labels, field managers, kinds.

Nothing else formats a label or a URL of the API; all other modules read this one.
"""

from dataclasses import dataclass
from typing import Final

GROUP: Final = "paddlemodel.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "PaddleModel"
PLURAL: Final = "paddlemodels"
SINGULAR: Final = "paddlemodel"
SHORT_NAME: Final = "pdm"
CRD_NAME: Final = f"{PLURAL}.{GROUP}"

FIELD_MANAGER: Final = "paddlemodel-operator"
HANDOVER_MANAGER: Final = "paddlemodel-operator-handover"
"""Holds a Deployment's replicas for the moment between two owners (see apply.py)."""

REPAIR_MANAGER: Final = "paddlemodel-operator-repair"
"""Appears for the moment in which a list is put right that an apply alone cannot (see reconcile.py)."""

NAME_LABEL: Final = "app.kubernetes.io/name"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MODEL_LABEL: Final = f"{GROUP}/model"
REVISION_LABEL: Final = f"{GROUP}/revision"
"""On pods only: a hash of the pod template, so that pods of an old version can be told apart."""

APP_NAME: Final = "paddlemodel-server"
MANAGED_BY: Final = "paddlemodel-operator"

FETCH_CONTAINER: Final = "fetch"
SERVER_CONTAINER: Final = "server"
HTTP_PORT: Final = 8080
HTTP_PORT_NAME: Final = "http"
GPU_METRIC: Final = "paddle_gpu_utilization"
GPU_MEMORY_METRIC: Final = "paddle_gpu_memory_utilization"
BUSY_METRIC: Final = "paddle_busy_ratio"
INFLIGHT_METRIC: Final = "paddle_inflight_requests"
QUEUE_METRIC: Final = "paddle_queue_seconds"
SCALING_METRICS: Final = (GPU_METRIC, GPU_MEMORY_METRIC, BUSY_METRIC, INFLIGHT_METRIC, QUEUE_METRIC)
"""What a pod tells without labels, one number each, once its model is loaded: all that may scale it."""

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


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of the Kubernetes API: enough to build its URLs."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """As in an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def collection(self, namespace: str | None = None) -> str:
        """The URL path of all objects, of one namespace or of the cluster."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"

    def item(self, namespace: str | None, name: str) -> str:
        """The URL path of one object; some kinds have no namespace."""
        return f"{self.collection(namespace)}/{name}"


MODEL: Final = Kind(GROUP, VERSION, KIND, PLURAL)
DEPLOYMENT: Final = Kind("apps", "v1", "Deployment", "deployments")
SERVICE: Final = Kind("", "v1", "Service", "services")
AUTOSCALER: Final = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
DISRUPTION_BUDGET: Final = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
SCALED_OBJECT: Final = Kind("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects")
INGRESS: Final = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
POD: Final = Kind("", "v1", "Pod", "pods")
EVENT: Final = Kind("events.k8s.io", "v1", "Event", "events")
SECRET: Final = Kind("", "v1", "Secret", "secrets")
CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps")
CLUSTER_ROLE: Final = Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles")
API_SERVICE: Final = Kind("apiregistration.k8s.io", "v1", "APIService", "apiservices")

CUSTOM_METRICS_GROUP: Final = "custom.metrics.k8s.io"
METRICS_API_SERVICE: Final = f"v1beta2.{CUSTOM_METRICS_GROUP}"
"""The one APIService that may become ours."""

CHILD_KINDS: Final = (SERVICE, DEPLOYMENT, AUTOSCALER, DISRUPTION_BUDGET, INGRESS)
"""In the order of creation."""

OPTIONAL_KINDS: Final = (SCALED_OBJECT,)
"""Children whose kind the cluster may not know. A watch would end with its kind, so these are listed."""

WATCHED_KINDS: Final = (MODEL, *CHILD_KINDS, POD)
CHILD_SELECTOR: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"


def keda_autoscaler(name: str) -> str:
    """KEDA's HorizontalPodAutoscaler. It gets the labels of the ScaledObject, so our watch tells of it."""
    return f"keda-hpa-{name}"


def selector_labels(name: str) -> dict[str, str]:
    """The labels by which Deployment and Service find the pods of a model."""
    return {NAME_LABEL: APP_NAME, MODEL_LABEL: name}


def child_labels(name: str) -> dict[str, str]:
    """The labels of every object that the operator creates for a model."""
    return {**selector_labels(name), MANAGED_BY_LABEL: MANAGED_BY}
