"""A server that asks for tokens, at each of its doors; its issuer is a real HTTPS server, which changes."""

import http.client
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving_image.support import file_server, servers
from tests.serving_image.support.access.certificates import pair
from tests.serving_image.support.access.issuers import AUDIENCE, NAME, Issuer, rsa_key
from tests.serving_image.support.access.mounts import mount, mount_bytes
from tests.serving_image.support.file_server import FileServer
from tests.serving_image.support.metric_rules import documented, shown
from tests.serving_image.support.servers import Server, eventually

KEY = "planted-carol-0123456789"
INFER = "/v2/models/mixed/infer"
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}]}
).encode()
WANTED = {"issuer": NAME, "audiences": [AUDIENCE], "clients": ["alice", "team-*"]}
LIMITS = [{"per": "Client", "requests": 50, "seconds": 86_400}]


def text(issuer: FileServer) -> str:
    return json.dumps(WANTED | {"keys": {"uri": issuer.uri("/keys", "localhost")}})


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServer]:
    folder, found = tmp_path_factory.mktemp("issuer"), pair()
    for name, content in found.entries.items():
        (folder / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patched.delenv(name)
        patched.setenv("SSL_CERT_FILE", str(folder / "tls.crt"))
        with file_server.serving({"/keys": Issuer().key_set()}, tls=context) as running:
            yield running


@pytest.fixture(scope="module")
def server(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory, issuer: FileServer
) -> Iterator[Server]:
    with servers.serving(
        exported("pir", "mixed"),
        tmp_path_factory.mktemp("tokens"),
        name="mixed",
        http_workers=2,
        jwt=text(issuer),
        api_keys_dir=mount(tmp_path_factory.mktemp("access") / "keys", carol=KEY),
        rate_limits=json.dumps(LIMITS),
        log_level="DEBUG",
    ) as running:
        yield running


def asked(
    server: Server, token: str, path: str = INFER, method: str = "POST"
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, path, BODY if method == "POST" else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


DOORS = [("POST", INFER), ("GET", "/"), ("GET", "/v2"), ("GET", "/v2/models/mixed"), ("GET", "/openapi.json")]


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_every_door_asks_for_a_token(server: Server, method: str, path: str) -> None:
    status, content, headers = asked(server, "", path, method)
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="mixed"')
    assert "needs a token or an API key" in json.loads(content)["error"]
    status, content, headers = asked(server, Issuer().token(aud="other"), path, method)
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="mixed", error="invalid_token"')
    assert json.loads(content) == {"error": "The token of this request is for another audience."}
    assert asked(server, Issuer().token(sub="bob"), path, method)[0] == 403
    assert asked(server, Issuer().token(), path, method)[0] == 200
    assert asked(server, KEY, path, method)[0] == 200


def test_a_refusal_has_the_shape_of_its_protocol(server: Server) -> None:
    for token, status, code in (
        (Issuer().token(exp=1), 401, "invalid_api_key"),
        (Issuer().token(sub="x"), 403, None),
    ):
        found, content, _ = asked(server, token, "/v1/embeddings")
        fault = json.loads(content)["error"]
        assert (found, fault["type"], fault["code"]) == (status, "invalid_request_error", code)
        assert fault["message"].endswith((".",))


def test_health_asks_nobody(server: Server) -> None:
    assert asked(server, "", "/v2/health/ready", "GET")[0] == 200
    assert server.get("/readyz")[0] == 200


def test_a_limit_is_each_client_s_whatever_token_it_shows(server: Server) -> None:
    """team-a gets a token for each request, and its share all the same; team-b has its own."""
    answers = [asked(server, Issuer().token(sub="team-a", jti=str(number)))[0] for number in range(60)]
    assert answers == [200] * 50 + [429] * 10
    assert asked(server, Issuer().token(sub="team-b"))[0] == 200


def test_a_token_ends_in_time_also_on_a_connection_that_has_shown_it(server: Server) -> None:
    """Its head is remembered, and the leeway is 30 seconds: it is valid for fifteen more."""
    headers = {
        "Authorization": f"Bearer {Issuer().token(sub='team-c', exp=int(time.time()) - 15)}",
        "Content-Type": "application/json",
    }
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)

    def status() -> int:
        connection.request("POST", INFER, BODY, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert [status() for _ in range(5)] == [200] * 5
    eventually(lambda: status() == 401, "it has expired")
    connection.close()


def test_the_metrics_are_as_documented(server: Server) -> None:
    there = shown(server.get("/metrics")[1])
    assert {name: entry for name, entry in there.items() if name.startswith("paddle_jwt_")} == {
        name: entry for name, entry in documented().items() if name.startswith("paddle_jwt_")
    }
    assert servers.metric(server, "paddle_jwt_keys") == 1


def test_the_openapi_document_says_how_to_send_a_token(server: Server) -> None:
    document = json.loads(asked(server, KEY, "/openapi.json", "GET")[1])
    assert "token" in document["components"]["securitySchemes"]["bearer"]["description"]
    assert "Error403" in document["components"]["responses"]
    assert {"401", "403"} <= set(document["paths"][INFER]["post"]["responses"])
    assert "403" not in document["paths"]["/v2/health/live"]["get"]["responses"]


def test_rotated_keys_are_fetched_when_a_token_names_one_and_the_issuer_may_end(
    server: Server, issuer: FileServer
) -> None:
    """Last in this file: it ends the issuer."""
    both = Issuer({"one": rsa_key(), "two": rsa_key(1)})
    issuer.files["/keys"] = both.key_set()
    seen = set()

    def taken() -> bool:
        status, content, headers = asked(server, both.token("two", sub="team-d"))
        if status == 503:
            assert (headers["Retry-After"], b"is being fetched" in content) == ("1", True)
        seen.add(status)
        return status == 200

    eventually(taken, "the new key is fetched")
    assert seen <= {200, 401, 503}
    eventually(
        lambda: all(asked(server, both.token("two", sub="team-e"))[0] == 200 for _ in range(20)),
        "every HTTP worker knows it",
    )
    assert asked(server, both.token())[0] == 200
    issuer.files.clear()
    stranger = Issuer({"three": rsa_key(2)})

    def told() -> bool:
        assert asked(server, stranger.token("three"))[0] in {401, 503}
        return servers.metric(server, "paddle_jwt_keys_outdated") == 1

    eventually(told, "it is told that the issuer has no keys")
    assert asked(server, both.token())[0] == 200
    assert len(issuer.seen) < 20  # strangers' tokens make nobody ask again and again
    said = server.logged()
    assert "the issuer's keys were renewed" in said
    assert "the keys from before stay valid" in said
    for token in (both.token(), stranger.token("three")):
        assert not any(part in said for part in token.split(".")[1:])


def test_there_is_no_start_without_the_issuer(
    exported: Callable[[str, str], Path], tmp_path: Path, issuer: FileServer
) -> None:
    missing = WANTED | {"keys": {"uri": issuer.uri("/nothing", "localhost")}}
    server = servers.start(exported("pir", "mixed"), tmp_path, name="mixed", jwt=json.dumps(missing))
    try:
        assert server.process.wait(servers.PATIENCE_SECONDS) != 0
        assert "JwtKeysMissing" in server.logged()
        assert "it answers 404" in server.logged()
    finally:
        servers.end(server)


def test_keys_of_a_config_map_need_no_issuer(exported: Callable[[str, str], Path], tmp_path: Path) -> None:
    """As the cluster's own: `kubectl get --raw /openid/v1/jwks`."""
    folder = mount_bytes(tmp_path / "keys", {"jwks.json": Issuer().key_set()})
    with servers.serving(
        exported("pir", "mixed"), tmp_path, name="mixed", jwt=json.dumps(WANTED), jwt_keys_dir=folder
    ) as server:
        assert asked(server, Issuer().token())[0] == 200
        rotated = Issuer({"two": rsa_key(1)})
        assert asked(server, rotated.token("two"))[0] == 401
        mount_bytes(folder, {"jwks.json": rotated.key_set()})
        eventually(lambda: asked(server, rotated.token("two"))[0] == 200, "the keys are taken over")
        assert asked(server, Issuer().token())[0] == 401
