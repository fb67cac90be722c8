"""Two real servers, real Paddle: what one has answered is asked again of the other, and compared."""

import http.client
import json
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.mirror import proof
from paddlemodel_server.mirror.mirror import AT_ONCE, MOST_WAITING
from paddlemodel_server.mirror.share import MOST, SUDDEN

from devcluster import ports
from tests.serving_image.support.access.certificates import pair
from tests.serving_image.support.access.mounts import mount, mount_bytes
from tests.serving_image.support.metric_rules import documented, shown
from tests.serving_image.support.servers import Server, eventually, metric, serving, stopped

INFER = "/v2/models/mixed/infer"
JSON = {"Content-Type": "application/json"}
TOKEN = "a-token-of-both-versions"
TIMEOUT = 10  # seconds: a crowded machine keeps nobody waiting so long
QUIET = 10  # looks
RESULTS = ("agree", "differ", "error", "dropped")
MIRRORED = 'paddle_mirrored_requests_total{status="200"}'


def body(*values: float) -> bytes:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, len(values)], "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


BODY = body(1, 2, 3)


@pytest.fixture(scope="module")
def model(exported: Callable[[str, str], Path]) -> Path:
    return exported("pir", "mixed")


def other(model: Path, folder: Path, weight: bytes) -> Path:
    """The same model with another weight; it is 2."""
    made = folder / "other"
    shutil.copytree(model, made)
    params = made / "inference.pdiparams"
    params.write_bytes(params.read_bytes()[:-4] + weight)
    return made


def mirrored(port: int, scheme: str = "http", **fields: Any) -> str:
    """PADDLEMODEL_MIRROR of a stable version."""
    return json.dumps({"url": f"{scheme}://127.0.0.1:{port}", "percent": 100, "token": TOKEN} | fields)


@pytest.fixture(scope="module")
def place() -> tuple[int, int]:
    """The ports of all canaries, which come and go."""
    port, admin_port = ports.free(2)
    return port, admin_port


@pytest.fixture(scope="module")
def stable(model: Path, place: tuple[int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("stable")
    with serving(model, folder, name="mixed", mirror=mirrored(place[0]), timeout_seconds=TIMEOUT) as server:
        yield server


@contextmanager
def canary(model: Path, folder: Path, place: tuple[int, int], **settings: Any) -> Iterator[Server]:
    """A canary at that place."""
    known = {"mirror": json.dumps({"token": TOKEN}), "name": "mixed"}
    settings = known | settings | {"port": place[0], "admin_port": place[1]}
    with serving(model, folder, **settings) as server:
        yield server


def found(stable: Server) -> dict[str, float]:
    """Ask until the canary has been found; what had been counted then, and all of it had an end."""
    before = sum(results(stable).values())
    eventually(
        lambda: ask(stable)[0] == 200 and sum(results(stable).values()) > before, "the canary is found"
    )
    return settled(stable)


def settled(stable: Server) -> dict[str, float]:
    """What has been counted once nothing waits to be mirrored any more.

    /metrics is answered by the event loop that mirrors: each look at it gives that its turn.
    """
    looks = [results(stable)]

    def quiet() -> bool:
        looks.append(results(stable))
        return len(looks) > QUIET and all(look == looks[-1] for look in looks[-QUIET:])

    eventually(quiet, "nothing is mirrored any more")
    return looks[-1]


def ask(
    server: Server,
    content: bytes = BODY,
    path: str = INFER,
    context: ssl.SSLContext | None = None,
    **headers: str,
) -> tuple[int, bytes]:
    """Status and body of one request, over a connection of its own."""
    address = "localhost", server.port
    connection = (
        http.client.HTTPSConnection(*address, timeout=180, context=context)
        if context
        else http.client.HTTPConnection(*address, timeout=180)
    )
    try:
        connection.request("POST", path, content, JSON | {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def results(server: Server) -> dict[str, float]:
    """What became of mirrored requests, without what did not happen."""
    found = {name: metric(server, f'paddle_mirror_total{{result="{name}"}}') for name in RESULTS}
    return {name: count for name, count in found.items() if count}


def since(server: Server, before: dict[str, float]) -> dict[str, float]:
    """The same, without what had happened before."""
    return {
        name: count - before.get(name, 0)
        for name, count in results(server).items()
        if count > before.get(name, 0)
    }


def test_the_same_model_agrees_at_every_door_and_for_repeated_heads(
    model: Path, stable: Server, place: tuple[int, int], tmp_path: Path
) -> None:
    with canary(model, tmp_path, place) as new:
        before, asked = found(stable), metric(new, MIRRORED)
        connection = http.client.HTTPConnection("127.0.0.1", stable.port, timeout=180)
        for _ in range(3):  # The second one's head is known.
            connection.request("POST", INFER, BODY, JSON)
            assert connection.getresponse().read()
        connection.close()
        for path, content in (
            ("/predict", BODY),
            ("/v1/models/mixed:predict", b'{"instances": [[1, 2, 3]]}'),
            ("/v2/models/mixed/versions/1/infer", BODY),
        ):
            assert ask(stable, content, path)[0] == 200
        assert ask(stable, body(*range(30_000)))[0] == 200  # Compared in a thread.
        assert ask(stable, BODY, "/predict", Accept="application/x-npy")[0] == 200
        # Neither these, nor what is refused, nor what says that it is mirrored.
        assert ask(stable, b"{}")[0] == 400
        assert ask(stable, X_PaddleModel_Mirror="whatever")[0] == 200
        eventually(lambda: since(stable, before) == {"agree": 8}, "all are mirrored")
        assert metric(new, MIRRORED) == asked + 8
        families = {name for name in shown(new.get("/metrics")[1]) if name.startswith("paddle_mirror")}
        assert families == {name for name in documented() if name.startswith("paddle_mirror")}
        assert metric(new, "paddle_mirrored_request_duration_seconds_count") == asked + 8
        # What only says so is a client's, and counts as one.
        assert 'paddle_requests_total{route="infer"' not in new.get("/metrics")[1]
        forged = ("1", "true", TOKEN[:-1], "\xff")
        for said in forged:
            assert ask(new, X_PaddleModel_Mirror=said)[0] == 200
        assert metric(new, 'paddle_requests_total{route="infer",status="200"}') == len(forged)
        assert metric(new, MIRRORED) == asked + 8


@pytest.mark.parametrize(
    "weight", [b"\x00\x00\x40\x40", b"\x00\x00\xc0\x7f"], ids=["other weights", "NaN among the weights"]
)
def test_another_model_of_the_same_shape_differs(
    model: Path, stable: Server, place: tuple[int, int], tmp_path: Path, weight: bytes
) -> None:
    before = results(stable)
    with canary(other(model, tmp_path, weight), tmp_path, place):
        found(stable)
        assert json.loads(ask(stable)[1])["outputs"][0]["data"] == [3, 5, 7]  # The stable version's.
        eventually(lambda: since(stable, before).get("differ", 0) > 1, "differences")
        assert since(stable, before).keys() == {"differ"}
        # The first output is off, the second is the mean of the input: no weight has a part in it.
        assert metric(stable, 'paddle_mirror_worst_difference{measure="part"}') == 1
    lines = [json.loads(line) for line in stable.logged().splitlines()]
    said = [line for line in lines if line["message"] == "a mirrored request was answered otherwise"]
    assert {(line["route"], line["output"]) for line in said} == {("infer", "fetch_name_0")}
    assert "beyond the tolerance" in said[0]["fault"]
    assert not {"value", "example", "body"} & said[0].keys()


def test_what_the_canary_refuses_is_an_error(
    exported: Callable[[str, str], Path], stable: Server, place: tuple[int, int], tmp_path: Path
) -> None:
    before = results(stable)
    with canary(exported("pir", "pair"), tmp_path, place):
        found(stable)
        assert since(stable, before).keys() == {"error"}


def test_a_slow_canary_holds_up_nobody(
    model: Path, stable: Server, place: tuple[int, int], tmp_path: Path
) -> None:
    """What does not fit into the queue is dropped; the rest is an error once the canary's time is over."""
    with canary(model, tmp_path, place, timeout_seconds=10 * TIMEOUT) as new:
        found(stable)
        before = results(stable)
        with stopped(new):
            for _ in range(100):
                assert ask(stable)[0] == 200
            eventually(lambda: since(stable, before).get("error", 0) >= 2, "errors")
            dropped, errors = (since(stable, before).get(name, 0) for name in ("dropped", "error"))
            assert dropped >= SUDDEN * MOST - MOST_WAITING - AT_ONCE - errors > 0
            assert "agree" not in since(stable, before)


def test_without_a_canary_nothing_is_counted(stable: Server) -> None:
    before = settled(stable)
    for _ in range(50):
        assert ask(stable)[0] == 200
    assert settled(stable).get("agree") == before.get("agree")
    assert sum(since(stable, before).values()) <= AT_ONCE  # A connection may still have been open.
    assert "WARNING" not in stable.logged()


def test_the_canary_of_another_model_gets_nothing(
    model: Path, stable: Server, place: tuple[int, int], tmp_path: Path
) -> None:
    """It answers at the address, as the pods behind somebody else's Service of that name."""
    before = settled(stable)
    with canary(model, tmp_path, place, mirror=json.dumps({"token": "of-another-model"})) as new:
        said = "who has its address is no canary of this model"
        eventually(lambda: ask(stable)[0] == 200 and said in stable.logged(), "it is found out")
        page = new.get("/metrics")[1]
        assert 'route="infer"' not in page
        assert "paddle_mirrored_requests_total{" not in page
    assert since(stable, before) == {}


def test_the_question_who_it_is_opens_nothing(model: Path, tmp_path: Path) -> None:
    number, key = proof.question(), "planted-key-of-a-client"
    shown = proof.proof(TOKEN, number)
    port, admin_port = ports.free(2)
    with canary(model, tmp_path, (port, admin_port), api_keys_dir=mount(tmp_path / "keys", alice=key)) as new:
        asks: dict[str, Any] = {"X_PaddleModel_Mirror": f"?{number}"}
        assert ask(new)[0] == 401
        assert ask(new, b"", **asks) == ask(new, BODY, **asks) == (200, shown)
        for method, path in (("GET", "/metadata"), ("GET", "/docs"), ("POST", "/nowhere")):
            connection = http.client.HTTPConnection("127.0.0.1", new.port, timeout=180)
            connection.request(method, path, headers={"X-PaddleModel-Mirror": f"?{number}"})
            assert connection.getresponse().read() == shown
            connection.close()
        assert "paddle_mirrored_requests_total{" not in new.get("/metrics")[1]


def test_keys_limits_and_tls_of_both(model: Path, tmp_path: Path) -> None:
    """The canary lets a mirrored request in by its client's key, and charges nobody for it."""
    tls, key = pair(), "planted-key-of-a-client"
    secret = mount_bytes(tmp_path / "tls", tls.entries)
    protected: dict[str, Any] = {
        "tls_dir": secret,
        "api_keys_dir": mount(tmp_path / "keys", alice=key),
        "rate_limits": json.dumps([{"per": "Client", "requests": 12, "seconds": 3600}]),
    }
    port, admin_port = ports.free(2)
    with canary(model, tmp_path, (port, admin_port), **protected) as new:
        mirror = mirrored(port, "https", outputs=[{"name": "missing", "absolute": "1"}])
        # A crowded machine may lose the canary for a second: what is asked meanwhile is not mirrored.
        often = {"rate_limits": json.dumps([{"per": "Client", "requests": 10_000, "seconds": 3600}])}
        settings: dict[str, Any] = (
            {"name": "mixed", "mirror": mirror, "timeout_seconds": TIMEOUT} | protected | often
        )
        with serving(model, tmp_path, **settings) as old:
            client: dict[str, Any] = {"context": tls.trusting(), "Authorization": f"Bearer {key}"}
            assert ask(old, context=tls.trusting())[0] == 401
            eventually(
                lambda: ask(old, **client)[0] == 200 and results(old).get("agree", 0) >= 6, "six are mirrored"
            )
            counted = settled(old)
            assert counted.keys() == {"agree"}
            assert metric(new, MIRRORED) == counted["agree"]
            forged = client | {"X_PaddleModel_Mirror": "1"}
            asked = [ask(new, **who)[0] for who in (*[client] * 6, *[forged] * 7)]
            assert asked == [200] * 12 + [429]
            assert ask(new, context=tls.trusting(), X_PaddleModel_Mirror=TOKEN)[0] == 401  # It is no key.
