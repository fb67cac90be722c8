"""Keys from a real HTTPS server that misbehaves, and from a mounted ConfigMap that changes."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_server.access.tokens import source
from paddlemodel_server.access.tokens.key_set import MOST_BYTES
from paddlemodel_server.access.tokens.source import FetchedKeys, MountedKeys
from paddlemodel_server.errors import StartError

from tests.serving_image.support import file_server
from tests.serving_image.support.access.certificates import Pair, pair
from tests.serving_image.support.access.loops import Loop
from tests.serving_image.support.access.mounts import mount_bytes
from tests.serving_image.support.file_server import FileServer, Step, no_proxy

__all__ = ["no_proxy"]
KEYS, NEWER = b'{"keys": [1]}', b'{"keys": [2]}'


def context(found: Pair, folder: Path) -> ssl.SSLContext:
    for name, content in found.entries.items():
        (folder / name).write_bytes(content)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return made


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    found = pair()
    tls = context(found, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.crt"))
    with file_server.serving({"/keys": KEYS}, tls=tls) as running:
        yield running


class Taken(list[bytes | StartError]):
    """What a source has given."""

    def __call__(self, found: bytes | StartError) -> None:
        self.append(found)


def never(_: float) -> None:
    """No pause."""


def test_the_keys_come_by_https(server: FileServer) -> None:
    assert FetchedKeys(server.uri("/keys"), never).first() == KEYS
    assert [path for path, _ in server.seen] == ["/keys"]


def test_a_start_gives_the_issuer_some_time(server: FileServer) -> None:
    server.plan.extend([Step(status=503), Step(cut=3)])
    assert FetchedKeys(server.uri("/keys"), never).first() == KEYS


@pytest.mark.parametrize(
    "step",
    [
        Step(status=404),
        Step(status=500),
        Step(status=302, headers={"Location": "/other"}),
        Step(cut=5),
    ],
    ids=["404", "500", "redirect", "cut"],
)
def test_what_is_no_answer_ends_the_start(server: FileServer, step: Step) -> None:
    server.files["/other"] = KEYS
    server.plan.extend([step] * source.ATTEMPTS)
    with pytest.raises(StartError) as caught:
        FetchedKeys(server.uri("/keys"), never).first()
    assert caught.value.reason == "JwtKeysMissing"
    assert server.uri("/keys") in caught.value.message
    assert {path for path, _ in server.seen} == {"/keys"}


def test_a_server_of_somebody_else_is_not_believed(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(StartError, match="certificate is trusted"):
        FetchedKeys(server.uri("/keys"), never).first()
    assert server.seen == []


def test_a_large_answer_is_cut(server: FileServer) -> None:
    server.files["/keys"] = bytes(1_000_000)
    assert len(FetchedKeys(server.uri("/keys"), never).first()) == MOST_BYTES + 1


def test_an_answer_without_end_is_given_up(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FETCH_SECONDS", 0.0)
    server.plan.extend([Step(drip=1)] * source.ATTEMPTS)
    with pytest.raises(StartError, match="takes too long"):
        FetchedKeys(server.uri("/keys"), never).first()


def test_it_is_asked_again_when_it_is_time_and_not_before(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, loop, taken = FetchedKeys(server.uri("/keys"), never), Loop(), Taken()
    assert found.first() == KEYS
    server.files["/keys"] = NEWER
    found.look(loop, taken)
    assert not found.ask(loop, taken)  # it has been asked just now
    assert len(server.seen) == 1
    monkeypatch.setattr(source, "FLOOR_SECONDS", 0.0)
    assert not found.ask(None, taken)
    assert found.ask(loop, taken)
    assert found.ask(loop, taken)  # the same answer is waited for
    loop.take()
    assert (taken, len(server.seen)) == ([NEWER], 2)
    monkeypatch.setattr(source, "RETRY_SECONDS", 0.0)
    server.plan.append(Step(status=500))
    assert found.ask(loop, taken)
    loop.take()
    assert isinstance(taken[1], StartError)
    found.look(loop, taken)  # one that failed is tried again sooner
    loop.take()
    assert taken[2:] == [NEWER]
    found.look(loop, taken)
    assert len(server.seen) == 4


def test_a_config_map_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    taken, loop = Taken(), Loop()
    found = MountedKeys(mount_bytes(tmp_path / "keys", {"jwks.json": KEYS}))
    assert found.first() == KEYS
    found.look(loop, taken)
    assert taken == []
    mount_bytes(tmp_path / "keys", {"jwks.json": NEWER})
    assert not found.ask(loop, taken)
    found.look(loop, taken)
    found.look(loop, taken)
    assert taken == [NEWER]
    mount_bytes(tmp_path / "keys", {"other": KEYS})
    found.look(loop, taken)
    assert isinstance(taken[1], StartError)
    with pytest.raises(StartError, match=r"the entry jwks\.json") as caught:
        found.first()
    assert caught.value.reason == "JwtKeysMissing"
