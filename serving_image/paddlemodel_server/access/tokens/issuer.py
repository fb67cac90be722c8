"""Whose tokens are taken, for whom, and who may use the model with one: `PADDLEMODEL_JWT`; pure."""

import json
from dataclasses import dataclass
from typing import Any, Final

FORM: Final = (
    'a JSON object such as {"issuer":"https://login.example.com","audiences":["resnet50"],'
    '"keys":{"uri":"https://login.example.com/keys"},"clientClaim":"sub","clients":["team-a-*"]}, where keys '
    "is left out or without uri if PADDLEMODEL_JWT_KEYS_DIR has them"
)
_NEEDED, _OTHERS = {"issuer", "audiences"}, {"keys", "clientClaim", "clients"}


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """What a token must say, beside being signed and of this time."""

    name: str  # iss
    audiences: tuple[str, ...]  # one of them is in aud
    uri: str = ""  # where its keys are; empty where they are mounted
    claim: str = "sub"  # the one that names the client
    clients: tuple[str, ...] = ()  # who may use the model; empty: everybody

    def allows(self, client: str) -> bool:
        """Whether a client may use the model; a * at the end of a name stands for anything."""
        return not self.clients or any(
            client.startswith(one[:-1]) if one.endswith("*") else client == one for one in self.clients
        )


def read(text: str) -> Issuer:
    """Read what `PADDLEMODEL_JWT` says; raises ValueError for anything but FORM."""
    found: Any = json.loads(text)
    if not isinstance(found, dict) or not _NEEDED <= set(found) <= _NEEDED | _OTHERS:
        raise ValueError(text)
    keys = found.get("keys", {})
    if not isinstance(keys, dict) or set(keys) - {"uri", "configMapName"}:
        raise ValueError(text)
    uri = keys.get("uri", "")
    if not isinstance(uri, str) or (uri and not uri.startswith("https://")):
        raise ValueError(text)
    return Issuer(
        name=_text(found["issuer"]),
        audiences=_texts(found["audiences"]),
        uri=uri,
        claim=_text(found.get("clientClaim", "sub")),
        clients=_texts(found["clients"]) if "clients" in found else (),
    )


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(value)
    return tuple(_text(one) for one in value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(repr(value))
    return value
