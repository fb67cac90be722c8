"""What our own images leave behind when they end, as reasons and sentences for people; pure."""

import re
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract
from paddlemodel_api.access.tokens import KEYS_ENTRY

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import FetchedModel, PaddleModel
from paddlemodel_operator.observe.children import Container, Pod, last_words
from paddlemodel_operator.observe.conditions import TEXT_MAX

SECRET_MISSING: Final = "SecretMissing"  # noqa: S105 - a word, no secret
"""Of spec.access."""
_REASON: Final = re.compile(r"[A-Z][A-Za-z]{0,63}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a model is not served: one word, and one sentence with cause and cure."""

    reason: str
    message: str


def reported(model: PaddleModel, container: Container) -> Fault | None:
    """The reason and the sentence that our own images leave behind when they fail."""
    words = last_words(container)
    reason, message = words.get("reason"), words.get("message")
    if not (isinstance(reason, str) and _REASON.fullmatch(reason) and isinstance(message, str)):
        return None
    if (secret := _secret_of_access(model, reason)) is not None:
        field, name = secret
        return Fault(
            SECRET_MISSING,
            f"The Secret {name} that spec.access.{field} names does not exist in namespace "
            f"{model.namespace}, or is empty: create it; docs/access.md says what is in it.",
        )
    if (keys := _keys_of_tokens(model, reason)) is not None:
        return keys
    return Fault(reason, message[:TEXT_MAX])


def fetch_fault(model: PaddleModel, wanted: FetchedModel, container: Container) -> Fault | None:
    """Why a model could not be fetched, or looked at, if the fetcher has said so."""
    fault, named = reported(model, container), wanted.source.credentials
    if fault is None:
        return None
    if fault.reason == contract.CREDENTIALS_MISSING and named is not None:
        return Fault(
            fault.reason,
            f"The Secret {named.secret_name} that {wanted.field}.credentials names does not exist in "
            f"namespace {model.namespace}, or is empty: create it; docs/models.md lists its keys.",
        )
    return of_model(wanted, fault)


def of_model(wanted: FetchedModel, fault: Fault) -> Fault:
    """A fault of one of the models; that of spec.model, which most have alone, needs no name."""
    is_main = wanted.name == names.MAIN
    return fault if is_main else Fault(fault.reason, f"{wanted.field}: {fault.message}")


def _secret_of_access(model: PaddleModel, reason: str) -> tuple[str, str] | None:
    """The field and the Secret that a server misses."""
    access = model.spec.access
    if access is not None and access.api_keys and reason == contract.API_KEYS_MISSING:
        return "apiKeys", access.api_keys.secret_name
    if access is not None and access.tls and reason == contract.CERTIFICATE_MISSING:
        return "tls", access.tls.secret_name
    return None


def _keys_of_tokens(model: PaddleModel, reason: str) -> Fault | None:
    """That the ConfigMap is missing; what an address answers, only the server can say."""
    access = model.spec.access
    name = access.jwt.keys.config_map_name if access is not None and access.jwt is not None else None
    if name is None or reason != contract.JWT_KEYS_MISSING:
        return None
    return Fault(
        reason,
        f"The ConfigMap {name} that spec.access.jwt.keys names does not exist in namespace "
        f"{model.namespace}, or has no entry {KEYS_ENTRY}: create it; docs/access.md says what is in it.",
    )


def words_of(pod: Pod, name: str) -> dict[str, Any]:
    """What the fetcher of a model reports of its success: digest and format; else, and before, nothing."""
    fetch = pod.fetches.get(name, Container())
    words = last_words(fetch)
    return words if fetch.exit_code == 0 and isinstance(words.get("digest"), str) else {}
