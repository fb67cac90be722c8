"""Hostile input against the running server: refused or answered, and afterwards nothing has changed."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.serving_image.support.load import (
    BODY,
    GROWTH,
    INFER,
    MAPPINGS,
    Footprint,
    asked,
    footprint,
    post,
    vanish,
)
from tests.serving_image.support.servers import Server, eventually, metric

ROUTES = (INFER, "/predict", "/v1/models/mixed:predict")
FEW = settings(
    max_examples=80,
    phases=[Phase.explicit, Phase.generate],  # shrinking would send thousands more, at a failure only
)
ENTRY: dict[str, Any] = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
VALID = post(INFER, BODY)


def raw(server: Server, sent: bytes) -> bytes:
    """Everything that is answered to some bytes and the end of the stream."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=180) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                received += data
        except ConnectionError:
            return received
    return received


@dataclass(frozen=True)
class Before:
    """A warm server, before the first test of this file."""

    footprint: Footprint
    workers: frozenset[int]  # their process numbers


@pytest.fixture(scope="module")
def before(server: Server) -> Before:
    for route in ROUTES:  # what is made once: threads, parsers, the first connection
        for body in (BODY, b"{", gzip.compress(BODY)):
            asked(server, route, body)
    return Before(footprint(server), worker_numbers(server))


def worker_numbers(server: Server) -> frozenset[int]:
    return frozenset(process.pid for process in server.processes("worker"))


@pytest.fixture
def unharmed(server: Server, before: Before) -> Iterator[Server]:
    """The server, which must be as it was after every test: what leaks is known by the test that leaked."""
    log = len(server.logged())
    yield server
    eventually(lambda: metric(server, "paddle_inflight_requests") == 0, "no request is left over")
    eventually(
        lambda: footprint(server).descriptors <= before.footprint.descriptors + 2,
        "no descriptor is left over",
        20,
    )
    after = footprint(server)
    assert after.memory < before.footprint.memory + GROWTH
    assert after.mappings <= before.footprint.mappings + MAPPINGS
    assert after.processes == before.footprint.processes
    assert after.threads <= before.footprint.threads + 8  # pools fill up to their size
    assert worker_numbers(server) == before.workers
    assert '"trace"' not in server.logged()[log:]
    status, answer = asked(server, INFER, BODY)
    assert (status, answer["outputs"][0]["data"]) == (200, [3, 5])


def refused(answer: tuple[int, Any], status: int, *words: str) -> None:
    """A sentence of ours, and no word about our insides."""
    found, body = answer
    assert found == status, body
    assert set(body) == {"error"}
    for word in words:
        assert word in body["error"]
    for inside in ("Traceback", "paddlemodel_server", "numpy", "orjson", ".py"):
        assert inside not in body["error"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": [1, 2, 1]}, ["shape"]),
        ({"shape": []}, ["shape"]),
        ({"shape": [-1, 2]}, ["shape"]),
        ({"shape": [1.5, 2]}, ["shape"]),
        ({"shape": [2**62, 2**62]}, ["shape"]),
        ({"shape": [2**63, 2]}, ["shape"]),
        ({"shape": [1, 3]}, ["3"]),
        ({"shape": [0, 0]}, []),
        ({"shape": None}, ["shape"]),
        ({"datatype": "FP64"}, ["datatype", "FP64"]),
        ({"datatype": "FP33"}, ["datatype", "FP33"]),
        ({"datatype": 7}, ["datatype"]),
        ({"name": "y"}, ["y"]),
        ({"name": None}, ["name"]),
        ({"data": None}, ["data"]),
        ({"data": "12"}, ["data"]),
        ({"data": [1, "2"]}, ["Input x", "position 1"]),
        ({"data": [1, None]}, ["Input x", "position 1"]),
        ({"data": [1, {}]}, ["Input x", "position 1"]),
        ({"data": [[1], [2, 3]]}, ["data"]),
    ],
)
def test_a_tensor_that_does_not_fit(unharmed: Server, change: dict[str, Any], words: list[str]) -> None:
    answer = asked(unharmed, INFER, json.dumps({"inputs": [ENTRY | change]}).encode())
    refused(answer, 400, *words)


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "nan", "+1", "01", "1e", "0x1", "1e999"])
def test_numbers_that_json_does_not_have(unharmed: Server, token: str) -> None:
    body = f'{{"inputs":[{{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,{token}]}}]}}'
    refused(asked(unharmed, INFER, body.encode()), 400)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("brackets", ["[", '{"a":', '{"inputs":[', '{"instances":['])
def test_deep_json(unharmed: Server, route: str, brackets: str) -> None:
    refused(asked(unharmed, route, brackets.encode() * 60_000), 400)


@pytest.mark.parametrize("depth", [500, 1010, 1024])
def test_deep_objects_that_end(unharmed: Server, depth: int) -> None:
    refused(asked(unharmed, INFER, b'{"a":' * depth + b'":"' + b"}" * depth), 400)


def test_deep_data(unharmed: Server) -> None:
    for depth in (30, 200, 1000, 50_000):
        data = "[" * depth + "1,2" + "]" * depth
        body = f'{{"inputs":[{{"name":"x","datatype":"FP32","shape":[1,2],"data":{data}}}]}}'
        refused(asked(unharmed, INFER, body.encode()), 400)


@cache
def bomb(encoding: str) -> bytes:
    """A quarter of a megabyte that becomes a quarter of a gigabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_inflates_without_end(unharmed: Server, route: str, encoding: str) -> None:
    body = bomb(encoding)
    assert len(body) < 300_000  # the limit is a million
    refused(asked(unharmed, route, body, Content_Encoding=encoding), 413)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"x", id="a letter"),
        # gzip writes the time of day into its head, and a test's name must not have it.
        pytest.param(gzip.compress(BODY)[:-9], id="cut off"),
        pytest.param(gzip.compress(BODY) + b"x", id="more behind its end"),
        pytest.param(b"\x1f\x8b\x08", id="the beginning of a head"),
    ],
)
def test_a_body_that_is_not_what_its_encoding_says(unharmed: Server, body: bytes) -> None:
    refused(asked(unharmed, INFER, body, Content_Encoding="gzip"), 400)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "compress", "x" * 1000])
def test_an_encoding_that_is_not_taken(unharmed: Server, encoding: str) -> None:
    refused(asked(unharmed, INFER, BODY, Content_Encoding=encoding), 415)


def test_a_body_without_end(unharmed: Server) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", unharmed.port), timeout=180) as connection:
        connection.sendall(head)
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        sent = 0
        received = b""
        try:
            while not received:
                connection.sendall(chunk)
                sent += 1
                connection.settimeout(0.001)
                try:
                    received = connection.recv(65536)
                except TimeoutError:
                    connection.settimeout(180)
        except ConnectionError:
            received = received or b"closed"
    assert sent < 200  # 13 MB; the limit is one
    assert received == b"closed" or received.startswith(b"HTTP/1.1 413 ")


def test_clients_that_leave_at_every_point_of_a_request(unharmed: Server) -> None:
    for end in range(0, len(VALID) + 1, 3):
        vanish(unharmed.port, VALID[:end])


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just("FP32")
    | st.just("x"),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*ENTRY, "inputs", "a"]), inner)
    ),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {}, optional={key: st.just(value) | json_values for key, value in (ENTRY | {"parameters": {}}).items()}
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(entries | json_values, max_size=3) | json_values,
        "outputs": json_values,
        "id": st.just("7") | json_values,
        "parameters": json_values,
        "instances": json_values,
    },
)


@FEW
@given(route=st.sampled_from(ROUTES), body=requests | json_values)
@example(route=INFER, body={"inputs": [ENTRY | {"parameters": {"binary_data_size": 2**63}}]})
@example(route=INFER, body={"inputs": [ENTRY], "outputs": [{"name": "x"}]})
@example(route=INFER, body={"inputs": [ENTRY] * 3})
def test_whatever_json_comes_the_answer_is_no_fault_of_ours(unharmed: Server, route: str, body: Any) -> None:
    status, answer = asked(unharmed, route, json.dumps(body).encode())
    assert status == 200 or (400 <= status < 500 and answer["error"]), (status, answer)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good request with some bytes changed, removed, doubled or put in."""
    sent = bytearray(
        draw(st.sampled_from([VALID, VALID * 2, post("/predict", BODY, "Expect: 100-continue\r\n")]))
    )
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(sent) - 1))
        kind = draw(st.sampled_from(["change", "remove", "double", "put", "cut"]))
        if kind == "change":
            sent[at] = draw(st.integers(0, 255))
        elif kind == "remove":
            del sent[at : at + draw(st.integers(1, 20))]
        elif kind == "double":
            sent[at:at] = sent[at : at + draw(st.integers(1, 200))]
        elif kind == "put":
            sent[at:at] = draw(
                st.binary(min_size=1, max_size=20) | st.sampled_from([b"\r\n", b"\r\n\r\n", b"\0"])
            )
        else:
            del sent[at:]
        if not sent:
            return b"\r\n"
    return bytes(sent)


@FEW
@given(sent=damaged() | st.binary(max_size=300))
def test_whatever_bytes_come_the_answer_is_no_fault_of_ours(unharmed: Server, sent: bytes) -> None:
    answer = raw(unharmed, sent)
    assert answer == b"" or answer[:10] in {b"HTTP/1.1 1", b"HTTP/1.1 2", b"HTTP/1.1 4"}, answer[:300]
    assert b"HTTP/1.1 5" not in answer
