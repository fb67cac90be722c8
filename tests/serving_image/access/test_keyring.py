"""A Secret that changes under a running HTTP worker, and one that has become unusable."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paddlemodel_server.access.keyring import Keyring
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc import access_page
from paddlemodel_server.ipc.access_page import AccessPage

from tests.serving_image.support.access.mounts import mount, mount_bytes

OLD, NEW = "old-0123456789abcdef", "new-0123456789abcdef"


@pytest.fixture
def page() -> Iterator[AccessPage]:
    fd = access_page.create()
    yield AccessPage(fd)
    os.close(fd)


def valid(gate: Keyring) -> list[str]:
    """Which of the two keys are."""
    return [key for key in (OLD, NEW) if gate.grant({"x-api-key": key}) is not None]


def test_a_rotation_is_noticed_and_takes_the_old_key_away(tmp_path: Path, page: AccessPage) -> None:
    gate = Keyring(mount(tmp_path / "keys", alice=OLD), page)
    before = gate.keys
    gate.look()
    assert not before.superseded  # and every grant stays valid
    mount(tmp_path / "keys", alice=OLD, alice__2=NEW)
    gate.look()
    assert (valid(gate), page.keys, before.superseded) == ([OLD, NEW], 2, True)
    mount(tmp_path / "keys", alice=NEW)
    gate.look()
    assert (valid(gate), page.keys) == ([NEW], 1)


def test_a_plain_folder_works_too(tmp_path: Path, page: AccessPage) -> None:
    (tmp_path / "alice").write_text(OLD)
    gate = Keyring(tmp_path, page)
    (tmp_path / "alice").write_text(NEW + "\n")
    gate.look()
    assert valid(gate) == [NEW]


@pytest.mark.parametrize(
    "entries", [{}, {"alice": b"short"}, {"alice": NEW.encode(), "bob": NEW.encode()}], ids=str
)
def test_an_unusable_secret_changes_nothing_and_is_told(
    tmp_path: Path, page: AccessPage, caplog: pytest.LogCaptureFixture, entries: dict[str, bytes]
) -> None:
    gate = Keyring(mount(tmp_path / "keys", alice=OLD), page)
    mount_bytes(tmp_path / "keys", entries)
    with caplog.at_level(logging.ERROR):
        gate.look()
        gate.look()
    assert (valid(gate), page.keys, page.keys_outdated) == ([OLD], 1, True)
    (told,) = caplog.messages  # once
    assert told.endswith("Until that is repaired, the keys from before stay valid, 1 of them.")
    assert OLD not in told
    assert NEW not in told
    mount(tmp_path / "keys", alice=NEW)
    gate.look()
    assert (valid(gate), page.keys_outdated) == ([NEW], False)


@pytest.mark.parametrize("there", [False, True], ids=["no folder", "empty"])
def test_there_is_no_start_without_keys(tmp_path: Path, page: AccessPage, there: bool) -> None:
    if there:
        (tmp_path / "keys").mkdir()
    with pytest.raises(StartError) as caught:
        Keyring(tmp_path / "keys", page)
    assert caught.value.reason == "ApiKeysMissing"


def test_the_loop_looks_again_and_again(tmp_path: Path, page: AccessPage) -> None:
    class Loop:
        calls: list[Callable[[], None]]

        def call_later(self, delay: float, callback: Callable[[], None], /) -> object:
            assert 0 < delay <= 5
            self.calls = [callback]
            return None

    loop, gate = Loop(), Keyring(mount(tmp_path / "keys", alice=OLD), page)
    gate.watch(loop)
    mount(tmp_path / "keys", alice=NEW)
    loop.calls[0]()
    assert valid(gate) == [NEW]
    assert len(loop.calls) == 1
