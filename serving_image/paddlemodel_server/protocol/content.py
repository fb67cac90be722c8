"""What the head of a request says about bodies: media types, compression, the client's deadline. Pure."""

import math
import zlib
from collections.abc import Sequence
from functools import lru_cache

from paddlemodel_server.errors import (
    BadRequestError,
    NotAcceptableError,
    RequestTooLargeError,
    UnsupportedMediaTypeError,
)
from paddlemodel_server.protocol.request import Headers

TIMEOUT_HEADER = "x-request-timeout"
JSON_SIZE_HEADER = "inference-header-content-length"
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # how zlib names the formats; deflate is RFC 1950's
_MEMBER = b"\x1f\x8b"  # how a member of a gzip body begins; RFC 1952 puts them one after the other
_MOST_MEMBERS = 10_000
_READ_BYTES = 64 * 1024  # at a time, for zlib copies what stands behind a member
_CACHED = 256  # characters of a header that is worth remembering


def joined(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by names in lower case; of one that came twice, the values in one list, as WSGI has it."""
    headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in pairs}
    if len(headers) == len(pairs):
        return headers
    headers.clear()
    for name, value in pairs:
        key, text = name.decode("latin1").lower(), value.decode("latin1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


@lru_cache(maxsize=256)
def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def media_type(headers: Headers) -> str:
    """The media type of the body, in lower case and without parameters; "" where none is named."""
    header = headers.get("content-type")
    if header is None:
        return ""
    return _media_type(header) if len(header) <= _CACHED else _media_type(header[:_CACHED])


def encoding(headers: Headers) -> str | None:
    """The compression of the body, if any.

    Raises:
        UnsupportedMediaTypeError: there is one that is not known.
    """
    header = headers.get("content-encoding")
    if header is None:
        return None
    name = header.strip().lower()
    if name in {"identity", ""}:
        return None
    if name not in _WINDOWS:
        raise UnsupportedMediaTypeError(
            f"The Content-Encoding is {header[:60]!r}; accepted are gzip, deflate and identity.",
            (("Accept-Encoding", "gzip, deflate, identity"),),
        )
    return name


def inflated(body: bytes, name: str, limit: int) -> bytes:
    """Decompress a body, but never into more than is allowed.

    Raises:
        RequestTooLargeError: it would be larger than `limit` bytes.
        BadRequestError: it is damaged, cut off, or followed by something else.
    """
    stream, members = zlib.decompressobj(_WINDOWS[name]), 1
    parts, size, at = list[bytes](), 0, 0
    while at < len(body):
        if stream.eof:
            members += 1
            _check_member(body, at, name, members)
            stream = zlib.decompressobj(_WINDOWS[name])
        read = body[at : at + _READ_BYTES]
        try:
            part = stream.decompress(read, limit + 1 - size)
        except zlib.error:
            raise BadRequestError(
                f"The body is not {name}, as its Content-Encoding says, or is damaged."
            ) from None
        size += len(part)
        if size > limit:
            raise RequestTooLargeError(
                f"The body of {len(body)} bytes is larger than the {limit} bytes allowed once it is "
                "decompressed."
            )
        parts.append(part)
        at += len(read) - len(stream.unused_data)
    if not stream.eof:
        raise BadRequestError(f"The {name} body is cut off: it ends before its end mark.")
    return b"".join(parts)


def _check_member(body: bytes, at: int, name: str, number: int) -> None:
    """What stands behind the end mark is a further member, and there are not too many."""
    if name == "deflate" or not body.startswith(_MEMBER, at):
        raise BadRequestError(
            f"The {name} body is followed by {len(body) - at} bytes that are not part of it."
        )
    if number > _MOST_MEMBERS:
        raise BadRequestError(f"The {name} body has more than {_MOST_MEMBERS} members; compress it as one.")


def json_size(headers: Headers) -> int | None:
    """How many bytes of the body are JSON, where binary tensors follow."""
    header = headers.get(JSON_SIZE_HEADER)
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) < 16):
        raise BadRequestError(
            f"Inference-Header-Content-Length is {header[:60]!r}; expected the number of bytes of the JSON."
        )
    return int(header)


def timeout_seconds(headers: Headers) -> float | None:
    """The client's own deadline."""
    header = headers.get(TIMEOUT_HEADER)
    if header is None:
        return None
    try:
        seconds = float(header) if len(header) < 32 and "_" not in header else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BadRequestError(f"X-Request-Timeout is {header[:60]!r}; expected seconds above 0, such as 0.5.")
    return seconds


def chosen(headers: Headers, offers: tuple[str, ...]) -> str:
    """The media type to answer with, of those that are possible; the first where the client does not mind.

    Raises:
        NotAcceptableError: the header Accept wants none of them.
    """
    accept = headers.get("accept")
    if (
        accept is None or accept == "*/*" or not accept.strip(" \t,")
    ):  # RFC 9110: nothing, as if it were absent
        return offers[0]
    found = _best(accept, offers) if len(accept) <= _CACHED else _best.__wrapped__(accept, offers)
    if found is None:
        shown = accept if len(accept) <= 60 else accept[:60] + "…"
        raise NotAcceptableError(f"Accept is {shown!r}; possible here: {', '.join(offers)}.")
    return found


@lru_cache(maxsize=256)
def _best(accept: str, offers: tuple[str, ...]) -> str | None:
    """The offer of the highest quality; the most specific range gives each its own (RFC 9110, 12.5.1)."""
    qualities: dict[str, float] = {}
    for item in accept.split(","):
        wanted, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = _quality(parameters)
        if quality is not None:
            qualities.setdefault(wanted, quality)
    best, found = 0.0, None
    for offer in offers:
        ranges = (offer, offer.partition("/")[0] + "/*", "*/*")
        quality = next((qualities[wanted] for wanted in ranges if wanted in qualities), 0.0)
        if quality > best:
            best, found = quality, offer
    return found


def _quality(parameters: list[str]) -> float | None:
    """The weight of a range; None where it is no number from 0 to 1, and the range counts for nothing."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
            return quality if 0 <= quality <= 1 else None
    return 1.0
