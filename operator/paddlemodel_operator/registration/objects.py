"""The two objects that the registrar applies, and how what it wrote is read back; pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names

Object = Mapping[str, Any]

PORT: Final = 443
GROUP_PRIORITY: Final = 100
"""Among API groups, for kubectl's short names, of which metrics have none."""
VERSION_PRIORITY: Final = 200
FIELDS: Final = {"ca.crt": "authorities", "tls.crt": "certificate", "tls.key": "key"}


@dataclass(frozen=True, kw_only=True)
class Issued:
    """What the Secret holds, all PEM."""

    authorities: str
    """ca.crt, which becomes the APIService's caBundle: its own authority, then its predecessor's."""
    certificate: str
    """tls.crt"""
    key: str
    """tls.key"""


def host(namespace: str, adapter: str) -> str:
    """The name that the API server expects in the adapter's certificate."""
    return f"{adapter}.{namespace}.svc"


def api_service(namespace: str, adapter: str, role_uid: str, authorities: str) -> dict[str, Any]:
    """It belongs to the chart's ClusterRole and goes with it; only what has no namespace can own it."""
    version, _, group = names.METRICS_API_SERVICE.partition(".")
    return {
        "apiVersion": names.API_SERVICE.api_version,
        "kind": names.API_SERVICE.kind,
        "metadata": {
            "name": names.METRICS_API_SERVICE,
            "labels": {contract.MANAGED_BY_LABEL: names.MANAGED_BY},
            "ownerReferences": [_owner(adapter, role_uid)],
        },
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": GROUP_PRIORITY,
            "versionPriority": VERSION_PRIORITY,
            "service": {"namespace": namespace, "name": adapter, "port": PORT},
            "caBundle": _encoded(authorities),
            "insecureSkipTLSVerify": False,
        },
    }


def secret(
    namespace: str, adapter: str, live: Object | None, role_uid: str, issued: Issued
) -> dict[str, Any]:
    """The chart's Secret, filled; for exactly the version that was read: a later writer is refused.

    A deleted one is made again, and then goes with the ClusterRole like the APIService.
    """
    metadata: dict[str, Any] = {"namespace": namespace, "name": adapter}
    if live is None:
        metadata["ownerReferences"] = [_owner(adapter, role_uid)]
    else:
        metadata |= {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
    return {
        "apiVersion": names.SECRET.api_version,
        "kind": names.SECRET.kind,
        "metadata": metadata,
        "data": {key: _encoded(getattr(issued, field)) for key, field in FIELDS.items()},
    }


def disowned(service: Object, adapter: str) -> dict[str, Any] | None:
    """A patch that takes our mark off an APIService that others have made theirs; nothing if it has none.

    Else the removal of our chart would take theirs along.
    """
    metadata = service["metadata"]
    owners = metadata.get("ownerReferences", ())
    role = (names.CLUSTER_ROLE.kind, adapter)
    others = [one for one in owners if (one["kind"], one["name"]) != role]
    if len(others) == len(owners):
        return None
    patch = {"resourceVersion": metadata["resourceVersion"], "ownerReferences": others}
    return {"metadata": {**patch, "labels": {contract.MANAGED_BY_LABEL: None}}}


def issued_in(live: Object | None) -> Issued:
    """What a Secret holds; empty texts where it holds nothing."""
    data = (live or {}).get("data") or {}
    return Issued(**{field: _decoded(data.get(key, "")) for key, field in FIELDS.items()})


def bundle_in(service: Object | None) -> str:
    """The authorities that an APIService names."""
    return _decoded((service or {}).get("spec", {}).get("caBundle") or "")


def _owner(adapter: str, role_uid: str) -> dict[str, str]:
    role = names.CLUSTER_ROLE
    return {"apiVersion": role.api_version, "kind": role.kind, "name": adapter, "uid": role_uid}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
