"""What a spec asks of the pods, as one short name: another name is another version. Pure.

It is made of what the user wrote and of the image, never of how the operator writes that down: an upgrade of
the operator begins no canary. What is applied at once, such as replicas, is not in it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.settings import Settings

AT_ONCE: Final = ("replicas", "autoscaling", "service", "ingress", "gateway", "rollout")
"""Fields that change nothing in a pod, or that say how; of ingress and gateway the path reaches them."""
_AT_ONCE_OF_MODEL: Final = ("updatePolicy", "checkMinutes")
_EMPTY_IS_NONE: Final = "resources"
"""Without a field it means none at all, and where it is left out the defaults."""


def wanted_revision(model: PaddleModel, settings: Settings, contents: Mapping[str, str]) -> str:
    """The revision of a model's pods.

    Args:
        model: the spec; a default counts as not set, so that a new field with one changes nothing; so does
            an empty list or object of the pod.
        settings: the images.
        contents: the revisions of new content for which the pods are replaced, by the names of the models.
    """
    spec: dict[str, Any] = model.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    asked = {key: value for key, value in spec.items() if key not in AT_ONCE}
    asked["model"] = {key: value for key, value in spec["model"].items() if key not in _AT_ONCE_OF_MODEL}
    if "pod" in spec:
        asked["pod"] = {key: value for key, value in spec["pod"].items() if value}
    if "access" in spec:
        asked["access"] = {key: value for key, value in spec["access"].items() if key != "network"}
    image = settings.server_image_gpu if model.spec.device == "GPU" else settings.server_image_cpu
    kept = {key: value for key, value in asked.items() if value or key == _EMPTY_IS_NONE}
    whole = [kept, model.path_prefix, image, dict(contents)]
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]
