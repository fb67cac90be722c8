"""What the fetcher is told, and which volumes it has, as init container and where it looks for updates."""

from typing import Final

from paddlemodel_api import uri
from paddlemodel_api.source import Place

from paddlemodel_operator.base.model import FetchedModel
from paddlemodel_operator.render.metadata import Object, literal

CACHE_DIR: Final = "/mnt/model-cache"

_VOLUME_CACHE: Final = "model-cache"


def address(found: FetchedModel) -> str:
    """The URI as the fetcher gets it."""
    return literal(uri.mounted(found.source.uri, _path(_claim(found))))


def access(found: FetchedModel) -> list[str]:
    """How the place is reached, as arguments of the fetcher."""
    source = found.source
    arguments = ["--root", _path(_claim(found))] if uri.claim(source.uri) else []
    if source.credentials:
        arguments += ["--credentials", _path(_credentials(found))]
    return [*arguments, *_store(source)]


def _store(source: Place) -> list[str]:
    if (store := source.store) is None:
        return []
    given = (
        ("--endpoint", store.endpoint),
        ("--region", store.region),
        ("--addressing", store.addressing),
    )
    return [word for flag, value in given if value is not None for word in (flag, literal(value))]


def content(found: FetchedModel) -> list[str]:
    """What the model must be, and where it is kept, as arguments of the fetcher."""
    arguments = ["--digest", found.source.digest] if found.source.digest else []
    if found.cache:
        arguments += ["--cache", CACHE_DIR, "--keep", str(found.cache.keep)]
    return arguments


def mounts(found: FetchedModel, *, cached: bool) -> list[Object]:
    """What the fetcher reads, and with a cache writes."""
    result: list[Object] = []
    if uri.claim(found.source.uri):
        result.append(_read_only(_claim(found)))
    if found.source.credentials:
        result.append(_read_only(_credentials(found)))
    if found.cache and cached:
        result.append({"name": _VOLUME_CACHE, "mountPath": CACHE_DIR})
    return result


def volumes(models: tuple[FetchedModel, ...], *, cached: bool) -> list[Object]:
    """The volumes behind the mounts of all these models.

    A Secret that is missing lets the fetcher start, which says so: a pod that waits for its volume tells the
    reason in Events only, and those the operator may not read.
    """
    result: list[Object] = []
    for found in models:
        if (claim := uri.claim(found.source.uri)) is not None:
            bound = {"claimName": claim, "readOnly": True}
            result.append({"name": _claim(found), "persistentVolumeClaim": bound})
        if found.source.credentials:
            name = found.source.credentials.secret_name
            secret = {"secretName": name, "optional": True, "defaultMode": 0o440}
            result.append({"name": _credentials(found), "secret": secret})
    claims = {found.cache.claim_name for found in models if found.cache and cached}
    return result + [
        {"name": _VOLUME_CACHE, "persistentVolumeClaim": {"claimName": name}} for name in sorted(claims)
    ]


def _claim(found: FetchedModel) -> str:
    return f"{found.name}-source"


def _credentials(found: FetchedModel) -> str:
    return f"{found.name}-credentials"


def _path(volume: str) -> str:
    return f"/mnt/{volume}"


def _read_only(volume: str) -> Object:
    return {"name": volume, "mountPath": _path(volume), "readOnly": True}
