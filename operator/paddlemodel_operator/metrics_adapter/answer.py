"""The bodies of the answers, as Kubernetes' clients read them; pure.

JSON only, which every client accepts beside the protobuf that it prefers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.metrics_adapter.query import GROUP, VERSIONS, Refused

Object = dict[str, Any]

JSON: Final = "application/json"
DISCOVERY: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_AGGREGATED: Final = {"g": "apidiscovery.k8s.io", "v": "v2", "as": "APIGroupDiscoveryList"}
_VERBS: Final = ["get"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One metric of one pod; `moment` is when it was read, in seconds since 1970."""

    namespace: str
    pod: str
    moment: float
    value: float


def media_type(accept: str, *, aggregated: bool) -> str:
    """The form in which to answer.

    Args:
        accept: the request's header; empty accepts everything.
        aggregated: whether this document also exists as aggregated discovery.

    Raises:
        Refused: nothing that the client accepts can be had here.
    """
    ranges = [_media_range(text) for text in accept.split(",")] if accept.strip() else [("*/*", {})]
    for kind, parameters in sorted(ranges, key=_weight, reverse=True):
        if _weight((kind, parameters)) <= 0 or kind not in {JSON, "application/*", "*/*"}:
            continue
        # `as` wants the document turned into another one: a Table, say.
        asked = {name: value for name, value in parameters.items() if name in _AGGREGATED}
        if not asked:
            return JSON
        if aggregated and asked == _AGGREGATED:
            return DISCOVERY
    raise Refused(406, "NotAcceptable", f"only {JSON} can be had here")


def groups() -> Object:
    """The answer to `/apis`: the groups that are served here."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]}


def group() -> Object:
    """The answer to `/apis/custom.metrics.k8s.io`: the group and its versions."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group()}


def resources(version: str) -> Object:
    """`/apis/custom.metrics.k8s.io/VERSION`; by it the API server also checks whether we are available."""
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/{version}",
        "resources": [
            {
                "name": f"pods/{metric}",
                "singularName": "",
                "namespaced": True,
                "kind": "MetricValueList",
                "verbs": _VERBS,
            }
            for metric in contract.SCALING_METRICS
        ],
    }


def discovery() -> Object:
    """`/apis`, aggregated: all of the above in one document."""
    kind = {"group": GROUP, "version": "", "kind": "MetricValueList"}
    pods = {
        "resource": "pods",
        "responseKind": {"group": "", "version": "", "kind": ""},  # only its subresources can be read
        "scope": "Namespaced",
        "singularResource": "",
        "verbs": [],
        "subresources": [
            {"subresource": metric, "responseKind": kind, "verbs": _VERBS}
            for metric in contract.SCALING_METRICS
        ],
    }
    versions = [{"version": version, "freshness": "Current", "resources": [pods]} for version in VERSIONS]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [{"metadata": {"name": GROUP, "creationTimestamp": None}, "versions": versions}],
    }


def values(version: str, metric: str, samples: Sequence[Sample]) -> Object:
    """A MetricValueList; a pod without the metric is simply not in it."""
    return {
        "kind": "MetricValueList",
        "apiVersion": f"{GROUP}/{version}",
        "metadata": {},
        "items": [_item(version, metric, sample) for sample in samples],
    }


def status(refused: Refused) -> Object:
    """A failure as Kubernetes' clients show it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": refused.message,
        "reason": refused.reason,
        "code": refused.code,
    }


def body(document: Object) -> bytes:
    """A document as compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()


def quantity(value: float) -> str:
    """A number as Kubernetes writes it, to a thousandth: autoscalers read nothing finer."""
    thousandths = round(value * 1000)
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def _group() -> Object:
    versions = [{"groupVersion": f"{GROUP}/{version}", "version": version} for version in VERSIONS]
    return {"name": GROUP, "versions": versions, "preferredVersion": versions[0]}


def _item(version: str, metric: str, sample: Sample) -> Object:
    described = {"kind": "Pod", "namespace": sample.namespace, "name": sample.pod, "apiVersion": "/v1"}
    item = {
        "describedObject": described,
        "timestamp": datetime.fromtimestamp(sample.moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "value": quantity(sample.value),
    }
    if version == "v1beta1":
        return {**item, "metricName": metric, "selector": None}
    return {**item, "metric": {"name": metric, "selector": None}}


def _media_range(text: str) -> tuple[str, dict[str, str]]:
    kind, *rest = (part.strip() for part in text.split(";"))
    pairs = (part.partition("=") for part in rest)
    return kind.lower(), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _weight(media_range: tuple[str, dict[str, str]]) -> float:
    try:
        return float(media_range[1].get("q", "1"))
    except ValueError:
        return 0.0
