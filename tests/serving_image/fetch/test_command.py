"""The fetcher's promise: at the goal lies the whole checked model, or nothing and one sentence about why."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy
from paddlemodel_server.fetch.transfer import Courier
from paddlemodel_server.fetch.unpacking import archive
from paddlemodel_server.model import files

from tests import models
from tests.serving_image.support.file_server import Step, no_proxy, serving  # noqa: F401 - no_proxy is a fixture
from tests.serving_image.support.models.model_builders import (
    LEGACY_MODEL,
    PIR_MODEL,
    folder_of,
    tar_of,
    tree,
    zip_of,
)

COMPANIONS = {"labels.txt": b"cat\ndog\n", "inference.yml": b"Global: {}"}
MODEL = LEGACY_MODEL | COMPANIONS
TAR = tar_of({f"top/{name}": content for name, content in MODEL.items()}, compression="gz")
SERVED = {
    "/m.tar.gz": TAR,
    "/m.zip": zip_of(MODEL),
    "/other.tar": tar_of({f"x/{n}": c for n, c in PIR_MODEL.items()}),
}
MAIN = "import sys; from paddlemodel_server.fetch.command import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "model"


def options(goal: Path, uri: str, digest: str | None = None, max_bytes: int = 1 << 30) -> Options:
    return Options(
        uri=uri, into=goal, digest=digest, max_bytes=max_bytes, retries=RetryPolicy(first_pause=0.01)
    )


def refused(options: Options) -> StartError:
    with pytest.raises(StartError) as caught:
        fetch.fetch(options)
    assert list(options.into.parent.iterdir()) == []
    return caught.value


def digest_of(content: bytes, scratch: Path) -> str:
    scratch.write_bytes(content)
    return files.digest(scratch)


@pytest.mark.parametrize("path", ["/m.tar.gz", "/m.zip"])
def test_an_archive_becomes_the_models_folder_with_its_companions(
    goal: Path, tmp_path: Path, path: str
) -> None:
    with serving(SERVED) as server:
        fetched = fetch.fetch(options(goal, server.uri(path)))
    assert tree(goal) == MODEL
    assert fetched.digest == digest_of(SERVED[path], tmp_path / "x")
    assert (fetched.format, fetched.bytes) == ("Legacy", sum(map(len, MODEL.values())))
    assert {path.name for path in goal.parent.iterdir()} == {"model", ".model.done"}


def test_a_trained_model_survives_the_way_unchanged(goal: Path, tmp_path: Path) -> None:
    packed = models.archive_of("textline-orientation", tmp_path)
    with serving({f"/{packed.name}": packed.read_bytes()}) as server:
        fetched = fetch.fetch(options(goal, server.uri(f"/{packed.name}"), files.digest(packed)))
    assert tree(goal) == tree(models.trained_model("textline-orientation"))
    assert fetched.format == "Legacy"


def test_the_right_digest_is_accepted_and_a_wrong_one_leaves_nothing(goal: Path, tmp_path: Path) -> None:
    right, wrong = digest_of(TAR, tmp_path / "x"), "sha256:" + "0" * 64
    with serving(SERVED) as server:
        fault = refused(options(goal, server.uri("/m.tar.gz"), wrong))
        assert (fault.reason, right in fault.message, wrong in fault.message) == (
            "DigestMismatch",
            True,
            True,
        )
        fetch.fetch(options(goal, server.uri("/m.tar.gz"), right))
        # an earlier result stays until the next one is whole
        with pytest.raises(StartError, match="correct either"):
            fetch.fetch(options(goal, server.uri("/m.tar.gz"), wrong))
    assert tree(goal) == MODEL


def test_finished_work_is_not_done_again(goal: Path, tmp_path: Path) -> None:
    right = digest_of(TAR, tmp_path / "x")
    with serving(SERVED) as server:
        first = fetch.fetch(options(goal, server.uri("/m.tar.gz")))
        assert fetch.fetch(options(goal, server.uri("/m.tar.gz"))) == first
        assert (
            fetch.fetch(options(goal, server.uri("/m.zip"), right)) == first
        )  # the digest says it is the same
        assert len(server.seen) == 1
        fetch.fetch(options(goal, server.uri("/other.tar")))
        assert len(server.seen) == 2
    assert tree(goal) == PIR_MODEL


@pytest.mark.parametrize("lost", ["inference.pdiparams", "inference.pdmodel"])
def test_a_model_that_lost_a_file_is_fetched_again(goal: Path, lost: str) -> None:
    with serving(SERVED) as server:
        fetch.fetch(options(goal, server.uri("/m.tar.gz")))
        (goal / lost).unlink()
        fetch.fetch(options(goal, server.uri("/m.tar.gz")))
    assert tree(goal) == MODEL


@pytest.mark.parametrize("left", ["archive", "tree/inference.pdmodel", "record"])
def test_what_a_crash_left_is_no_obstacle(goal: Path, left: str) -> None:
    folder_of(goal.parent / ".model.partial", {".paddlemodel-fetch": b"", left: b"half"})
    with serving(SERVED) as server:
        fetch.fetch(options(goal, server.uri("/m.tar.gz")))
    assert tree(goal) == MODEL
    assert {path.name for path in goal.parent.iterdir()} == {"model", ".model.done"}


@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"uri": 1, "fetched": {}}', '{"uri": "", "fetched": {"a": 1}}']
)
def test_an_unreadable_record_means_fetching_again(goal: Path, record: str) -> None:
    goal.with_name(".model.done").write_text(record)
    with serving(SERVED) as server:
        fetch.fetch(options(goal, server.uri("/m.tar.gz")))
    assert tree(goal) == MODEL


def test_a_failure_while_unpacking_leaves_nothing(goal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(_: Path, into: Path, __: archive.Limits) -> None:
        folder_of(into, {"half": b"x"})
        raise KeyboardInterrupt

    monkeypatch.setattr(archive, "unpack", break_off)
    with serving(SERVED) as server, pytest.raises(KeyboardInterrupt):
        fetch.fetch(options(goal, server.uri("/m.tar.gz")))
    assert list(goal.parent.iterdir()) == []


def test_an_archive_on_a_volume_is_unpacked(goal: Path, tmp_path: Path) -> None:
    (tmp_path / "m.tgz").write_bytes(TAR)
    fetched = fetch.fetch(options(goal, f"file://localhost{tmp_path}/m.tgz"))
    assert tree(goal) == MODEL
    assert fetched.digest == files.digest(tmp_path / "m.tgz")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("file:///nowhere/model", "NotFound"),
        ("file://otherhost/model", "UnsupportedScheme"),
        ("ftp://host/model.tar", "UnsupportedScheme"),
        ("model.tar", "UnsupportedScheme"),
        ("http://[broken/model.tar", "InvalidUri"),
        ("http://user:pa/ss@host/model.tar", "InvalidUri"),
        ("http:///model.tar", "InvalidUri"),
    ],
)
def test_a_uri_that_cannot_work_is_named(goal: Path, uri: str, reason: str) -> None:
    assert refused(options(goal, uri)).reason == reason


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:" + "G" * 64, "md5:" + "0" * 32, "0" * 64])
def test_a_malformed_digest_is_named(goal: Path, digest: str) -> None:
    assert refused(options(goal, "file:///nowhere", digest)).reason == "InvalidDigest"


def test_a_model_larger_than_the_limit_is_refused(goal: Path, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "m", MODEL)
    assert refused(options(goal, source.as_uri(), max_bytes=30)).reason == "TooLarge"
    with serving(SERVED) as server:
        assert refused(options(goal, server.uri("/m.tar.gz"), max_bytes=30)).reason == "TooLarge"
        assert (
            refused(options(goal, server.uri("/m.tar.gz"), max_bytes=len(TAR))).reason == "TooLarge"
        )  # unpacked


def test_an_archive_without_a_model_leaves_nothing(goal: Path) -> None:
    with serving({"/a.tar": tar_of({"readme.md": b"x"})}) as server:
        assert refused(options(goal, server.uri("/a.tar"))).reason == "NoModel"


def run_main(goal: Path, uri: str, *more: str) -> tuple[int, dict[str, object]]:
    log = goal.parent.parent / "termination-log"
    log.touch()
    code = fetch.main(["--uri", uri, "--into", str(goal), *more], log)
    report = json.loads(log.read_text())
    assert isinstance(report, dict)
    return code, report


def test_success_is_reported_to_kubernetes(goal: Path, tmp_path: Path) -> None:
    with serving(SERVED) as server:
        code, report = run_main(goal, server.uri("/m.tar.gz"))
    size = sum(map(len, MODEL.values()))
    assert (code, report) == (
        0,
        {"digest": digest_of(TAR, tmp_path / "x"), "format": "Legacy", "bytes": size, "revision": "v1"},
    )


def test_failure_is_reported_to_kubernetes_without_secrets(
    goal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with serving(SERVED, Step(status=503)) as server:
        secret = server.uri("/none.tar?sig=S3CRET#S3CRET").replace("://", "://S3CRET:S3CRET@")
        code, report = run_main(goal, secret)
        assert server.seen[-1][0] == "/none.tar?sig=S3CRET"
        assert server.seen[-1][1]["authorization"].startswith("Basic ")
        shown = server.uri("/none.tar?...")
    assert (code, report["reason"]) == (1, "NotFound")
    assert report["message"] == (
        f"The server answered 404: there is no such file; correct the URI. (the URI is {shown})"
    )
    everything = json.dumps([vars(record) for record in caplog.records], default=str)
    assert "S3CRET" not in everything


def test_a_full_volume_and_a_forbidden_one_are_named(goal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, reason in ((28, "NoSpace"), (13, "NotPermitted"), (5, "DiskError")):

        def fail(*_: object, number: int = number) -> str:
            raise OSError(number, os.strerror(number), "/models/x")

        monkeypatch.setattr(Courier, "bring", fail)
        code, report = run_main(goal, "http://127.0.0.1/m.tar")
        assert (code, report["reason"]) == (1, reason)


def test_the_unexpected_is_reported_too(goal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Courier, "bring", lambda *_: 1 / 0)
    code, report = run_main(goal, "http://127.0.0.1/m.tar")
    assert (code, report["reason"]) == (1, "InternalError")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_killed_fetcher_does_no_harm_to_the_next(goal: Path, how: signal.Signals, code: int) -> None:
    with serving(SERVED, Step(cut=50, stall=True)) as server:
        command = [sys.executable, "-c", MAIN, "--uri", server.uri("/m.tar.gz"), "--into", str(goal)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            archive_file = goal.with_name(".model.partial") / "archive"
            deadline = time.monotonic() + 180
            while not (server.stalled.is_set() and archive_file.exists()) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(how)
            assert process.wait(180) == code
        assert not goal.exists()
        assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    assert tree(goal) == MODEL


def test_the_log_is_one_json_object_per_line(goal: Path) -> None:
    with serving(SERVED) as server:
        command = [sys.executable, "-c", MAIN, "--uri", server.uri("/m.tar.gz"), "--into", str(goal)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["message"] for event in events] == ["fetching", "downloading", "downloaded", "model ready"]
    assert events[2]["percent"] == 100


def test_the_fetcher_starts_light() -> None:
    heavy = (
        "import sys, paddlemodel_server.fetch.command;"
        "print({'paddle', 'flask', 'numpy', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
