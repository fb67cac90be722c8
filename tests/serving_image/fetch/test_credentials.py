"""A Secret reaches the place that it is for, and no log, message or other host."""

import json
from pathlib import Path

import pytest
from paddlemodel_api import contract
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch import credentials

from tests.serving_image.support.file_server import Step, no_proxy, serving  # noqa: F401 - no_proxy is a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, tar_of, tree

SERVED = {"/m.tar": tar_of(LEGACY_MODEL)}


def secret(folder: Path, **values: str) -> Path:
    """As the kubelet mounts it: links through a hidden folder."""
    data = folder / "..2026_11_29"
    data.mkdir(parents=True)
    (folder / "..data").symlink_to(data.name)
    for name, value in values.items():
        key = name.replace("__", ".")
        (data / key).write_text(value)
        (folder / key).symlink_to(f"..data/{key}")
    return folder


def run(tmp_path: Path, uri: str, *more: str) -> tuple[int, dict[str, str]]:
    log = tmp_path / "termination-log"
    log.touch()
    code = fetch.main(["--uri", uri, "--into", str(tmp_path / "goal" / "model"), *more], log)
    return code, json.loads(log.read_text())


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ({"username": "me", "password": "S3CRET"}, "Basic bWU6UzNDUkVU"),
        ({"bearerToken": "S3CRET\n"}, "Bearer S3CRET"),
    ],
)
def test_a_secret_goes_to_the_first_server_and_to_no_other(
    tmp_path: Path, values: dict[str, str], header: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    folder = secret(tmp_path / "secret", **values)
    with serving(SERVED) as other, serving(SERVED) as server:
        server.plan.append(Step(status=302, headers={"Location": other.uri("/m.tar")}))
        code, report = run(tmp_path, server.uri("/m.tar"), "--credentials", str(folder))
    assert (code, tree(tmp_path / "goal" / "model")) == (0, LEGACY_MODEL)
    assert server.seen[0][1]["authorization"] == header
    assert "authorization" not in other.seen[0][1]
    output = json.dumps([vars(record) for record in caplog.records], default=str) + json.dumps(report)
    output += (tmp_path / "goal" / ".model.done").read_text()
    assert "S3CRET" not in output
    assert header.partition(" ")[2] not in output


def test_credentials_that_are_wrong_are_named_as_such(tmp_path: Path) -> None:
    folder = secret(tmp_path / "secret", bearerToken="S3CRET")
    with serving(SERVED, Step(status=401)) as server:
        code, report = run(tmp_path, server.uri("/m.tar"), "--credentials", str(folder))
    assert (code, report["reason"]) == (1, "NotAllowed")
    assert "to the credentials of the Secret: they are wrong, expired" in report["message"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"username": "S3CRET"},
            "the keys username, but http:// takes password and username, or bearerToken",
        ),
        ({"bearerToken": "S3CRET", "more": "S3CRET"}, "the keys bearerToken, more, but"),
        ({"bearerToken": " \n"}, "bearerToken is empty"),
    ],
)
def test_keys_that_do_not_fit_are_refused_by_name(tmp_path: Path, values: dict[str, str], said: str) -> None:
    folder = secret(tmp_path / "secret", **values)
    code, report = run(tmp_path, "http://127.0.0.1:1/m.tar", "--credentials", str(folder))
    assert (code, report["reason"]) == (1, "InvalidCredentials")
    assert said in report["message"]
    assert "S3CRET" not in report["message"]


def test_a_secret_that_does_not_exist_has_a_reason_that_the_operator_knows(tmp_path: Path) -> None:
    """Mounted as optional, it is an empty folder but for the links that Kubernetes makes."""
    folder = secret(tmp_path / "secret")
    code, report = run(tmp_path, "http://127.0.0.1:1/m.tar", "--credentials", str(folder))
    assert (code, report["reason"]) == (1, contract.CREDENTIALS_MISSING)


@pytest.mark.parametrize("what", ["nothing", "a file", "bytes"])
def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "secret"
    if what == "a file":
        folder.write_text("S3CRET")
    elif what == "bytes":
        folder.mkdir()
        (folder / "token").write_bytes(b"\xff\xfe")
    with pytest.raises(StartError) as caught:
        credentials.read(folder)
    assert caught.value.reason == "InvalidCredentials"


@pytest.mark.parametrize(
    "flags",
    [
        ("--endpoint", "http://store"),
        ("--region", "north"),
        ("--addressing", "Path"),
        ("--root", "/models"),
    ],
)
def test_a_flag_that_would_be_ignored_is_refused(tmp_path: Path, flags: tuple[str, str]) -> None:
    code, report = run(tmp_path, "http://127.0.0.1:1/m.tar", *flags)
    assert (code, report["reason"]) == (1, "UnusedOption")
    assert report["message"].startswith(f"http:// has no use for {flags[0]}; remove it")


def test_a_secret_for_a_folder_is_refused(tmp_path: Path) -> None:
    folder = secret(tmp_path / "secret", token="S3CRET")
    code, report = run(tmp_path, "file:///models", "--credentials", str(folder))
    assert (code, report["reason"]) == (1, "UnusedOption")
