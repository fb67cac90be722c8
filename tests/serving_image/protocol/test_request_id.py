"""Which id a request gets: W3C Trace Context's rules, and ours for X-Request-Id."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.protocol.request_id import Identity, identify, made, parse_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def named(**headers: str) -> Identity:
    found = identify({name.replace("_", "-"): value for name, value in headers.items()})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (PARENT, 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-03", 1),  # level 2's random flag beside it
        (f" {PARENT} ", 1),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", 1),
        (f"cc-{TRACE}-{SPAN}-01", 1),
    ],
)
def test_a_valid_traceparent(text: str, flags: int) -> None:
    parent = parse_traceparent(text)
    assert parent is not None
    assert (parent.trace_id, parent.span_id, parent.flags) == (TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01x",
    ],
)
def test_a_malformed_traceparent_is_ignored(text: str) -> None:
    assert parse_traceparent(text) is None
    assert named(traceparent=text).trace_id != TRACE


def test_a_client_that_sends_no_id_gets_none_back() -> None:
    assert identify({"other": "x"}) is None
    assert re.fullmatch("[0-9a-f]{32}", made())
    assert made() != made()


def test_the_trace_id_is_the_requests() -> None:
    found = named(traceparent=PARENT, tracestate="vendor=1")
    assert (found.request_id, found.trace_id) == (TRACE, TRACE)
    assert found.parent is not None
    assert found.parent.state == "vendor=1"


def test_the_clients_own_id_comes_first() -> None:
    found = named(traceparent=PARENT, x_request_id="order-7/retry:2")
    assert (found.request_id, found.trace_id) == ("order-7/retry:2", TRACE)


@pytest.mark.parametrize("sent", ["", " ", "two words", "x" * 65, "a\nb", 'a"b', "a\\b", "\x1b[31m", "é"])
def test_an_id_that_does_not_fit_into_a_line_is_replaced(sent: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", named(x_request_id=sent).request_id)


@given(st.text(), st.text())
def test_whatever_is_sent_the_id_is_short_and_visible(request_id: str, traceparent: str) -> None:
    found = named(x_request_id=request_id, traceparent=traceparent)
    assert re.fullmatch(r"[!-~]{1,64}", found.request_id)
