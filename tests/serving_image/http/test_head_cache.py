"""Heads that come again are not parsed again; whatever they come with, the answers are the same."""

import itertools
import random
import socket
from typing import BinaryIO

import pytest
from paddlemodel_server import protocol
from paddlemodel_server.http.head_cache import MOST, MOST_BYTES, HeadCache

from tests.serving_image.support.bodies import echo
from tests.serving_image.support.load import BODY, INFER, post
from tests.serving_image.support.servers import Server

HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


def read(**headers: str) -> protocol.Head:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return protocol.read_head(echo("float32"), protocol.INFER, named)


KNOWN = read(content_length="4")


def test_a_request_with_a_known_head_is_found_with_its_own_body() -> None:
    cache = HeadCache()
    assert cache.find(HEAD + b"abcd") is None
    cache.learn(HEAD + b"abcd", KNOWN)
    assert cache.find(HEAD + b"efgh") == (KNOWN, b"efgh")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEAD + b"abc", id="a-body-that-is-not-whole"),
        pytest.param(HEAD + b"abcde", id="the-beginning-of-another-request"),
        pytest.param(HEAD + b"abcd" + HEAD + b"abcd", id="two-requests"),
        pytest.param(HEAD[:-1], id="half-a-head"),
        pytest.param(b"\r\n" + HEAD + b"abcd", id="an-empty-line-first"),
        pytest.param(HEAD.replace(b"x", b"y") + b"abcd", id="another-header"),
        pytest.param(HEAD.lower() + b"abcd", id="other-letters"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\r\n\r\n", id="no-head"),
    ],
)
def test_whatever_differs_is_the_parsers(data: bytes) -> None:
    cache = HeadCache()
    cache.learn(HEAD + b"abcd", KNOWN)
    assert cache.find(data) is None


@pytest.mark.parametrize(
    ("data", "head"),
    [
        pytest.param(HEAD + b"abcd", read(), id="no-length-so-it-came-in-chunks"),
        pytest.param(HEAD + b"abcde", KNOWN, id="more-than-this-request"),
        pytest.param(HEAD + b"abc", KNOWN, id="a-part-of-it"),
        pytest.param(HEAD[:-2], KNOWN, id="a-part-of-the-head"),
        pytest.param(
            HEAD.replace(b"x", b"x" * MOST_BYTES) + b"abcd", KNOWN, id="a-head-that-is-not-worth-it"
        ),
    ],
)
def test_what_does_not_hold_one_whole_request_teaches_nothing(data: bytes, head: protocol.Head) -> None:
    cache = HeadCache()
    cache.learn(data, head)
    assert cache.find(data) is None


def test_heads_that_always_differ_take_no_more_than_their_share() -> None:
    cache = HeadCache()
    heads = [HEAD.replace(b"x", b"%d" % number) for number in range(MOST + 1)]
    for head in heads:
        cache.learn(head + b"abcd", KNOWN)
    assert [head for head in heads if cache.find(head + b"abcd")] == heads[-1:]


def test_cut_anywhere_the_answers_are_the_same(server: Server) -> None:
    """The same requests in one read each, in pieces and pipelined, on one connection and in every order."""
    named, wrong = post(INFER, BODY, "X-Request-Id: mine\r\n"), post(INFER, b"[1]")
    expected = {
        post(INFER, BODY): (b" 200 ", b"[3.0,5.0]"),
        post(INFER, BODY.replace(b'"data": [1', b'"data": [5')): (b" 200 ", b"[11.0,5.0]"),
        named: (b"x-request-id: mine", b"[3.0,5.0]"),
        wrong: (b" 400 ", b"JSON object"),
        post(INFER, b"[1]", "Content-Encoding: br\r\n"): (b" 415 ", b"br"),
    }
    chance = random.Random(7)
    with socket.create_connection(("127.0.0.1", server.port), timeout=180) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = connection.makefile("rb")
        for request in [*itertools.chain(*itertools.product(expected, repeat=2))] * 2:
            cut = chance.choice([0, 0, 1, len(request) // 3, len(request) - 1])
            for part in filter(None, (request[:cut], request[cut:])):
                connection.sendall(part)
            head, body = answered(answers)
            assert expected[request][0] in head
            assert expected[request][1] in body
        connection.sendall(b"".join(expected))
        assert [expected[request][1] in answered(answers)[1] for request in expected] == [True] * len(
            expected
        )


def answered(answers: BinaryIO) -> tuple[bytes, bytes]:
    """Head and body of the next answer."""
    head = b"".join(iter(answers.readline, b"\r\n"))
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return head, answers.read(length)
