"""What `spec.access` gives to the server's container: mounted Secrets, and where they are."""

import json
from typing import Any, Final

from paddlemodel_api import contract
from paddlemodel_api.access import ApiKeys, RateLimit

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object

API_KEYS_DIR: Final = "/mnt/api-keys"

_VOLUME_API_KEYS: Final = "api-keys"


def variables(model: PaddleModel) -> list[Object]:
    """Settings of the server."""
    if (access := model.spec.access) is None:
        return []
    proxies, limits = access.trusted_proxies, access.rate_limits
    values = {
        "api_keys_dir": API_KEYS_DIR if access.api_keys else None,
        "rate_limits": json.dumps([_limit(one) for one in limits], separators=(",", ":")) if limits else None,
        "trusted_proxies": (str(proxies.hops) if proxies.hops else ",".join(proxies.cidrs or ()))
        if proxies
        else None,
    }
    return [{"name": contract.variable(name), "value": value} for name, value in values.items() if value]


def mounts(model: PaddleModel) -> list[Object]:
    """What the server reads. Never a subPath: the kubelet would not renew it."""
    if _keys(model) is None:
        return []
    return [{"name": _VOLUME_API_KEYS, "mountPath": API_KEYS_DIR, "readOnly": True}]


def volumes(model: PaddleModel) -> list[Object]:
    """The volumes behind the mounts.

    A Secret that is missing lets the server start, which then says so: see `fetching.volumes`.
    """
    if (keys := _keys(model)) is None:
        return []
    secret = {"secretName": keys.secret_name, "optional": True, "defaultMode": 0o440}
    return [{"name": _VOLUME_API_KEYS, "secret": secret}]


def _keys(model: PaddleModel) -> ApiKeys | None:
    return model.spec.access.api_keys if model.spec.access else None


def _limit(limit: RateLimit) -> dict[str, Any]:
    return limit.model_dump(by_alias=True, exclude_none=True)
