"""Every name that a machine compares, in one place: group, labels, field managers, kinds.

Nothing else formats a label or a URL of the API; all other modules read this one.
"""

from dataclasses import dataclass
from typing import Final

from paddlemodel_api import contract

FIELD_MANAGER: Final = "paddlemodel-operator"
HANDOVER_MANAGER: Final = "paddlemodel-operator-handover"
"""Holds a Deployment's replicas for the moment between two owners."""

REPAIR_MANAGER: Final = "paddlemodel-operator-repair"
"""Appears for the moment in which a list is repaired that an apply alone cannot."""

CREATE_GUARD: Final = "deletionGracePeriodSeconds"
"""A field of the metadata that the API server drops when it creates an object, and lets nobody change: an
apply with it creates, and never changes what exists (decision 0032)."""

APP_NAME: Final = "paddlemodel-server"
MANAGED_BY: Final = "paddlemodel-operator"

FETCH_CONTAINER: Final = "fetch"
SERVER_CONTAINER: Final = "server"
CHECK_CONTAINER: Final = "check"
MAIN: Final = "model"
"""The model of spec.model among those that a pod fetches; the others are further models of its task."""
HTTP_PORT_NAME: Final = "http"
ADMIN_PORT_NAME: Final = "admin"


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


@dataclass(frozen=True, slots=True)
class ChildKey:
    """One child of a model: there may be several of a kind, each with a name of its own."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.name}"


MODEL: Final = Kind(contract.GROUP, contract.VERSION, contract.KIND, contract.PLURAL)
DEPLOYMENT: Final = Kind("apps", "v1", "Deployment", "deployments")
REPLICA_SET: Final = Kind("apps", "v1", "ReplicaSet", "replicasets")
SERVICE: Final = Kind("", "v1", "Service", "services")
AUTOSCALER: Final = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
DISRUPTION_BUDGET: Final = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
SCALED_OBJECT: Final = Kind("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects")
HTTP_ROUTE: Final = Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
NETWORK_POLICY: Final = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
INGRESS: Final = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
CRON_JOB: Final = Kind("batch", "v1", "CronJob", "cronjobs")
POD: Final = Kind("", "v1", "Pod", "pods")
EVENT: Final = Kind("events.k8s.io", "v1", "Event", "events")
SECRET: Final = Kind("", "v1", "Secret", "secrets")
ENDPOINT_SLICE: Final = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
INGRESS_CLASS: Final = Kind("networking.k8s.io", "v1", "IngressClass", "ingressclasses")
CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps")
CLUSTER_ROLE: Final = Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles")
LEASE: Final = Kind("coordination.k8s.io", "v1", "Lease", "leases")
API_SERVICE: Final = Kind("apiregistration.k8s.io", "v1", "APIService", "apiservices")

CUSTOM_METRICS_GROUP: Final = "custom.metrics.k8s.io"
METRICS_API_SERVICE: Final = f"v1beta2.{CUSTOM_METRICS_GROUP}"
"""The one APIService that may become ours."""

CHILD_KINDS: Final = (
    NETWORK_POLICY,
    SERVICE,
    DEPLOYMENT,
    AUTOSCALER,
    DISRUPTION_BUDGET,
    INGRESS,
    CRON_JOB,
)
"""In the order of creation."""

CLOSING_KINDS: Final = (NETWORK_POLICY,)
"""Without these nothing else is made or changed: no pod may be open that its spec closes."""

LEFT_LAST: Final = (*CLOSING_KINDS, SERVICE)
"""Deleted after all others: what closes pods, and what a route that is not changed yet leads to."""

OPTIONAL_KINDS: Final = (SCALED_OBJECT, HTTP_ROUTE)
"""Children whose kind the cluster may not know. A watch would end with its kind, so these are listed."""

WATCHED_KINDS: Final = (MODEL, *CHILD_KINDS, POD)
SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
"""Of EndpointSlices."""
CHILD_SELECTOR: Final = f"{contract.MANAGED_BY_LABEL}={MANAGED_BY}"


def optional_kinds(*, gateway_api: bool) -> tuple[Kind, ...]:
    """Those of OPTIONAL_KINDS that an operator makes: HTTPRoutes, and a right on them, are a choice."""
    return tuple(kind for kind in OPTIONAL_KINDS if gateway_api or kind != HTTP_ROUTE)


def of_model(container: str, name: str) -> str:
    """The container for one of the fetched models: `fetch` for spec.model, else such as `fetch-recognition`.

    Args:
        container: FETCH_CONTAINER or CHECK_CONTAINER.
        name: of the model (`FetchedModel.name`).
    """
    return container if name == MAIN else f"{container}-{name}"


def model_of(container: str, kind: str) -> str:
    """The model of a container of a kind, as `of_model` names it; empty for any other container."""
    if container == kind:
        return MAIN
    return container.removeprefix(f"{kind}-") if container.startswith(f"{kind}-") else ""


def keda_autoscaler(name: str) -> str:
    """What KEDA calls the HorizontalPodAutoscaler of a ScaledObject; it has the ScaledObject's labels."""
    return f"keda-hpa-{name}"


def canary(name: str) -> str:
    """The Deployment of a model's canary, its Service and its Ingress; names leave room for it."""
    return f"{name}-canary"


def service_selector(name: str) -> dict[str, str]:
    """The labels by which a Service finds the pods of a model: of every track, so that they share it."""
    return {
        contract.NAME_LABEL: APP_NAME,
        contract.MODEL_LABEL: name,
        contract.POOL_LABEL: contract.POOL_MAIN,
    }


def pod_selector(name: str, track: str = contract.TRACK_STABLE) -> dict[str, str]:
    """The labels by which a Deployment finds its pods; Kubernetes never lets them change."""
    return {**service_selector(name), contract.TRACK_LABEL: track}


def child_labels(name: str) -> dict[str, str]:
    """The labels of every object that the operator creates for a model."""
    return {
        contract.NAME_LABEL: APP_NAME,
        contract.MODEL_LABEL: name,
        contract.MANAGED_BY_LABEL: MANAGED_BY,
    }


def pod_labels(name: str, track: str = contract.TRACK_STABLE) -> dict[str, str]:
    """The labels of a pod but for its revision."""
    return {**child_labels(name), **pod_selector(name, track), contract.CANONICAL_NAME_LABEL: name}
