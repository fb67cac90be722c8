"""Bytes become requests, however they are cut; what is no acceptable HTTP is refused."""

import pytest
from paddlemodel_server.errors import ServingError
from paddlemodel_server.http import head_checks
from paddlemodel_server.http.request_reader import RequestReader
from paddlemodel_server.http.timeouts import Awaited

POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
WHOLE = POST + b"Content-Length: 4\r\n\r\nabcd"
FILLER = b"X-Filler: " + b"y" * 1000 + b"\r\n"


class Receiver:
    """Notes what it is told, and listens no longer once it has refused, as a connection does."""

    def __init__(self) -> None:
        self.reader = RequestReader(self)
        self.heads: list[tuple[bytes, bytes, str]] = []
        self.body = b""
        self.completed = 0
        self.refused: list[tuple[int, str]] = []

    def on_head(self, method: bytes, version: str) -> None:
        self.heads.append((method, self.reader.target, version))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.completed += 1

    def refuse(self, error: ServingError) -> None:
        self.reader.deaf = True
        self.refused.append((error.status, error.message))

    def feed(self, *reads: bytes) -> "Receiver":
        for data in reads:
            self.reader.feed(data)
        return self


@pytest.mark.parametrize("size", [1, 7, len(WHOLE)])
def test_a_request_is_the_same_however_it_is_cut(size: int) -> None:
    received = Receiver().feed(*(WHOLE[at : at + size] for at in range(0, len(WHOLE), size)))
    assert received.heads == [(b"POST", b"/predict", "1.1")]
    assert (received.body, received.completed, received.refused) == (b"abcd", 1, [])
    assert received.reader.lines == [(b"Host", b"x"), (b"Content-Length", b"4")]


def test_where_the_reader_is_can_be_asked_at_any_time() -> None:
    received, reader = Receiver(), None
    reader = received.reader
    found = [(reader.where, reader.begun)]
    for part in (b"\r\n", b"PO", WHOLE[2:-1], WHOLE[-1:]):
        received.feed(part)
        found.append((reader.where, reader.begun))
    assert found == [
        (Awaited.REQUEST, False),
        (Awaited.REQUEST, False),
        (Awaited.HEAD, True),
        (Awaited.BODY, True),
        (Awaited.REQUEST, True),
    ]


def test_a_head_that_offers_an_upgrade_is_read_as_if_it_did_not() -> None:
    offer = POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    received = Receiver().feed(offer + b"Content-Length: 4\r\n\r\nabcd" + WHOLE)
    assert received.heads == [(b"POST", b"/predict", "1.1")] * 2
    assert (received.body, received.completed, received.refused) == (b"abcdabcd", 2, [])


def test_expect_means_nothing_to_http_1_0() -> None:
    received = Receiver().feed(b"POST /predict HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
    assert received.reader.lines == [(b"Content-Length", b"0")]


@pytest.mark.parametrize(
    ("reads", "refusal"),
    [
        pytest.param([b"nonsense\r\n\r\n"], (400, "The request is not valid HTTP."), id="nonsense"),
        pytest.param(
            [b"GET / HTTP/1.1\r\n\r\n"],
            (400, "A request has one header Host; this one has none."),
            id="no host",
        ),
        pytest.param([POST, *[FILLER] * 70], (431, "The request's head is too large."), id="endless head"),
        pytest.param(
            [POST + FILLER * 70 + b"\r\n"], (431, "The request's head is too large."), id="one large read"
        ),
        pytest.param(
            [POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", *[FILLER] * 70],
            (431, "The request's trailer is too large."),
            id="endless trailer",
        ),
        pytest.param(
            [b"\r\n" * head_checks.MOST_BYTES], (431, "The request's head is too large."), id="empty lines"
        ),
    ],
)
def test_what_is_not_acceptable_is_refused_once(reads: list[bytes], refusal: tuple[int, str]) -> None:
    received = Receiver()
    for data in reads:
        if not received.reader.deaf:
            received.feed(data)
    assert received.refused == [refusal]
    assert received.completed == 0


SMUGGLED = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        (b"Transfer-Encoding: gzip, chunked", {501}),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", {501}),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", {400, 501}),
        (b"Transfer-Encoding: identity, chunked", {501}),
        (b"transfer-encoding: x-chunked", {400, 501}),
        (b"Transfer-Encoding: chunked, gzip", {400, 501}),
        (b"Transfer-Encoding: chunked, chunked", {400, 501}),
        (b"Transfer-Encoding: chunked;q=1", {400, 501}),
        (b"Transfer-Encoding: \x0bchunked", {400, 501}),
        (b"Transfer-Encoding: ,chunked", {501}),
        (b"Transfer-Encoding:", {400, 501}),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", {400}),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", {400}),
        (b"Content-Length: 5\r\nTransfer-Encoding: gzip, chunked", {400, 501}),
        (b"Transfer-Encoding : chunked", {400}),
    ],
)
def test_a_body_whose_end_nobody_can_know_ends_the_connection(lines: bytes, statuses: set[int]) -> None:
    """RFC 9112, 6.1; and nothing behind it is read as a request."""
    received = Receiver().feed(POST + lines + b"\r\n\r\n" + SMUGGLED)
    assert received.heads == []
    assert received.reader.deaf
    assert {status for status, _ in received.refused} <= statuses
    assert received.refused


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED"])
def test_chunked_is_read_however_it_is_written(value: bytes) -> None:
    received = Receiver().feed(POST + b"Transfer-Encoding: " + value + b"\r\n\r\n1\r\na\r\n0\r\n\r\n" + WHOLE)
    assert (received.completed, received.refused) == (2, [])
    assert received.body == b"aabcd"


def test_bodies_and_whole_requests_are_no_large_heads() -> None:
    received = Receiver().feed(*[WHOLE] * 2000, POST + b"Content-Length: 200000\r\n\r\n", bytes(200_000))
    assert (received.refused, received.completed) == ([], 2001)


def test_what_follows_a_refusal_is_not_handed_on() -> None:
    received = Receiver().feed(b"GET / HTTP/1.1\r\n\r\n" + WHOLE)
    assert [status for status, _ in received.refused] == [400]
    assert received.heads == []
