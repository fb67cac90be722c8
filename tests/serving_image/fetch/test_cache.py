"""A cache that pods share: fetched once, checked on each use, and never in the way."""

import contextlib
import errno
import fcntl
import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.cache import copying, shared_folder
from paddlemodel_server.fetch.cache.shared_folder import Cache
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy

from tests.serving_image.support.file_server import Step, no_proxy, serving  # noqa: F401 - no_proxy is a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, PIR_MODEL, tar_of, tree

SERVED = {
    "/m.tar": tar_of(LEGACY_MODEL),
    **{f"/{name}.tar": tar_of(PIR_MODEL | {"labels.txt": name.encode()}) for name in "abc"},
}
DIGEST = f"sha256:{hashlib.sha256(SERVED['/m.tar']).hexdigest()}"


def options(tmp_path: Path, uri: str, name: str = "pod", **more: Any) -> Options:
    given: dict[str, Any] = {
        "cache": tmp_path / "cache",
        "retries": RetryPolicy(attempts=2, first_pause=0.01),
    }
    return Options(uri=uri, into=tmp_path / name / "model", **given | more)


def models(tmp_path: Path) -> set[str]:
    folder = tmp_path / "cache" / "models"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_the_second_pod_takes_it_from_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with serving(SERVED) as server:
        first = fetch.fetch(options(tmp_path, server.uri("/m.tar"), "one"))
        caplog.clear()
        assert fetch.fetch(options(tmp_path, server.uri("/m.tar"), "two")) == first
    assert tree(tmp_path / "two" / "model") == LEGACY_MODEL
    assert "taken from the cache" in caplog.text
    assert "downloading" not in caplog.text


def test_with_a_digest_the_place_is_not_even_asked(tmp_path: Path) -> None:
    with serving(SERVED) as server:
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "one", digest=DIGEST))
        asked = len(server.seen)
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "two", digest=DIGEST))
        assert len(server.seen) == asked
    assert tree(tmp_path / "two" / "model") == LEGACY_MODEL


def test_new_content_is_fetched_and_the_old_stays_for_who_names_its_digest(tmp_path: Path) -> None:
    with serving(dict(SERVED)) as server:
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "one"))
        server.files["/m.tar"] = tar_of(PIR_MODEL)
        server.plan.extend([Step(etag='"v2"')] * 2)
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "two"))
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "three", digest=DIGEST))
    assert tree(tmp_path / "two" / "model") == PIR_MODEL
    assert tree(tmp_path / "three" / "model") == LEGACY_MODEL


def test_twenty_racing_pods_fetch_once(tmp_path: Path) -> None:
    with serving(SERVED) as server:
        faults: list[Exception] = []

        def pod(number: int) -> None:
            try:
                fetch.fetch(options(tmp_path, server.uri("/m.tar"), f"pod{number}", digest=DIGEST))
            except Exception as error:  # noqa: BLE001 - told by the test
                faults.append(error)

        threads = [threading.Thread(target=pod, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert len(server.seen) == 1
    assert [tree(tmp_path / f"pod{number}" / "model") for number in range(20)] == [LEGACY_MODEL] * 20


def test_without_locks_losers_throw_away_what_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with serving(SERVED) as server:
        first = fetch.fetch(options(tmp_path, server.uri("/m.tar"), "one"))
        Cache(folder=tmp_path / "cache").fill("other", tmp_path / "one" / "model", {"digest": first.digest})
        assert fetch.fetch(options(tmp_path, server.uri("/m.tar"), "two")) == first
    assert len(models(tmp_path)) == 1
    assert list((tmp_path / "cache" / "filling").iterdir()) == []


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a byte": lambda entry: (entry / "model" / "inference.pdiparams").write_bytes(b"\0"),
    "a file lost": lambda entry: (entry / "model" / "inference.pdmodel").unlink(),
    "no record": lambda entry: (entry / "record.json").unlink(),
    "half a record": lambda entry: (entry / "record.json").write_text('{"files": {'),
    "an empty record": lambda entry: (entry / "record.json").write_text("{}"),
    "a record that climbs": lambda entry: (entry / "record.json").write_text(
        json.dumps({"files": {"../../../evil": "00"}, "fetched": {}})
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_model_is_fetched_again(
    tmp_path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    with serving(SERVED) as server:
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "one", digest=DIGEST))
        (entry,) = (tmp_path / "cache" / "models").iterdir()
        damage(entry)
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "two", digest=DIGEST))
        assert tree(tmp_path / "two" / "model") == LEGACY_MODEL
        assert "a cached model is damaged" in caplog.text
        asked = len(server.seen)
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "three", digest=DIGEST))
        assert len(server.seen) == asked  # it was put right


def test_the_newest_models_stay(tmp_path: Path) -> None:
    with serving(SERVED) as server:
        for name in "abc":
            fetch.fetch(options(tmp_path, server.uri(f"/{name}.tar"), name, keep=2))
    kept = {f"sha256-{hashlib.sha256(SERVED[f'/{name}.tar']).hexdigest()}" for name in "bc"}
    assert models(tmp_path) == kept


def test_a_model_that_is_being_read_stays(tmp_path: Path) -> None:
    with serving(SERVED) as server:
        fetch.fetch(options(tmp_path, server.uri("/a.tar"), "a", keep=1))
        (entry,) = models(tmp_path)
        with (tmp_path / "cache" / "locks" / entry).open("ab") as reader:
            fcntl.flock(reader, fcntl.LOCK_SH)
            fetch.fetch(options(tmp_path, server.uri("/b.tar"), "b", keep=1))
            assert entry in models(tmp_path)
        fetch.fetch(options(tmp_path, server.uri("/c.tar"), "c", keep=1))
    assert len(models(tmp_path)) == 1


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "CacheFull"), (errno.EDQUOT, "CacheFull"), (errno.EROFS, "CacheReadOnly")],
)
def test_a_cache_that_takes_nothing_is_told_and_done_without(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
    reason: str,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(Cache, "_aside", refuse)
    with serving(SERVED) as server:
        fetched = fetch.fetch(options(tmp_path, server.uri("/m.tar")))
    assert tree(tmp_path / "pod" / "model") == LEGACY_MODEL
    assert fetched.cache_fault == reason
    assert [
        getattr(record, "reason", None) for record in caplog.records if record.levelname == "WARNING"
    ] == [reason]


def test_the_last_words_tell_what_the_cache_could_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator reads them; the log alone would be read by nobody."""
    log, words = tmp_path / "termination-log", {}
    cache = tmp_path / "cache"
    for name in ("full", "kept"):
        log.touch()
        with serving(SERVED) as server, monkeypatch.context() as patch:
            if name == "full":
                patch.setattr(Cache, "_aside", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no")))
            into = str(tmp_path / name / "model")
            fetch.main(["--uri", server.uri("/m.tar"), "--into", into, "--cache", str(cache)], log)
        words[name] = json.loads(log.read_text())
    assert (words["full"]["cacheFault"], "cacheFault" in words["kept"]) == ("CacheFull", False)


def test_a_full_cache_makes_room_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(SERVED) as server:
        fetch.fetch(options(tmp_path, server.uri("/a.tar"), "a"))
        copy = copying.copy

        def full(source: Path, goal: Path, wanted: Any) -> dict[str, str]:
            if len(models(tmp_path)) and goal.is_relative_to(tmp_path / "cache"):
                raise OSError(errno.ENOSPC, "full")
            return copy(source, goal, wanted)

        monkeypatch.setattr(copying, "copy", full)
        fetch.fetch(options(tmp_path, server.uri("/b.tar"), "b"))
    assert models(tmp_path) == {f"sha256-{hashlib.sha256(SERVED['/b.tar']).hexdigest()}"}


def test_a_place_that_cannot_be_reached_is_replaced_by_what_it_had(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(SERVED) as server:
        uri = server.uri("/m.tar")
        first = fetch.fetch(options(tmp_path, uri, "one"))
    assert fetch.fetch(options(tmp_path, uri, "two")) == first
    assert "cannot be reached" in caplog.text
    with pytest.raises(StartError, match="The download failed"):
        fetch.fetch(options(tmp_path, uri + "?other", "three"))


STEPS = ["write_text", "rename", "mkdir"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("number", range(4))
def test_a_pod_that_is_killed_while_it_fills_leaves_a_good_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    with serving(SERVED) as server:
        fetched = fetch.fetch(options(tmp_path, server.uri("/m.tar"), "one", cache=None))
        cache, real, calls = Cache(folder=tmp_path / "cache"), getattr(Path, step), []

        def kill(path: Path, *given: Any, **more: Any) -> Any:
            calls.append(path)
            if len(calls) > number:
                raise KeyboardInterrupt
            return real(path, *given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Path, step, kill)
            patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # the process is gone
            with contextlib.suppress(KeyboardInterrupt):
                cache.fill("k", tmp_path / "one" / "model", vars(fetched))
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "two"))
        asked = len(server.seen)
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), "three", digest=DIGEST))
        assert len(server.seen) == asked
    assert tree(tmp_path / "three" / "model") == LEGACY_MODEL


def test_what_killed_pods_have_left_goes_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / "cache" / "filling" / f"sha256-{'0' * 64}-{'1' * 32}"
    left.mkdir(parents=True)
    with serving(SERVED) as server:
        fetch.fetch(options(tmp_path, server.uri("/a.tar"), "a"))
        assert left.is_dir()  # it may be of a pod that is alive
        monkeypatch.setattr(shared_folder, "_FORGOTTEN", -1.0)
        fetch.fetch(options(tmp_path, server.uri("/b.tar"), "b"))
    assert not left.exists()
