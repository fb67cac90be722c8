"""The variable by which the stable pods mirror requests to a canary, and the canary knows them.

It is put into a template that is otherwise as it was: a canary begins and ends, and spec.rollout changes,
without another version of the pods.
"""

import hashlib
import json
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.access import has_tls
from paddlemodel_operator.render.metadata import Object, literal

_LABELS: Final = (contract.REVISION_LABEL, contract.CANONICAL_REVISION_LABEL)


def text(model: PaddleModel, track: str = contract.TRACK_STABLE) -> str | None:
    """What the server of a track reads; None without a mirror."""
    found = model.spec.rollout.mirror
    if found is None:
        return None
    token = {"token": _token(model)}
    if track != contract.TRACK_STABLE:
        return literal(json.dumps(token))
    scheme, port = "https" if has_tls(model) else "http", model.spec.service.port
    fields: dict[str, Any] = found.model_dump(mode="json", by_alias=True, exclude_unset=True)
    url = f"{scheme}://{names.canary(model.name)}.{model.namespace}.svc:{port}"
    return literal(json.dumps({"url": url, **token, **fields}))


def _token(model: PaddleModel) -> str:
    """What clients cannot know and both versions do: it spares a request its limits, and opens nothing."""
    return hashlib.sha256(f"mirror {model.uid}".encode()).hexdigest()[:32]


def into(template: Object, base: str, mirrored: str | None) -> Object:
    """A template with the variable, or without it, and with the labels of that revision.

    Args:
        template: of a Deployment; it is not changed.
        base: the revision of the template without the variable.
        mirrored: the variable's value; None for none.
    """
    found = base if mirrored is None else hashlib.sha256(f"{base}{mirrored}".encode()).hexdigest()[:10]
    labels = {**template["metadata"].get("labels", {}), **dict.fromkeys(_LABELS, found)}
    containers = [
        _with(one, mirrored) if one.get("name") == names.SERVER_CONTAINER else one
        for one in template["spec"]["containers"]
    ]
    metadata = {**template["metadata"], "labels": labels}
    return {"metadata": metadata, "spec": {**template["spec"], "containers": containers}}


def _with(container: Object, mirrored: str | None) -> Object:
    env = [one for one in container.get("env", ()) if one.get("name") != contract.MIRROR_VARIABLE]
    added = [] if mirrored is None else [{"name": contract.MIRROR_VARIABLE, "value": mirrored}]
    return {**container, "env": [*env, *added]}
