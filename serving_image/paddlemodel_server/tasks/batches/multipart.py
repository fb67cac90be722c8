"""The parts of a body of multipart/form-data (RFC 7578, of RFC 2046): their bytes, in order; pure.

Every part is one thing, whatever its field or file is called.
"""

import re

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol import Headers

KIND = "multipart/form-data"
MOST_PARTS = 64
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, 5.1.1
_PADDING = re.compile(rb"[ \t]*\r\n")  # behind a boundary
_ENCODED = re.compile(rb"(?im)^content-transfer-encoding:(?!\s*(?:binary|8bit|7bit)\s*$)")
_MOST_HEAD = 8192  # bytes of a part's headers


def boundary(headers: Headers) -> bytes:
    """What stands between the parts, as the head of the request says it.

    Raises:
        BadRequestError: it does not.
    """
    from email.message import Message  # noqa: PLC0415 - 20 ms, for which the supervisor has no use

    parsed = Message()
    parsed["content-type"] = headers.get("content-type", "")[:1000]
    found = parsed.get_param("boundary")
    if not isinstance(found, str) or not _BOUNDARY.fullmatch(found):
        raise BadRequestError(f"The Content-Type {KIND} names no boundary; curl -F does.")
    return found.encode("ascii")


def parts(body: bytes, between: bytes) -> list[bytes]:
    """The content of each part.

    Args:
        body: the whole body.
        between: the boundary.

    Raises:
        BadRequestError: it is not of this form, or has no parts, or more than may be.
    """
    delimiter = b"\r\n--" + between
    body = b"\r\n" + body  # the first boundary may stand at its very beginning
    found: list[bytes] = []
    at = body.find(delimiter) + len(delimiter)
    if at < len(delimiter):
        raise BadRequestError(
            "The request has no parts: the boundary of its Content-Type is not in its body."
        )
    while body[at : at + 2] != b"--":
        if len(found) == MOST_PARTS:
            raise BadRequestError(f"The request has more than {MOST_PARTS} parts; send several requests.")
        begin, end = _content(body, at), body.find(delimiter, at)
        if end < 0:
            raise BadRequestError("The request ends early: its last part has no end.")
        if begin > end:
            raise BadRequestError(f"Part {len(found)} of the request has no headers.")
        found.append(body[begin:end])
        at = end + len(delimiter)
    if not found:
        raise BadRequestError("The request has no parts.")
    return found


def _content(body: bytes, at: int) -> int:
    """Where the content of a part begins, whose boundary ends at a place."""
    head = _PADDING.match(body, at)
    end = body.find(b"\r\n\r\n", at, at + _MOST_HEAD)
    if head is None or end < 0:
        raise BadRequestError("A part of the request has no end of its headers.")
    if _ENCODED.search(body, at, end):
        raise BadRequestError(
            "A part of the request has a Content-Transfer-Encoding; send the bytes as they are."
        )
    return end + 4
