"""What `spec.access` gives to the server's container: mounted Secrets, and where they are."""

from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object

API_KEYS_DIR: Final = "/mnt/api-keys"

_VOLUME_API_KEYS: Final = "api-keys"


def variables(model: PaddleModel) -> list[Object]:
    """Settings of the server."""
    return [{"name": contract.variable("api_keys_dir"), "value": API_KEYS_DIR}] if model.spec.access else []


def mounts(model: PaddleModel) -> list[Object]:
    """What the server reads. Never a subPath: the kubelet would not renew it."""
    if model.spec.access is None:
        return []
    return [{"name": _VOLUME_API_KEYS, "mountPath": API_KEYS_DIR, "readOnly": True}]


def volumes(model: PaddleModel) -> list[Object]:
    """The volumes behind the mounts.

    A Secret that is missing lets the server start, which then says so: see `fetching.volumes`.
    """
    if (access := model.spec.access) is None:
        return []
    secret = {"secretName": access.api_keys.secret_name, "optional": True, "defaultMode": 0o440}
    return [{"name": _VOLUME_API_KEYS, "secret": secret}]
