"""The Deployment of a model.

Its pod template is a pure function of the spec and the server image, never of the operator's version: an
upgrade of the operator restarts no model.
"""

import hashlib
import json
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render import container
from paddlemodel_operator.render.metadata import Object, compact, head
from paddlemodel_operator.settings import Settings

FETCH_AND_LOAD_SECONDS: Final = 1800
"""Until the Deployment reports a stuck rollout; large models take their time to be fetched."""


def build(model: PaddleModel, settings: Settings) -> Object:
    """With `replicas` only where the spec states them: otherwise the autoscaler owns the field."""
    return {
        **head(model, names.DEPLOYMENT),
        "spec": compact(
            {
                "replicas": model.fixed_replicas,
                "revisionHistoryLimit": 3,
                "progressDeadlineSeconds": FETCH_AND_LOAD_SECONDS,
                "selector": {"matchLabels": names.pod_selector(model.name)},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": _template(model, settings),
            }
        ),
    }


def revision(template_spec: Object, metadata: Object) -> str:
    """A short name for one version of the pods."""
    text = json.dumps([metadata, template_spec], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _template(model: PaddleModel, settings: Settings) -> Object:
    pod = model.spec.pod
    metadata = compact(
        {
            "labels": {**(pod.labels or {}), **names.pod_labels(model.name)},
            "annotations": dict(pod.annotations) if pod.annotations else None,
        }
    )
    spec = _pod_spec(model, settings)
    found = revision(spec, metadata)
    metadata["labels"] |= {contract.REVISION_LABEL: found, contract.CANONICAL_REVISION_LABEL: found}
    return {"metadata": metadata, "spec": spec}


def _pod_spec(model: PaddleModel, settings: Settings) -> Object:
    image = settings.server_image_gpu if model.spec.device == "GPU" else settings.server_image_cpu
    return {
        "initContainers": [container.fetch(model, image)],
        "containers": [container.server(model, image)],
        "volumes": container.volumes(model),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": container.USER,
            "runAsGroup": container.USER,
            "fsGroup": container.USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": container.grace_seconds(model),
        **_placement(model),
    }


def _placement(model: PaddleModel) -> Object:
    pod = model.spec.pod
    fields: dict[str, Any] = {
        "nodeSelector": pod.node_selector,
        "tolerations": list(pod.tolerations) if pod.tolerations else None,
        "affinity": pod.affinity,
        "topologySpreadConstraints": list(pod.topology_spread_constraints)
        if pod.topology_spread_constraints
        else None,
        "priorityClassName": pod.priority_class_name,
        "runtimeClassName": pod.runtime_class_name,
        "serviceAccountName": pod.service_account_name,
        "imagePullSecrets": [{"name": secret.name} for secret in pod.image_pull_secrets or ()] or None,
    }
    return compact(fields)
