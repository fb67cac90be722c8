"""What `spec.access` gives to the server's container: mounted Secrets and keys, and where they are."""

import json
from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object

API_KEYS_DIR: Final = "/mnt/api-keys"
JWT_KEYS_DIR: Final = "/mnt/jwt-keys"
SHARED_LIMITS_DIR: Final = "/mnt/shared-limits"
TLS_DIR: Final = "/mnt/tls"
_JWT_KEYS: Final = "jwt-keys"


def variables(model: PaddleModel) -> list[Object]:
    """Settings of the server."""
    if (access := model.spec.access) is None:
        return []
    proxies, limits, cors = access.trusted_proxies, access.rate_limits, access.cors
    shared = access.shared_limits
    written = [limit.model_dump(by_alias=True, exclude_none=True) for limit in limits or ()]
    values = {
        "api_keys_dir": access.api_keys and API_KEYS_DIR,
        "jwt": access.jwt and access.jwt.model_dump_json(by_alias=True, exclude_none=True),
        "jwt_keys_dir": _token_keys(model) and JWT_KEYS_DIR,
        "tls_dir": access.tls and TLS_DIR,
        "rate_limits": written and json.dumps(written, separators=(",", ":")),
        "shared_limits": _shared(model),
        "shared_limits_dir": shared and shared.secret_name and SHARED_LIMITS_DIR,
        "cors": cors and cors.model_dump_json(by_alias=True, exclude_none=True),
        "trusted_proxies": proxies and (str(proxies.hops or "") or ",".join(proxies.cidrs or ())),
    }
    return [{"name": contract.variable(name), "value": value} for name, value in values.items() if value]


def mounts(model: PaddleModel) -> list[Object]:
    """What the server reads. Never a subPath: the kubelet would not renew it."""
    places = [(name, path) for name, path, _ in _secrets(model)]
    if _token_keys(model):
        places.append((_JWT_KEYS, JWT_KEYS_DIR))
    return [{"name": name, "mountPath": path, "readOnly": True} for name, path in places]


def volumes(model: PaddleModel) -> list[Object]:
    """The volumes behind the mounts.

    A Secret that is missing lets the server start, which then says so: see `fetching.volumes`.
    """
    found: list[Object] = [
        {"name": name, "secret": {"secretName": secret, "optional": True, "defaultMode": 0o440}}
        for name, _, secret in _secrets(model)
    ]
    if name := _token_keys(model):
        found.append({"name": _JWT_KEYS, "configMap": {"name": name, "optional": True}})
    return found


def has_tls(model: PaddleModel) -> bool:
    """Whether the clients' port speaks HTTPS."""
    return model.spec.access is not None and model.spec.access.tls is not None


def _secrets(model: PaddleModel) -> list[tuple[str, str, str]]:
    """Volume, folder and Secret."""
    if (access := model.spec.access) is None:
        return []
    keys, shared, tls = access.api_keys, access.shared_limits, access.tls
    return [
        *([("api-keys", API_KEYS_DIR, keys.secret_name)] if keys else []),
        *(
            [("shared-limits", SHARED_LIMITS_DIR, shared.secret_name)]
            if shared and shared.secret_name
            else []
        ),
        *([("tls", TLS_DIR, tls.secret_name)] if tls else []),
    ]


def _shared(model: PaddleModel) -> str | None:
    """Where pods count together, and under whose name; a canary counts with the stable pods."""
    access = model.spec.access
    if access is None or access.shared_limits is None:
        return None
    found = {"uri": access.shared_limits.uri, "prefix": f"{model.namespace}/{model.name}"}
    return json.dumps(found, separators=(",", ":"))


def _token_keys(model: PaddleModel) -> str | None:
    """The ConfigMap with the keys of tokens' issuer; None where they are fetched, or not wanted."""
    access = model.spec.access
    return access.jwt.keys.config_map_name if access is not None and access.jwt is not None else None
