"""Who gets mirrored requests shows first that it is this model's canary, and nobody else of that name.

Both versions know a token. The one that mirrors sends a number that was never used before, the other answers
with what only the token makes of it. The token itself is sent to nobody who has not shown this.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final

from paddlemodel_server.mirror.wanted import HEADER, UNTOLD

_QUESTION: Final = re.compile(r"\?([0-9a-f]{32})")


def question() -> str:
    """A number that was never used before."""
    return secrets.token_hex(16)


def head(path: str, authority: str, number: str) -> bytes:
    """The request that asks for a proof; it has no body.

    Args:
        path: of a route that runs the model.
        authority: what the header Host says.
        number: of `question`.
    """
    lines = (f"POST {path} HTTP/1.1", f"host: {authority}", "content-length: 0", f"{HEADER}: ?{number}")
    return "\r\n".join([*lines, "", ""]).encode("latin1")


def asked(headers: Mapping[str, str]) -> str | None:
    """The number for which a request wants a proof; None where it wants none."""
    found = _QUESTION.fullmatch(headers.get(HEADER, ""))
    return found[1] if found else None


def proof(token: str, number: str) -> bytes:
    """What shows that somebody knows the token."""
    return hmac.new(token.encode(), number.encode(), hashlib.sha256).hexdigest().encode()


def is_proof(answer: bytes, token: str, number: str) -> bool:
    """Whether an answer shows it; where no token was agreed on, nothing has to be shown."""
    return token == UNTOLD or hmac.compare_digest(answer, proof(token, number))
