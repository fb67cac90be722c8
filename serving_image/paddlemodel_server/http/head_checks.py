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

from paddlemodel_server.errors import BadRequestError

MOST_BYTES: Final = 64 * 1024
Lines = Sequence[tuple[bytes, bytes]]
_OFFER = {b"upgrade", b"http2-settings"}


def size(url: bytes, lines: Lines) -> int:
    """How long it is, in bytes, without the method and the version."""
    return len(url) + sum(len(name) + len(value) + 4 for name, value in lines)


def path(url: bytes) -> bytes:
    """The path of a target, decoded; raises what no path makes httptools and the decoding raise."""
    found: bytes = httptools.parse_url(url).path
    return unquote(found.decode("ascii")).encode()


def fault(version: str, lines: Lines) -> BadRequestError | None:
    """Why it is not acceptable; None where it is."""
    hosts = [name.lower() for name, _ in lines].count(b"host")
    if hosts > 1 or (version == "1.1" and not hosts):
        return BadRequestError(f"A request has one header Host; this one has {hosts or 'none'}.")
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
