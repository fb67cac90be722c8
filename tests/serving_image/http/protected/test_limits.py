"""Limits of a real server with several HTTP workers: exact, told to the client, and by the right address."""

import http.client
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.serving_image.support import servers
from tests.serving_image.support.access.mounts import mount
from tests.serving_image.support.servers import Server

ALICE, BOB = "alice-0123456789abcdef", "bob-0123456789abcdefgh"
INFER = "/v2/models/mixed/infer"
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}]}
).encode()
CLIENTS, ADDRESSES = 400, 50
LIMITS = [
    {"per": "Client", "requests": CLIENTS, "seconds": 86_400},
    {"per": "Address", "requests": ADDRESSES, "seconds": 86_400},
]


@pytest.fixture(scope="module")
def server(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with servers.serving(
        exported("pir", "mixed"),
        tmp_path_factory.mktemp("limited"),
        name="mixed",
        http_workers=4,
        api_keys_dir=mount(tmp_path_factory.mktemp("access") / "keys", alice=ALICE, bob=BOB),
        rate_limits=json.dumps(LIMITS),
        trusted_proxies="1",
        cors='{"allowedOrigins":["https://app.example.com"]}',
    ) as running:
        yield running


def ask(
    server: Server, key: str, forwarded: Callable[[int], str], requests: int, path: str = INFER
) -> list[http.client.HTTPResponse]:
    """One connection after the other, so that every HTTP worker gets some, each with several requests."""
    answers = []
    for first in range(0, requests, 20):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
        for number in range(first, min(first + 20, requests)):
            headers = {
                "X-API-Key": key,
                "X-Forwarded-For": forwarded(number),
                "Content-Type": "application/json",
            }
            connection.request("POST", path, BODY, headers)
            answer = connection.getresponse()
            answer.body = answer.read()  # type: ignore[attr-defined]
            answers.append(answer)
        connection.close()
    return answers


def test_a_client_s_limit_is_exact_across_http_workers(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(
            lambda part: ask(server, ALICE, lambda number: f"spoofed, 198.51.{part}.{number}", 100), range(8)
        )
    statuses = [answer.status for part in parts for answer in part]
    assert (statuses.count(200), statuses.count(429)) == (CLIENTS, 800 - CLIENTS)


def test_an_address_s_limit_counts_what_the_proxy_saw(server: Server) -> None:
    """Whatever the client puts in front of it; and what is refused has a form that says when to come back."""
    answers = ask(server, BOB, lambda number: f"10.0.0.{number}, 192.0.2.1", ADDRESSES + 20)
    assert [answer.status for answer in answers] == [200] * ADDRESSES + [429] * 20
    refused = answers[-1]
    assert refused.headers["RateLimit-Policy"] == f'"address";q={ADDRESSES};w=86400'
    wait = int(refused.headers["Retry-After"])
    assert 1500 < wait <= 1728
    assert refused.headers["RateLimit"] == f'"address";r=0;t={wait}'
    assert json.loads(refused.body)["error"].startswith("More requests than this address may send: 50 in")  # type: ignore[attr-defined]
    assert ask(server, BOB, lambda _: "192.0.2.2", 1)[0].status == 200


def test_openai_s_clients_are_told_in_their_form(server: Server) -> None:
    refused = ask(server, BOB, lambda _: "192.0.2.1", 1, "/v1/embeddings")[0]
    fault = json.loads(refused.body)["error"]  # type: ignore[attr-defined]
    assert (refused.status, fault["code"]) == (429, "rate_limit_exceeded")


def test_guessing_keys_uses_up_the_address_and_nothing_else(server: Server) -> None:
    answers = ask(server, "guess", lambda _: "192.0.2.3", ADDRESSES + 5)
    assert [answer.status for answer in answers] == [401] * ADDRESSES + [429] * 5
    assert ask(server, BOB, lambda _: "192.0.2.3", 1)[0].status == 429
    assert ask(server, BOB, lambda _: "192.0.2.4", 1)[0].status == 200


def test_a_page_may_ask_ahead_without_a_key_and_reads_why_it_is_refused(server: Server) -> None:
    """What browsers ask ahead (a preflight request) has no key, and is not counted."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    page = {"X-Forwarded-For": "192.0.2.6", "Origin": "https://app.example.com"}
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    def ask(method: str, **more: str) -> http.client.HTTPResponse:
        connection.request(method, INFER, BODY if method == "POST" else None, {**page, **more})
        answer = connection.getresponse()
        answer.read()
        return answer

    for _ in range(ADDRESSES + 10):
        assert ask("OPTIONS", **wanted).status == 200
    key = {"X-API-Key": BOB, "Content-Type": "application/json"}
    answers = [ask("POST"), *(ask("POST", **key) for _ in range(ADDRESSES))]
    assert [answer.status for answer in answers] == [401] + [200] * (ADDRESSES - 1) + [429]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
        shown = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(shown)
    page["Origin"] = "https://elsewhere.example.com"
    refused = ask("OPTIONS", **wanted)
    assert (refused.status, refused.headers["Vary"]) == (429, "Origin")
    assert [name for name in refused.headers if name.lower().startswith("access-control-")] == []
    connection.close()


def test_load_balancers_are_not_counted(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    for _ in range(ADDRESSES + 10):
        connection.request("GET", "/v2/health/ready", headers={"X-Forwarded-For": "192.0.2.5"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()
