"""The NetworkPolicy of a model, or None: from where clients may connect, and what must be able to anyway."""

from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object, head
from paddlemodel_operator.settings import Settings

NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""A label that the API server puts on every namespace."""
READERS: Final = ("paddlemodel-operator", "paddlemodel-metrics-adapter")
"""app.kubernetes.io/name of the operator's and the adapter's pods, as the chart labels them."""


def build(model: PaddleModel, settings: Settings) -> Object | None:
    """Two rules, one for each port. The kubelet needs none: a pod's own node always reaches it.

    Ports are numbers, not names: some network plugins know no names.
    """
    access = model.spec.access
    if access is None or access.network is None:
        return None
    clients: list[Object] = [
        peer.model_dump(mode="json", by_alias=True, exclude_none=True) for peer in access.network.sources
    ]
    if model.spec.rollout.mirror is not None:
        clients += [{"podSelector": {"matchLabels": names.pod_selector(model.name)}}]
    if model.spec.ingress is not None or model.spec.gateway is not None:
        clients += [_namespace(name) for name in settings.ingress_namespaces]
    return {
        **head(model, names.NETWORK_POLICY),
        "spec": {
            "podSelector": {"matchLabels": names.service_selector(model.name)},
            "policyTypes": ["Ingress"],
            "ingress": [_rule(contract.HTTP_PORT, clients), _rule(contract.ADMIN_PORT, _readers(settings))],
        },
    }


def _rule(port: int, sources: list[Object]) -> Object:
    return {"from": sources, "ports": [{"protocol": "TCP", "port": port}]}


def _readers(settings: Settings) -> list[Object]:
    """Who reads health and metrics: where the chart names no namespaces, every pod of the cluster may."""
    if not settings.metrics_namespaces:
        return [{"namespaceSelector": {}}]
    ours = {"matchExpressions": [{"key": contract.NAME_LABEL, "operator": "In", "values": list(READERS)}]}
    own = [_namespace(settings.namespace) | {"podSelector": ours}] if settings.namespace else []
    return own + [_namespace(name) for name in settings.metrics_namespaces]


def _namespace(name: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: name}}}
