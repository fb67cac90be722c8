"""Which request this is: an id for its log lines, from the client's headers or made. Pure but for chance.

W3C Trace Context, level 1 and 2: https://www.w3.org/TR/trace-context/
"""

import random
import re
from collections.abc import Mapping
from typing import NamedTuple

REQUEST_ID, TRACEPARENT, TRACESTATE = "x-request-id", "traceparent", "tracestate"
# Visible ASCII without quotes and backslash: it goes into log lines and back into a header as it is.
_REQUEST_ID = re.compile(r"[!#-\[\]-~]{1,64}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class Parent(NamedTuple):
    """The parts of a valid `traceparent` header, hexadecimal digits as they came."""

    trace_id: str  # 32 hexadecimal digits
    span_id: str  # 16 hexadecimal digits
    flags: int  # 1: sampled
    state: str = ""  # the tracestate header, as it came


class Identity(NamedTuple):
    """Which request it is."""

    request_id: str
    trace_id: str
    parent: Parent | None = None


def made() -> str:
    """An id for a request whose client sent none: 32 hexadecimal digits, as of a trace."""
    return random.getrandbits(128).to_bytes(16, "big").hex()


def identify(headers: Mapping[str, str]) -> Identity | None:
    """Name a request by what its client sent; None where that is nothing, so that `made` has to do.

    An X-Request-Id of 1 to 64 visible characters is the request's id; else the trace id of a valid
    traceparent is; where what was sent is malformed, one is made. The answer's X-Request-Id says which.

    Args:
        headers: by lower-case name.
    """
    desired, sent = headers.get(REQUEST_ID), headers.get(TRACEPARENT)
    if desired is None and sent is None:
        return None
    parent = parse_traceparent(sent, headers.get(TRACESTATE, "")) if sent is not None else None
    trace_id = parent.trace_id if parent else made()
    valid = desired is not None and _REQUEST_ID.fullmatch(desired)
    return Identity(desired if valid and desired else trace_id, trace_id, parent)


def parse_traceparent(text: str, state: str = "") -> Parent | None:
    """Read a traceparent; None where it is malformed, which the standard wants ignored."""
    found = _TRACEPARENT.fullmatch(text.strip())
    if not found:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return Parent(trace_id, span_id, int(flags, 16) & 1, state)
