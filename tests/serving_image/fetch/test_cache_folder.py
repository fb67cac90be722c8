"""A cache in a folder that holds other people's files: they stay, whatever they are called."""

import os
from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.cache import shared_folder

from tests.serving_image.fetch.test_cache import SERVED, models, options
from tests.serving_image.support.file_server import no_proxy, serving  # noqa: F401 - no_proxy is a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, folder_of, tree

OTHERS = {
    "models/resnet50/inference.pdiparams": b"years of work",
    "models/sha256-of-mine/notes.txt": b"mine",
    f"models/sha256-{'a' * 64}/thesis.txt": b"named as ours, and not ours",
    "models/readme": b"a file",
    "filling/forms/1.txt": b"mine, too",
    "index/about.json": b"{}",
    "locks/keys.txt": b"mine",
}


def test_what_the_cache_did_not_write_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that holds models already has a folder of that name, as like as not."""
    folder_of(tmp_path / "cache", OTHERS)
    for path in (tmp_path / "cache").rglob("*"):
        os.utime(path, (0, 0))  # long unused
    monkeypatch.setattr(shared_folder, "_FORGOTTEN", -1.0)
    with serving(SERVED) as server:
        for name in "abc":
            fetch.fetch(options(tmp_path, server.uri(f"/{name}.tar"), name, keep=1))
    held = tree(tmp_path / "cache")
    assert {path: held.get(path) for path in OTHERS} == OTHERS
    kept = models(tmp_path) - {path.split("/")[1] for path in OTHERS}
    assert len(kept) == 1


@pytest.mark.parametrize("cache", ["model", "model/cache", "."])
def test_the_cache_and_the_model_lie_apart(tmp_path: Path, cache: str) -> None:
    with serving(SERVED) as server, pytest.raises(StartError) as caught:
        fetch.fetch(options(tmp_path, server.uri("/m.tar"), cache=tmp_path / "pod" / cache))
    assert caught.value.reason == "TargetInTheWay"
    assert not (tmp_path / "pod").exists()


def test_a_folder_that_is_there_already_has_no_use_for_a_cache(tmp_path: Path) -> None:
    """As the API server says of it; and a cache in the source's folder would become a part of the model."""
    source = folder_of(tmp_path / "source", LEGACY_MODEL)
    with pytest.raises(StartError) as caught:
        fetch.fetch(options(tmp_path, f"file://{source}", cache=source))
    assert (caught.value.reason, "has no use for --cache" in caught.value.message) == ("UnusedOption", True)
    assert tree(source) == LEGACY_MODEL
