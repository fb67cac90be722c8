"""The version before a broken one, whose template the Deployment gets again: read from its ReplicaSet."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import owned_by
from paddlemodel_operator.render.templates.held import revision_of

log = logging.getLogger(__name__)

Object = Mapping[str, Any]

HASH_LABEL: Final = "pod-template-hash"
"""What the Deployment's controller adds to a template."""


async def former(api: Api, model: PaddleModel, live: Object) -> Object | None:
    """What a Deployment of the version before would be: its annotations, and its template.

    None where no pod of a version before answers, and where the operator may not look.

    Args:
        api: to read the ReplicaSets with.
        model: the spec.
        live: the Deployment.

    Raises:
        ApiError: the API server did not answer.
    """
    labels = names.pod_selector(model.name, contract.TRACK_STABLE)
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    try:
        found = await api.list_all(names.REPLICA_SET, selector, model.namespace)
    except ApiError as error:
        if error.code != 403:
            raise
        log.warning("A broken version keeps its pods: the chart's role lacks ReplicaSets. %s", error)
        return None
    newest = revision_of(live)
    before = [
        one
        for one in found.items
        if owned_by(one, live["metadata"]["uid"]) and _ready(one) and revision_of(one) not in {"", newest}
    ]
    return _as_deployment(max(before, key=_ready)) if before else None


def _ready(one: Object) -> int:
    found: int = one.get("status", {}).get("readyReplicas", 0)
    return found


def _as_deployment(one: Object) -> Object:
    template = one["spec"]["template"]
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != HASH_LABEL}
    metadata = {key: value for key, value in template["metadata"].items() if value is not None}
    return {
        "metadata": {"annotations": one["metadata"].get("annotations", {})},
        "spec": {"template": {**template, "metadata": {**metadata, "labels": labels}}},
    }
