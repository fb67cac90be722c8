"""A folder on a volume is copied with what its links name, as far as they may lead."""

from dataclasses import replace
from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.model import files

from tests.serving_image.support.models.model_builders import LEGACY_MODEL, folder_of, tree

MODEL = LEGACY_MODEL | {"labels.txt": b"cat\ndog\n", "inference.yml": b"Global: {}"}


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "model"


def options(goal: Path, uri: str, digest: str | None = None) -> Options:
    return Options(uri=uri, into=goal, digest=digest)


def refused(options: Options) -> StartError:
    with pytest.raises(StartError) as caught:
        fetch.fetch(options)
    assert list(options.into.parent.iterdir()) == []
    return caught.value


def test_a_folder_is_copied_and_its_digest_is_the_documented_one(goal: Path, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "My Model", MODEL | {"sub/notes.txt": b"n"})
    fetched = fetch.fetch(options(goal, (tmp_path / "My%20Model").as_uri().replace("%25", "%")))
    assert tree(goal) == tree(source)
    assert fetched.digest == files.digest(source)


def test_the_model_below_a_named_folder_is_found(goal: Path, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "claim", {f"resnet/3/{name}": content for name, content in MODEL.items()})
    fetched = fetch.fetch(options(goal, source.as_uri()))
    assert tree(goal) == MODEL
    assert fetched.digest == files.digest(source)


def test_links_inside_a_folder_are_followed_and_links_out_of_it_are_refused(
    goal: Path, tmp_path: Path
) -> None:
    source = folder_of(tmp_path / "m", {f"..data/{name}": content for name, content in MODEL.items()})
    for name in MODEL:
        (source / name).symlink_to(f"..data/{name}")
    fetched = fetch.fetch(options(goal, source.as_uri()))
    assert fetched.digest == files.digest(source)  # what `inspect` prints
    assert (goal / "inference.pdmodel").read_bytes() == MODEL["inference.pdmodel"]
    assert not (goal / "inference.pdmodel").is_symlink()
    (tmp_path / "secret").write_text("s")
    (source / "labels2.txt").symlink_to(tmp_path / "secret")
    other = tmp_path / "other" / "model"
    other.parent.mkdir()
    assert refused(options(other, source.as_uri())).reason == "UnsafeLink"


def test_a_snapshot_of_a_hugging_face_cache_is_served_where_links_may_lead_through_the_volume(
    goal: Path, tmp_path: Path
) -> None:
    repository = tmp_path / "volume" / "hub" / "models--me--net"
    snapshot = repository / "snapshots" / "0a1b"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for number, (name, content) in enumerate(MODEL.items()):
        (repository / "blobs" / str(number)).write_bytes(content)
        (snapshot / name).symlink_to(f"../../blobs/{number}")
    fault = refused(options(goal, snapshot.as_uri()))
    assert fault.reason == "UnsafeLink"
    assert "--root" in fault.message
    fetched = fetch.fetch(replace(options(goal, snapshot.as_uri()), root=tmp_path / "volume"))
    assert tree(goal) == MODEL
    assert fetched.digest == files.digest(snapshot, tmp_path / "volume")
    (tmp_path / "secret").write_text("s")
    (snapshot / "more").symlink_to("../../../../../secret")
    with pytest.raises(StartError, match="more is a link out of"):
        fetch.fetch(replace(options(goal, snapshot.as_uri(), "sha256:" + "0" * 64), root=tmp_path / "volume"))


def test_a_program_brings_its_parameters(goal: Path, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "m", MODEL | {"other.pdmodel": b"x"})
    fetched = fetch.fetch(options(goal, (source / "inference.pdmodel").as_uri()))
    assert set(tree(goal)) == {"inference.pdmodel", "inference.pdiparams"}
    two = {name: MODEL[name] for name in ("inference.pdmodel", "inference.pdiparams")}
    assert fetched.digest == files.digest(folder_of(tmp_path / "two", two))


def test_a_program_without_parameters_is_named(goal: Path, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "m", {"inference.pdmodel": MODEL["inference.pdmodel"]})
    assert refused(options(goal, (source / "inference.pdmodel").as_uri())).reason == "ParamsMissing"
