"""The Deployment of a model.

Its pod template is a pure function of the spec and the server image, never of the operator's version: an
upgrade of the operator restarts no model.
"""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render import container, pods
from paddlemodel_operator.render.metadata import Object, compact, head
from paddlemodel_operator.settings import Settings

NONE: Final[Mapping[str, str]] = MappingProxyType({})
"""No new content for which pods are replaced."""

FETCH_AND_LOAD_SECONDS: Final = 1800
"""Until the Deployment reports a stuck rollout; large models take their time to be fetched."""


def build(model: PaddleModel, settings: Settings, contents: Mapping[str, str] = NONE) -> Object:
    """With `replicas` only where the spec states them: otherwise the autoscaler owns the field.

    Args:
        model: the spec.
        settings: the images.
        contents: the revisions of new content for which the pods are replaced, by the names of the models.
    """
    return {
        **head(model, names.DEPLOYMENT),
        "spec": compact(
            {
                "replicas": model.fixed_replicas,
                "revisionHistoryLimit": 3,
                "progressDeadlineSeconds": FETCH_AND_LOAD_SECONDS,
                "selector": {"matchLabels": names.pod_selector(model.name)},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": _template(model, settings, contents),
            }
        ),
    }


def revision(template_spec: Object, metadata: Object) -> str:
    """A short name for one version of the pods."""
    text = json.dumps([metadata, template_spec], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _template(model: PaddleModel, settings: Settings, contents: Mapping[str, str]) -> Object:
    pod = model.spec.pod
    replaced = {contract.revision_annotation(name): content for name, content in contents.items()}
    metadata = compact(
        {
            "labels": {**(pod.labels or {}), **names.pod_labels(model.name)},
            "annotations": {**(pod.annotations or {}), **replaced} or None,
        }
    )
    spec = _pod_spec(model, settings)
    found = revision(spec, metadata)
    metadata["labels"] |= {contract.REVISION_LABEL: found, contract.CANONICAL_REVISION_LABEL: found}
    return {"metadata": metadata, "spec": spec}


def _pod_spec(model: PaddleModel, settings: Settings) -> Object:
    image = settings.server_image_gpu if model.spec.device == "GPU" else settings.server_image_cpu
    spread = model.spec.pod.topology_spread_constraints
    return compact(
        {
            "initContainers": [container.fetch(model, one, image) for one in model.fetched],
            "containers": [container.server(model, image)],
            "volumes": container.volumes(model),
            **pods.confined(),
            "terminationGracePeriodSeconds": container.grace_seconds(model),
            **pods.placed(model),
            "affinity": model.spec.pod.affinity,
            "topologySpreadConstraints": list(spread) if spread else None,
        }
    )
