"""What `spec.access` gives to the server's container: mounted Secrets, and where they are."""

import json
from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object

API_KEYS_DIR: Final = "/mnt/api-keys"
TLS_DIR: Final = "/mnt/tls"


def variables(model: PaddleModel) -> list[Object]:
    """Settings of the server."""
    if (access := model.spec.access) is None:
        return []
    proxies, limits, cors = access.trusted_proxies, access.rate_limits, access.cors
    written = [limit.model_dump(by_alias=True, exclude_none=True) for limit in limits or ()]
    values = {
        "api_keys_dir": access.api_keys and API_KEYS_DIR,
        "tls_dir": access.tls and TLS_DIR,
        "rate_limits": written and json.dumps(written, separators=(",", ":")),
        "cors": cors and cors.model_dump_json(by_alias=True, exclude_none=True),
        "trusted_proxies": proxies and (str(proxies.hops or "") or ",".join(proxies.cidrs or ())),
    }
    return [{"name": contract.variable(name), "value": value} for name, value in values.items() if value]


def mounts(model: PaddleModel) -> list[Object]:
    """What the server reads. Never a subPath: the kubelet would not renew it."""
    return [{"name": name, "mountPath": path, "readOnly": True} for name, path, _ in _secrets(model)]


def volumes(model: PaddleModel) -> list[Object]:
    """The volumes behind the mounts.

    A Secret that is missing lets the server start, which then says so: see `fetching.volumes`.
    """
    return [
        {"name": name, "secret": {"secretName": secret, "optional": True, "defaultMode": 0o440}}
        for name, _, secret in _secrets(model)
    ]


def has_tls(model: PaddleModel) -> bool:
    """Whether the clients' port speaks HTTPS."""
    return model.spec.access is not None and model.spec.access.tls is not None


def _secrets(model: PaddleModel) -> list[tuple[str, str, str]]:
    """Volume, folder and Secret."""
    if (access := model.spec.access) is None:
        return []
    keys, tls = access.api_keys, access.tls
    found = [("api-keys", API_KEYS_DIR, keys.secret_name)] if keys else []
    return [*found, ("tls", TLS_DIR, tls.secret_name)] if tls else found
