"""`fetch --check` says which revision a URI names, as the fetch itself would, and downloads nothing."""

import json
from pathlib import Path

import pytest
from paddlemodel_server.fetch import command as fetch

from tests.serving_image.support.file_server import Step, no_proxy, serving  # noqa: F401 - no_proxy is a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, folder_of, tar_of

SERVED = {"/m.tar": tar_of(LEGACY_MODEL)}


def run(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, str]]:
    log = tmp_path / "termination-log"
    log.touch()
    code = fetch.main(arguments, log)
    return code, json.loads(log.read_text())


def test_a_check_names_the_revision_that_a_fetch_reports(tmp_path: Path) -> None:
    goal = str(tmp_path / "goal" / "model")
    with serving(SERVED) as server:
        _, fetched = run(tmp_path, "--uri", server.uri("/m.tar"), "--into", goal)
        checked = run(tmp_path, "--uri", server.uri("/m.tar"), "--check")
        server.plan.append(Step(etag='"v2"'))
        changed = run(tmp_path, "--uri", server.uri("/m.tar"), "--check")
    assert checked == (0, {"revision": fetched["revision"]})
    assert changed == (0, {"revision": "v2"})


def test_a_folder_has_a_revision_that_changes_with_any_of_its_files(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "m", LEGACY_MODEL)
    _, fetched = run(tmp_path, "--uri", source.as_uri(), "--into", str(tmp_path / "goal" / "model"))
    _, checked = run(tmp_path, "--uri", source.as_uri(), "--check")
    (source / "labels.txt").write_text("cat")
    _, changed = run(tmp_path, "--uri", source.as_uri(), "--check")
    assert checked["revision"] == fetched["revision"] != changed["revision"]


def test_a_server_that_tells_nothing_is_named(tmp_path: Path) -> None:
    with serving(SERVED, Step(etag=None)) as server:
        code, report = run(tmp_path, "--uri", server.uri("/m.tar"), "--check")
    assert (code, report["reason"]) == (1, "NoRevision")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--check", "--into", "/models/m"),
        ("--check", "--cache", "/cache"),
        ("--check", "--digest", "sha256:00"),
        ("--into", "/models/m", "--keep", "2"),
        ("--into", "/models/m", "--cache", "/cache", "--keep", "0"),
        (),
    ],
)
def test_flags_that_contradict_each_other_are_refused(
    tmp_path: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        fetch.main(["--uri", "file:///m", *arguments], tmp_path / "log")
    assert caught.value.code == 2
    assert "--" in capsys.readouterr().err
