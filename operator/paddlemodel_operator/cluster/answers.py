"""What the API server is asked for, and what its answers mean: JSON, or the error they stand for; pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError

Object = dict[str, Any]

RETRY_AFTER_MAX: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which objects are listed and watched."""

    kind: names.Kind
    selector: str = ""
    """Of labels."""
    fields: str = ""
    """A field selector, as `metadata.name=a`."""
    namespace: str | None = None
    """Only in this one; by default in all."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All objects of a kind at one moment."""

    items: list[Object]
    resource_version: int


def unreachable(error: Exception) -> ApiError:
    """Nobody answered, or not to the end."""
    return ApiError(0, "Unreachable", f"{type(error).__name__}: {error}")


def decoded(status: int, text: bytes, trim: Callable[[Object], Object] | None = None) -> Object:
    """The JSON object that was sent; with `trim`, what that leaves of each object in it.

    Raises:
        ApiError: it is none.
    """
    try:
        answer: Object = json.loads(text, object_hook=trim) if trim else orjson.loads(text)
    except ValueError as error:
        # "404 page not found", for example, is plain text.
        raise ApiError(status, "NotJson", text[:200].decode(errors="replace")) from error
    return answer


def refusal(status: int, headers: Mapping[str, str], text: bytes) -> ApiError:
    """The error behind an answer that is no success."""
    try:
        answer = decoded(status, text)
    except ApiError as error:
        return ApiError(status, error.reason, error.message, _wait(headers.get("Retry-After")))
    return fault(status, answer, headers.get("Retry-After"))


def fault(status: int, answer: Object, retry_after: str | None = None) -> ApiError:
    """The error that a `Status` object of the API stands for."""
    details = answer.get("details") or {}
    wait = _wait(retry_after or details.get("retryAfterSeconds"))
    cause = str(next((one.get("reason", "") for one in details.get("causes") or ()), ""))
    return ApiError(status, str(answer.get("reason", "")), str(answer.get("message", ""))[:1000], wait, cause)


def _wait(said: object) -> float:
    """Seconds; a date, which Kubernetes never sends, counts as nothing said."""
    try:
        return min(max(float(str(said)), 0.0), RETRY_AFTER_MAX) if said else 0.0
    except ValueError:
        return 0.0
