"""Which id a request gets: W3C Trace Context's rules, and ours for X-Request-Id."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.identity import identify, parse_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


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
    assert identify({"traceparent": text}).trace_id != TRACE


def test_an_id_is_made_for_a_client_that_sends_none() -> None:
    first, second = identify({}), identify({"other": "x"})
    assert re.fullmatch("[0-9a-f]{32}", first.request_id)
    assert first.request_id == first.trace_id != second.trace_id
    assert not first.told


def test_the_trace_id_is_the_requests() -> None:
    found = identify({"traceparent": PARENT, "tracestate": "vendor=1"})
    assert (found.request_id, found.trace_id, found.told) == (TRACE, TRACE, True)
    assert found.parent is not None
    assert found.parent.state == "vendor=1"


def test_the_clients_own_id_comes_first() -> None:
    found = identify({"traceparent": PARENT, "x-request-id": "order-7/retry:2"})
    assert (found.request_id, found.trace_id, found.told) == ("order-7/retry:2", TRACE, True)


@pytest.mark.parametrize("sent", ["", " ", "two words", "x" * 65, "a\nb", 'a"b', "a\\b", "\x1b[31m", "é"])
def test_an_id_that_does_not_fit_into_a_line_is_replaced(sent: str) -> None:
    found = identify({"x-request-id": sent})
    assert re.fullmatch("[0-9a-f]{32}", found.request_id)
    assert found.told  # the answer says which id it is instead


@given(st.text(), st.text())
def test_whatever_is_sent_the_id_is_short_and_visible(request_id: str, traceparent: str) -> None:
    found = identify({"x-request-id": request_id, "traceparent": traceparent})
    assert re.fullmatch(r"[!-~]{1,64}", found.request_id)
