"""Nothing is deleted that fetch did not write, and nothing is replaced before the new model is whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.target import Target

from tests.serving_image.support.models.model_builders import LEGACY_MODEL, PIR_MODEL, folder_of, tree

THESIS = {"thesis.txt": b"years of work"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "store" / "net", LEGACY_MODEL)


def refused(uri: str, into: Path) -> str:
    with pytest.raises(StartError) as caught:
        fetch.fetch(Options(uri=uri, into=into))
    return caught.value.reason


@pytest.mark.parametrize("uri", ["file:///no/such/model", "ftp://no/such", "http://[", "SOURCE"])
def test_a_folder_of_somebody_s_is_left_alone(tmp_path: Path, source: Path, uri: str) -> None:
    mine = folder_of(tmp_path / "mine", THESIS)
    assert refused(source.as_uri() if uri == "SOURCE" else uri, mine) in {
        *("NotFound", "UnsupportedScheme", "InvalidUri", "TargetInTheWay"),
    }
    assert tree(mine) == THESIS
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "store"}


def test_the_working_folder_is_left_alone(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = folder_of(tmp_path / "mine", THESIS)
    monkeypatch.chdir(mine)
    assert refused(source.as_uri(), Path()) == "TargetInTheWay"
    assert tree(mine) == THESIS


@pytest.mark.parametrize(
    "into",
    [
        lambda source: source,
        lambda source: source.parent,
        lambda source: source / "below",
        lambda source: source.parent / "link",
    ],
    ids=["the source", "around it", "inside it", "a link to it"],
)
def test_a_target_that_overlaps_the_source_is_refused(source: Path, into: Callable[[Path], Path]) -> None:
    (source.parent / "link").symlink_to("net")
    assert refused(source.as_uri(), into(source)) == "TargetInTheWay"
    assert tree(source) == LEGACY_MODEL


@pytest.mark.parametrize("there", ["nothing", "an empty folder"])
def test_a_new_or_empty_folder_is_taken(tmp_path: Path, source: Path, there: str) -> None:
    goal = tmp_path / "models" / "net"
    if there == "an empty folder":
        goal.mkdir(parents=True)
    fetch.fetch(Options(uri=source.as_uri(), into=goal))
    assert tree(goal) == LEGACY_MODEL


def test_an_earlier_result_is_replaced_as_a_whole(tmp_path: Path, source: Path) -> None:
    goal, other = tmp_path / "goal", folder_of(tmp_path / "other", PIR_MODEL)
    fetch.fetch(Options(uri=source.as_uri(), into=goal))
    fetch.fetch(Options(uri=other.as_uri(), into=goal))
    assert tree(goal) == PIR_MODEL
    assert {path.name for path in tmp_path.iterdir()} == {"goal", ".goal.done", "other", "store"}


def test_an_earlier_result_stays_if_the_next_fails(tmp_path: Path, source: Path) -> None:
    goal, empty = tmp_path / "goal", folder_of(tmp_path / "empty", {"readme.md": b"no model"})
    fetch.fetch(Options(uri=source.as_uri(), into=goal))
    record = (tmp_path / ".goal.done").read_text()
    assert refused(empty.as_uri(), goal) == "NoModel"
    assert (tree(goal), (tmp_path / ".goal.done").read_text()) == (LEGACY_MODEL, record)


@pytest.mark.parametrize("change", ["added", "changed", "touched elsewhere"])
def test_an_earlier_result_with_something_of_somebody_s_is_left_alone(
    tmp_path: Path, source: Path, change: str
) -> None:
    goal, other = tmp_path / "goal", folder_of(tmp_path / "other", PIR_MODEL)
    fetch.fetch(Options(uri=source.as_uri(), into=goal))
    name = {"added": "notes/thesis.txt", "changed": "inference.pdmodel"}.get(change, "inference.pdiparams")
    (goal / name).parent.mkdir(exist_ok=True)
    (goal / name).write_bytes(b"years of work")
    before = tree(goal)
    assert refused(other.as_uri(), goal) == "TargetInTheWay"
    assert tree(goal) == before


def test_a_folder_that_only_looks_like_half_a_result_is_left_alone(tmp_path: Path, source: Path) -> None:
    mine = folder_of(tmp_path / ".goal.partial", THESIS)
    assert refused(source.as_uri(), tmp_path / "goal") == "TargetInTheWay"
    assert tree(mine) == THESIS


def test_a_file_is_no_target(tmp_path: Path, source: Path) -> None:
    (tmp_path / "mine").write_bytes(b"years of work")
    assert refused(source.as_uri(), tmp_path / "mine") == "TargetInTheWay"
    assert (tmp_path / "mine").read_bytes() == b"years of work"


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_crash_while_replacing_loses_nothing(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    goal, other = tmp_path / "goal", folder_of(tmp_path / "other", PIR_MODEL)
    fetch.fetch(Options(uri=source.as_uri(), into=goal))
    done: list[Path] = []
    rename = Path.rename

    def crash(path: Path, to: Path) -> Path:
        if len(done) == steps - 1:
            raise KeyboardInterrupt
        done.append(to)
        return rename(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        patch.setattr(Target, "_clear", lambda _: None)  # the process is gone
        with pytest.raises(KeyboardInterrupt):
            fetch.fetch(Options(uri=other.as_uri(), into=goal))
    assert refused("file:///no/such/model", goal) == "NotFound"
    with pytest.raises(StartError, match="program with its"):
        fetch.fetch(Options(uri=folder_of(tmp_path / "e", {"a": b""}).as_uri(), into=goal))
    fetched = fetch.fetch(Options(uri=source.as_uri(), into=goal))
    assert tree(goal) == LEGACY_MODEL
    assert json.loads((tmp_path / ".goal.done").read_text())["fetched"]["digest"] == fetched.digest
