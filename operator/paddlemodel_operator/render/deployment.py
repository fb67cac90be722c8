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
from paddlemodel_operator.render.templates import mirror
from paddlemodel_operator.rollout.revision import wanted_revision
from paddlemodel_operator.rollout.sizes import PODS_SECONDS
from paddlemodel_operator.settings import Settings

NONE: Final[Mapping[str, str]] = MappingProxyType({})
"""No new content for which pods are replaced."""


def build(model: PaddleModel, settings: Settings, contents: Mapping[str, str] = NONE) -> Object:
    """With `replicas` only where the spec states them: otherwise the autoscaler owns the field.

    Args:
        model: the spec.
        settings: the images.
        contents: the revisions of new content for which the pods are replaced, by the names of the models.
    """
    track = contract.TRACK_STABLE
    return _deployment(model, track, model.fixed_replicas, _template(model, settings, contents, track))


def canary(model: PaddleModel, settings: Settings, contents: Mapping[str, str], pods: int) -> Object:
    """The same, of a version that is tried out, with as many pods as its share of the requests wants."""
    track = contract.TRACK_CANARY
    return _deployment(model, track, pods, _template(model, settings, contents, track))


def revision(template_spec: Object, metadata: Object) -> str:
    """A short name for one version of the pods."""
    text = json.dumps([metadata, template_spec], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _deployment(model: PaddleModel, track: str, replicas: int | None, made: Object) -> Object:
    asked, base, template = made["asked"], made["base"], made["template"]
    annotations = {contract.REVISION_ANNOTATION: asked, contract.TEMPLATE_ANNOTATION: base}
    surge = model.spec.rollout.surge
    name = model.name if track == contract.TRACK_STABLE else names.canary(model.name)
    return {
        **head(model, names.DEPLOYMENT, annotations, name),
        "spec": compact(
            {
                "replicas": replicas,
                "revisionHistoryLimit": 3,
                "progressDeadlineSeconds": PODS_SECONDS,
                "selector": {"matchLabels": names.pod_selector(model.name, track)},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 1 - surge, "maxSurge": surge},
                },
                "template": template,
            }
        ),
    }


def _template(model: PaddleModel, settings: Settings, contents: Mapping[str, str], track: str) -> Object:
    """The template, with the names of what is asked and of itself."""
    pod = model.spec.pod
    replaced = {contract.revision_annotation(name): content for name, content in contents.items()}
    metadata = compact(
        {
            "labels": {**(pod.labels or {}), **names.pod_labels(model.name, track)},
            "annotations": {**(pod.annotations or {}), **replaced} or None,
        }
    )
    spec = _pod_spec(model, settings)
    base = revision(spec, metadata)
    template = mirror.into({"metadata": metadata, "spec": spec}, base, mirror.text(model, track))
    return {"asked": wanted_revision(model, settings, contents), "base": base, "template": template}


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
