"""The head of a request as it came: what must be true of it whatever it asks for; pure.

What is checked here and in `protocol.read_head` depends on nothing but the head's bytes, so it is checked
once for each different head: `head_cache` remembers those that passed. A check that depends on anything else
(an API key that may be revoked, a rate) belongs into `protected.connection`, which asks about remembered
heads, too; or, if it may wait for the body, into `pipeline.inference.Inference.start`.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

import httptools

from paddlemodel_server.errors import BadRequestError, ServingError, UnknownCodingError

MOST_BYTES: Final = 64 * 1024
Lines = Sequence[tuple[bytes, bytes]]
NO_PATH: Final = (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError, TypeError)
_CODING: Final = b"transfer-encoding"
_OFFER = {b"upgrade", b"http2-settings"}


def size(url: bytes, lines: Lines) -> int:
    """How long it is, in bytes, without the method and the version."""
    return len(url) + sum(len(name) + len(value) + 4 for name, value in lines)


def path(url: bytes) -> bytes:
    """The path of a target, decoded; raises one of NO_PATH where it has none."""
    found: bytes = httptools.parse_url(url).path
    return unquote(found.decode("ascii")).encode()


def fault(version: str, lines: Lines) -> ServingError | None:
    """Why it is not acceptable; None where it is."""
    names = [name.lower() for name, _ in lines]
    hosts = names.count(b"host")
    if hosts > 1 or (version == "1.1" and not hosts):
        return BadRequestError(f"A request has one header Host; this one has {hosts or 'none'}.")
    if _CODING in names:
        codings = b",".join(value for name, value in lines if name.lower() == _CODING)
        if codings.strip(b" \t").lower() != b"chunked":
            shown = codings[:60].decode("latin1")
            return UnknownCodingError(
                f"The Transfer-Encoding is {shown!r}; only chunked is taken here. Name a compression in "
                "Content-Encoding."
            )
    return None


def unexpecting(lines: Lines) -> list[tuple[bytes, bytes]]:
    """The lines without Expect, which means nothing to HTTP/1.0."""
    return [line for line in lines if line[0].lower() != b"expect"]


def declining(method: bytes, url: bytes, version: str, lines: Lines) -> bytes:
    """The head once more, without the offer to speak another protocol."""
    kept = [b"%s %s HTTP/%s" % (method, url, version.encode())]
    for name, value in lines:
        if name.lower() == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() not in _OFFER)  # noqa: PLW2901
        if value and name.lower() not in _OFFER:
            kept.append(name + b": " + value)
    return b"\r\n".join([*kept, b"", b""])
