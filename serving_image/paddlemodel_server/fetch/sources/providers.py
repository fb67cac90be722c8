"""How to reach each provider's object store: what a Secret, the flags and the environment become. Pure.

Without a Secret the workload's identity is used where its environment is there, and nothing else: looking for
it on every node would cost each public model a time-out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.place import Place
from paddlemodel_server.fetch.sources.source import Keys, Request, Takes

TAKES = {
    "s3": Takes(
        endpoint=True,
        region=True,
        addressing=True,
        secrets=(
            Keys(needed=frozenset({"accessKeyId", "secretAccessKey"}), optional=frozenset({"sessionToken"})),
        ),
    ),
    "gs": Takes(endpoint=True, secrets=(Keys(needed=frozenset({"serviceAccount.json"})),)),
    "az": Takes(
        endpoint=True,
        secrets=(Keys(needed=frozenset({"accountKey"})), Keys(needed=frozenset({"sasToken"}))),
    ),
}
IDENTITY = {
    "s3": (
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_ACCESS_KEY_ID",
    ),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GCE_METADATA_HOST"),
    "az": ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_SECRET"),
}
"""The variables by which a cloud gives a pod an identity."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """What the client is made with."""

    config: Mapping[str, Any] = field(repr=False)
    address: str  # to which requests go, as far as known: for proxies
    identity: str  # who asks, for people
    bucket: str  # by which a path begins at that address; empty where the host names it


def access(request: Request, place: Place, environ: Mapping[str, str]) -> Access:
    """How to reach a place.

    Raises:
        StartError: `InvalidEndpoint`, `InvalidCredentials`.
    """
    endpoint = checked_endpoint(request.endpoint)
    made = {"s3": _s3, "gs": _gs, "az": _az}[place.scheme](request, place, endpoint)
    config, address = dict(made[0]), made[1]
    bucket = "" if config.get("virtual_hosted_style_request") and endpoint else place.bucket
    if request.credentials:
        return Access(config=config, address=address, identity="the Secret", bucket=bucket)
    if any(environ.get(name) for name in IDENTITY[place.scheme]):
        return Access(config=config, address=address, identity="the pod's identity", bucket=bucket)
    config |= {"skip_signature": True}
    return Access(config=config, address=address, identity="nobody", bucket=bucket)


def checked_endpoint(endpoint: str | None) -> str | None:
    """The address of a service, without a slash at its end.

    Raises:
        StartError: `InvalidEndpoint`.
    """
    if endpoint is None:
        return None
    try:
        parts = urlsplit(endpoint)
        fine = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except ValueError:
        fine = False
    if not fine or parts.username or parts.query or parts.fragment:
        raise StartError(
            "InvalidEndpoint",
            "The endpoint must be http(s)://HOST, perhaps with :PORT and a path; correct it.",
        )
    return endpoint.rstrip("/")


def _s3(request: Request, place: Place, endpoint: str | None) -> tuple[Mapping[str, Any], str]:
    secret = request.credentials
    config: dict[str, Any] = {"bucket": place.bucket}
    if request.region:
        config["region"] = request.region
    if secret:
        config |= {
            "access_key_id": secret["accessKeyId"],
            "secret_access_key": secret["secretAccessKey"],
        }
        if secret.get("sessionToken"):
            config["session_token"] = secret["sessionToken"]
    # A provider's own certificate is for one label before its domain, so a bucket with dots goes in the path.
    default = "Path" if endpoint or "." in place.bucket else "VirtualHost"
    virtual = (request.addressing or default) == "VirtualHost"
    config["virtual_hosted_style_request"] = virtual
    if endpoint is None:
        return config, f"https://s3.{request.region or 'us-east-1'}.amazonaws.com"
    parts = urlsplit(endpoint)
    host = f"{place.bucket}.{parts.netloc}" if virtual else parts.netloc
    config["endpoint"] = parts._replace(netloc=host).geturl()
    return config, config["endpoint"]


def _gs(request: Request, place: Place, endpoint: str | None) -> tuple[Mapping[str, Any], str]:
    config: dict[str, Any] = {"bucket": place.bucket}
    if key := request.credentials.get("serviceAccount.json"):
        _check_key(key)
        config["service_account_key"] = key
    if endpoint:
        config["base_url"] = endpoint
    return config, endpoint or "https://storage.googleapis.com"


def _check_key(key: str) -> None:
    try:
        fine = isinstance(json.loads(key), dict) and "private_key" in json.loads(key)
    except (ValueError, RecursionError):
        fine = False
    if not fine:
        raise StartError(
            "InvalidCredentials",
            "The Secret's serviceAccount.json is not the JSON key of a service account; correct the Secret.",
        )


def _az(request: Request, place: Place, endpoint: str | None) -> tuple[Mapping[str, Any], str]:
    config: dict[str, Any] = {"account_name": place.account, "container_name": place.bucket}
    if key := request.credentials.get("accountKey"):
        config["account_key"] = key
    if token := request.credentials.get("sasToken"):
        config["sas_key"] = token.removeprefix("?")
    if endpoint:
        config["endpoint"] = endpoint
    return config, endpoint or f"https://{place.account}.blob.core.windows.net"
