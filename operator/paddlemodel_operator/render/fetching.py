"""What the fetcher is told, and which volumes it has, as init container and where it looks for updates."""

from typing import Final

from paddlemodel_api import uri
from paddlemodel_api.source import ModelSource

from paddlemodel_operator.render.metadata import Object, literal

CLAIM_DIR: Final = "/mnt/model-source"
CREDENTIALS_DIR: Final = "/mnt/model-credentials"
CACHE_DIR: Final = "/mnt/model-cache"

_VOLUME_CLAIM: Final = "model-source"
_VOLUME_CREDENTIALS: Final = "model-credentials"
_VOLUME_CACHE: Final = "model-cache"


def address(source: ModelSource) -> str:
    """The URI as the fetcher gets it."""
    return literal(uri.mounted(source.uri, CLAIM_DIR))


def access(source: ModelSource) -> list[str]:
    """How the place is reached, as arguments of the fetcher."""
    arguments = ["--root", CLAIM_DIR] if uri.claim(source.uri) else []
    if source.credentials:
        arguments += ["--credentials", CREDENTIALS_DIR]
    if (store := source.store) is not None:
        given = (
            ("--endpoint", store.endpoint),
            ("--region", store.region),
            ("--addressing", store.addressing),
        )
        arguments += [word for flag, value in given if value is not None for word in (flag, literal(value))]
    return arguments


def content(source: ModelSource) -> list[str]:
    """What the model must be, and where it is kept, as arguments of the fetcher."""
    arguments = ["--digest", source.digest] if source.digest else []
    if source.cache:
        arguments += ["--cache", CACHE_DIR, "--keep", str(source.cache.keep)]
    return arguments


def mounts(source: ModelSource, *, cached: bool) -> list[Object]:
    """What the fetcher reads, and with a cache writes."""
    found: list[Object] = []
    if uri.claim(source.uri):
        found.append({"name": _VOLUME_CLAIM, "mountPath": CLAIM_DIR, "readOnly": True})
    if source.credentials:
        found.append({"name": _VOLUME_CREDENTIALS, "mountPath": CREDENTIALS_DIR, "readOnly": True})
    if source.cache and cached:
        found.append({"name": _VOLUME_CACHE, "mountPath": CACHE_DIR})
    return found


def volumes(source: ModelSource, *, cached: bool) -> list[Object]:
    """The volumes behind the mounts.

    A Secret that is missing lets the fetcher start, which says so: a pod that waits for its volume tells the
    reason in Events only, and those the operator may not read.
    """
    found: list[Object] = []
    if (claim := uri.claim(source.uri)) is not None:
        found.append({"name": _VOLUME_CLAIM, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}})
    if source.credentials:
        secret = {"secretName": source.credentials.secret_name, "optional": True, "defaultMode": 0o440}
        found.append({"name": _VOLUME_CREDENTIALS, "secret": secret})
    if source.cache and cached:
        claim_name = {"claimName": source.cache.claim_name}
        found.append({"name": _VOLUME_CACHE, "persistentVolumeClaim": claim_name})
    return found
