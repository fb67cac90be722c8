"""How the recorded requests of `spec.verification` reach the server."""

from typing import Final

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object

RECORDING_DIR: Final = "/mnt/recording"
_VOLUME: Final = "recording"


def text(model: PaddleModel) -> str | None:
    """What the server reads: only what the user set; None where nothing is to be verified."""
    found = model.spec.verification
    return None if found is None else found.model_dump_json(by_alias=True, exclude_unset=True)


def mounts(model: PaddleModel) -> list[Object]:
    """The ConfigMap's place in the server's container."""
    return [{"name": _VOLUME, "mountPath": RECORDING_DIR, "readOnly": True}] if _map(model) else []


def volumes(model: PaddleModel) -> list[Object]:
    """The volume of the ConfigMap.

    Optional, as a Secret is: a pod that waits for its volume says why in Events only; the server, that it is
    missing.
    """
    found = _map(model)
    return [{"name": _VOLUME, "configMap": {"name": found, "optional": True}}] if found else []


def _map(model: PaddleModel) -> str | None:
    found = model.spec.verification
    place = found.recording.config_map if found else None
    return place.name if place else None
