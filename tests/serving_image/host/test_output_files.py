"""Nothing of a person's is replaced, and a result is whole or not there."""

import os
from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.host import output_files


def starts_with_ours(path: Path) -> bool:
    return path.read_bytes().startswith(b"ours")


def save(path: Path, content: bytes) -> None:
    with output_files.file(path, starts_with_ours) as draft:
        draft.write_bytes(content)


@pytest.mark.parametrize("before", [None, b"", b"ours 1"])
def test_a_file_that_is_new_empty_or_ours_is_written(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "result.npz"
    if before is not None:
        path.write_bytes(before)
    save(path, b"ours 2")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"result.npz": b"ours 2"}
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_of_somebody_s_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "thesis.npz"
    path.write_bytes(b"years of work")
    with pytest.raises(StartError, match="is there already"):
        save(path, b"ours")
    assert path.read_bytes() == b"years of work"


def test_an_earlier_result_stays_if_the_next_fails(tmp_path: Path) -> None:
    path = tmp_path / "result.npz"
    save(path, b"ours 1")

    def fail() -> None:
        with output_files.file(path, starts_with_ours) as draft:
            draft.write_bytes(b"ours, ha")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"result.npz": b"ours 1"}


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path: Path) -> None:
    (tmp_path / "goal").write_bytes(b"ours 1")
    (tmp_path / "link").symlink_to("goal")
    save(tmp_path / "link", b"ours 2")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "goal").read_bytes() == b"ours 2"
    save(Path("/dev/null"), b"ours")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("before", ["nothing", "an empty folder"])
def test_a_folder_that_is_new_or_empty_is_filled(tmp_path: Path, before: str) -> None:
    goal = tmp_path / "a" / "model"
    if before == "an empty folder":
        goal.mkdir(parents=True)
    with output_files.folder(goal) as draft:
        (draft / "inference.json").touch()
        assert not goal.exists() or list(goal.iterdir()) == []
    assert [p.name for p in goal.iterdir()] == ["inference.json"]
    assert list(goal.parent.iterdir()) == [goal]


def test_a_folder_of_somebody_s_is_left_alone_even_if_it_comes_meanwhile(tmp_path: Path) -> None:
    goal = tmp_path / "model"

    def come_between() -> None:
        with output_files.folder(goal):
            goal.mkdir()
            (goal / "thesis").touch()

    with pytest.raises(OSError, match="not empty"):
        come_between()
    with pytest.raises(StartError, match="is there already"), output_files.folder(goal):
        pass
    assert [p.name for p in goal.iterdir()] == ["thesis"]
    assert list(tmp_path.iterdir()) == [goal]
