"""s3:// at a real server, and with a proxy between that breaks it: the digest is right, or the message."""

import hashlib
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch import parallel
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy
from paddlemodel_server.fetch.sources.object_store import ObjectStore
from paddlemodel_server.fetch.sources.source import Part, Request
from paddlemodel_server.model import files

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, PIR_MODEL, folder_of, tar_of, tree
from tests.serving_image.support.stores.fault_proxy import Fault, fault_proxy
from tests.serving_image.support.stores.object_stores import S3, SECRET, s3_server

MODEL = LEGACY_MODEL | {"labels.txt": b"cat\ndog\n", "inference.yml": b"Global: {}"}
OTHERS = {"README.md": b"# hello", "model.safetensors": b"0" * 100, ".gitattributes": b"*"}
MAIN = "import sys; from paddlemodel_server.fetch.command import main; sys.exit(main(sys.argv[1:]))"
BIG = random.Random(7).randbytes(1_000_003)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("moto")) as server:
        server.bucket("models", {f"net/v1/{name}": body for name, body in (MODEL | OTHERS).items()})
        server.bucket("archives", {"net.tar.gz": tar_of(MODEL, compression="gz"), "big.bin": BIG})
        server.bucket("empty", {})
        server.bucket("public", {f"net/{name}": body for name, body in MODEL.items()}, public=True)
        yield server


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "model"


def options(s3: S3, goal: Path, uri: str, **more: Any) -> Options:
    given: dict[str, Any] = {"endpoint": s3.endpoint, "credentials": SECRET, "timeout": 20}
    given["retries"] = RetryPolicy(attempts=4, first_pause=0.01, longest_pause=0.05)
    return Options(uri=uri, into=goal, **given | more)


def refused(options: Options) -> StartError:
    with pytest.raises(StartError) as caught:
        fetch.fetch(options)
    assert list(options.into.parent.iterdir()) == []
    return caught.value


@pytest.mark.parametrize(
    "uri", ["s3://models/net/v1", "s3://models/net/v1/", "s3://models/net", "s3://models"]
)
def test_of_a_folder_the_files_of_the_model_come(
    s3: S3, goal: Path, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fetched = fetch.fetch(options(s3, goal, uri))
    assert tree(goal) == MODEL
    assert "not fetched, no part of the model" in caplog.text
    assert "README.md" in caplog.text
    assert (fetched.revision or "").startswith("files-")


def test_the_digest_of_a_folder_is_that_of_the_files_that_came(s3: S3, goal: Path, tmp_path: Path) -> None:
    fetched = fetch.fetch(options(s3, goal, "s3://models/net/v1"))
    assert fetched.digest == files.digest(folder_of(tmp_path / "same", MODEL))


def test_an_archive_is_unpacked_and_its_etag_is_the_revision(s3: S3, goal: Path) -> None:
    fetched = fetch.fetch(options(s3, goal, "s3://archives/net.tar.gz"))
    assert tree(goal) == MODEL
    assert len(fetched.revision or "") == 32


def test_a_program_brings_its_parameters(s3: S3, goal: Path) -> None:
    fetch.fetch(options(s3, goal, "s3://models/net/v1/inference.pdmodel"))
    assert set(tree(goal)) == {"inference.pdmodel", "inference.pdiparams"}


@pytest.mark.parametrize("uri", ["s3://public/net", "gs://public/net", "gs://public/net/inference.pdmodel"])
def test_a_public_bucket_wants_no_secret(s3: S3, goal: Path, uri: str) -> None:
    """Google's XML interface lists as S3 does, so Google's client can read from the same server."""
    fetch.fetch(options(s3, goal, uri, credentials={}))
    assert (goal / "inference.pdmodel").read_bytes() == MODEL["inference.pdmodel"]


@pytest.mark.parametrize("fault", [TimeoutError("the volume"), PermissionError("the volume")])
def test_a_fault_of_the_disk_is_not_the_store_s(s3: S3, fault: OSError) -> None:
    """Who writes the bytes sees their own error, not that the store failed, or refused."""
    request = Request(uri="s3://archives/big.bin", endpoint=s3.endpoint, credentials=SECRET)

    def failing() -> None:
        with ObjectStore("s3").read(request, Part(path="")) as reading:
            assert BIG.startswith(next(iter(reading.chunks)))
            raise fault

    with pytest.raises(type(fault)) as caught:
        failing()
    assert caught.value is fault


def test_a_private_bucket_wants_one(s3: S3, goal: Path) -> None:
    fault = refused(options(s3, goal, "s3://models/net/v1", credentials={}))
    assert (fault.reason, "name a Secret with credentials" in fault.message) == ("NotAllowed", True)


@pytest.mark.parametrize("uri", ["gs://nowhere/net", "gs://public/other"])
def test_what_google_does_not_have_is_named(s3: S3, goal: Path, uri: str) -> None:
    assert refused(options(s3, goal, uri, credentials={})).reason == "NotFound"


@pytest.mark.parametrize(
    ("uri", "reason", "said"),
    [
        ("s3://nowhere/net", "NotFound", "There is no bucket nowhere"),
        ("s3://nowhere", "NotFound", "There is no bucket nowhere"),
        ("s3://models/other", "NotFound", "nothing of that name in the bucket models"),
        ("s3://empty", "NotFound", "nothing of that name in the bucket empty"),
        ("s3://models/net/v1/labels.txt", "NotAnArchive", ""),
        ("s3://models/net/v1/other.json", "NotFound", ""),
        ("s3://models/../x", "InvalidUri", "s3://BUCKET/KEY"),
        ("s3://models/a//b", "InvalidUri", "s3://BUCKET/KEY"),
        ("s3://user:S3CRET@models/a", "InvalidUri", "Credentials belong into a Secret"),
        ("s3://models/a?versionId=1", "InvalidUri", "percent-encoded"),
        ("s3:///a", "InvalidUri", ""),
    ],
)
def test_a_place_that_holds_nothing_is_named(s3: S3, goal: Path, uri: str, reason: str, said: str) -> None:
    fault = refused(options(s3, goal, uri))
    assert (fault.reason, said in fault.message) == (reason, True), fault.message


def test_parameters_that_are_missing_beside_a_program_are_named(s3: S3, goal: Path) -> None:
    s3.bucket("half", {"a/inference.json": PIR_MODEL["inference.json"]})
    assert refused(options(s3, goal, "s3://half/a/inference.json")).reason == "ParamsMissing"


HOSTILE = {
    "empty part": ("a//inference.json", "UnsafeListing"),
    "climbs": ("a/%2E%2E/inference.json", "UnsafeListing"),
    "control character": ("a/in%01ference.json", "UnsafeListing"),
    "case": ("a/INFERENCE.pdmodel", "UnsafeListing"),
    "another model": ("b/inference.pdiparams", "SeveralModels"),
    "a file that is a folder": ("a/inference.pdmodel/x.json", "UnsafeListing"),
}


@pytest.mark.parametrize(("key", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_listing_is_refused(s3: S3, goal: Path, key: str, reason: str) -> None:
    bucket = s3.bucket(
        f"hostile-{[*HOSTILE.values()].index((key, reason))}",
        {f"a/{path}": body for path, body in LEGACY_MODEL.items()} | {key: b"{}"},
    )
    if reason == "SeveralModels":
        s3.put(bucket, "b/inference.pdmodel", b"x")
    assert refused(options(s3, goal, f"s3://{bucket}")).reason == reason


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PART_BYTES", 100_000)


@pytest.fixture(scope="module")
def big(s3: S3) -> S3:
    """A bucket whose program is of several parts."""
    s3.bucket("big", {"net.tar": tar_of(MODEL | {"weights.txt": BIG})})
    return s3


BREAKING = {
    **{f"cut at {tenth}0 %": [Fault(cut=tenth / 10)] * 3 for tenth in range(10)},
    "every part cut once": [Fault(cut=0.5)] * 11,
    "429": [Fault(status=429, headers={"Retry-After": "0"})] * 2,
    "503 at all connections": [Fault(status=503)] * 8,
    "slow drip": [Fault(drip=999)] * 3,
    "wrong range": [Fault(shift=5)] * 2,
}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("plan", BREAKING.values(), ids=BREAKING)
def test_what_can_heal_heals(big: S3, goal: Path, plan: list[Fault]) -> None:
    with fault_proxy(big.endpoint, *plan) as proxy:
        fetch.fetch(options(big, goal, "s3://big/net.tar", endpoint=proxy.endpoint))
        assert not proxy.plan
    assert tree(goal) == MODEL | {"weights.txt": BIG}


@pytest.mark.usefixtures("small_parts")
def test_a_store_that_falls_silent_is_asked_again(big: S3, goal: Path) -> None:
    many = RetryPolicy(attempts=20, first_pause=0.01)  # a busy machine may be silent so long by itself
    with fault_proxy(big.endpoint, Fault(cut=0.4, stall=True)) as proxy:
        fetch.fetch(
            options(big, goal, "s3://big/net.tar", endpoint=proxy.endpoint, timeout=0.5, retries=many)
        )
    assert tree(goal) == MODEL | {"weights.txt": BIG}


@pytest.mark.usefixtures("small_parts")
def test_a_broken_part_goes_on_where_it_stopped(big: S3, goal: Path) -> None:
    with fault_proxy(big.endpoint, Fault(cut=0.9)) as proxy:
        fetch.fetch(options(big, goal, "s3://big/net.tar", endpoint=proxy.endpoint))
    asked = [headers["range"] for command, _, headers in proxy.seen if command == "GET"]
    begins = [int(text.removeprefix("bytes=").partition("-")[0]) for text in asked]
    assert [begin for begin in begins if begin % parallel.PART_BYTES] != []


@pytest.mark.usefixtures("small_parts")
def test_a_store_that_stays_broken_is_left(big: S3, goal: Path) -> None:
    with fault_proxy(big.endpoint, *[Fault(status=503)] * 200) as proxy:
        fault = refused(options(big, goal, "s3://big/net.tar", endpoint=proxy.endpoint))
    assert fault.reason == "Unreachable"
    assert "the store answered 503" in fault.message


@pytest.mark.usefixtures("small_parts")
def test_an_object_that_changes_meanwhile_is_fetched_anew(big: S3, goal: Path) -> None:
    with fault_proxy(big.endpoint, Fault(headers={"ETag": '"other"'})) as proxy:
        fetch.fetch(options(big, goal, "s3://big/net.tar", endpoint=proxy.endpoint))
        heads = [command for command, _, _ in proxy.seen if command == "HEAD"]
    assert tree(goal) == MODEL | {"weights.txt": BIG}
    assert len(heads) == 2  # listed again


@pytest.mark.usefixtures("small_parts")
def test_an_object_that_is_replaced_half_way_comes_as_the_new_one(s3: S3, goal: Path) -> None:
    first, second = (tar_of(MODEL | {"weights.txt": body}) for body in (BIG, BIG[::-1]))
    s3.bucket("moving", {"net.tar": first})
    replace = Fault(before=lambda: s3.put("moving", "net.tar", second))
    with fault_proxy(s3.endpoint, *[Fault()] * 5, replace) as proxy:
        fetched = fetch.fetch(options(s3, goal, "s3://moving/net.tar", endpoint=proxy.endpoint))
    assert tree(goal) == MODEL | {"weights.txt": BIG[::-1]}
    assert fetched.digest == f"sha256:{hashlib.sha256(second).hexdigest()}"


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_fetcher_that_is_told_to_end_waits_for_no_store(
    big: S3, goal: Path, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    secret = folder_of(tmp_path / "secret", {n: v.encode() for n, v in SECRET.items()})
    with fault_proxy(big.endpoint, *[Fault(cut=0.4, stall=True)] * 4) as proxy:
        command = [sys.executable, "-c", MAIN, "--uri", "s3://big/net.tar", "--into", str(goal)]
        command += ["--endpoint", proxy.endpoint, "--credentials", str(secret), "--timeout", "3600"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            assert proxy.stalled.wait(180)
            process.send_signal(how)
            assert process.wait(180) == code
    assert not goal.exists()


@pytest.mark.usefixtures("small_parts")
def test_an_object_that_never_rests_is_refused(big: S3, goal: Path) -> None:
    with fault_proxy(big.endpoint, *[Fault(headers={"ETag": '"other"'})] * 200) as proxy:
        assert refused(options(big, goal, "s3://big/net.tar", endpoint=proxy.endpoint)).reason == (
            "ChangedWhileFetched"
        )


def test_nobody_listens(s3: S3, goal: Path) -> None:
    fault = refused(options(s3, goal, "s3://models/net", endpoint="http://127.0.0.1:1"))
    assert (fault.reason, "refused the connection" in fault.message) == ("Unreachable", True), fault.message
    fault = refused(options(s3, goal, "s3://models/net", endpoint="http://store.invalid"))
    assert (fault.reason, "does not resolve" in fault.message) == ("Unreachable", True), fault.message


def test_secrets_are_in_nothing_that_is_said(
    s3: S3, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    folder, log = folder_of(tmp_path / "secret", {n: v.encode() for n, v in SECRET.items()}), tmp_path / "log"
    for uri in ("s3://models/net", "s3://nowhere/net"):
        log.touch()
        arguments = ["--uri", uri, "--into", str(tmp_path / "goal" / "model"), "--credentials", str(folder)]
        fetch.main([*arguments, "--endpoint", s3.endpoint, "--region", "us-east-1"], log)
        told = json.dumps([vars(record) for record in caplog.records], default=str) + log.read_text()
        told += "".join(p.read_text() for p in (tmp_path / "goal").glob(".*") if p.is_file())
        told += "".join(capfd.readouterr())
        assert "S3CRET" not in told
    assert json.loads(log.read_text())["reason"] == "NotFound"
