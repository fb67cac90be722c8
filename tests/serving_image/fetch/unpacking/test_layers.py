"""Layers over each other are what a container runtime would show, whatever their order and marks."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.unpacking.layers import Layers

from tests.serving_image.support.models.model_builders import tar_of, tree

NAMES = st.sampled_from(["a", "b", "a/x", "a/y", "a/x/1", "b/x"])
MARKS = st.sampled_from([".wh.a", ".wh.b", "a/.wh.x", "a/.wh.y", "a/.wh..wh..opq", ".wh..wh..opq", "b/.wh.x"])
LAYER = st.dictionaries(st.one_of(NAMES, MARKS), st.binary(max_size=2), max_size=5).filter(
    lambda layer: not any(other.startswith(f"{name}/") for name in layer for other in layer)
)


def laid(folder: Path, *layers: bytes, max_bytes: int = 1 << 20) -> dict[str, bytes]:
    (folder / "tree").mkdir(parents=True)
    made = Layers(tree=folder / "tree", scratch=folder, max_bytes=max_bytes)
    for layer in layers:
        (folder / "packed").write_bytes(layer)
        made.add(folder / "packed")
    assert {path.name for path in folder.iterdir()} == {"tree", "packed"}
    return tree(folder / "tree")


def expected(layers: Sequence[Mapping[str, bytes]]) -> dict[str, bytes]:
    """By paths alone: a mark removes what is below a path, a file what is in its way."""
    shown: dict[str, bytes] = {}
    for layer in layers:
        gone = set()
        for path in layer:
            folder, _, name = path.rpartition("/")
            above = f"{folder}/" if folder else ""
            if name == ".wh..wh..opq":
                gone |= {old for old in shown if old.startswith(above)}
            elif name.startswith(".wh."):
                hidden = above + name.removeprefix(".wh.")
                gone |= {old for old in shown if old == hidden or old.startswith(f"{hidden}/")}
            # A folder that only holds a mark is a folder, too.
            parts = path.split("/")
            gone |= {old for old in shown for end in range(1, len(parts)) if old == "/".join(parts[:end])}
            if not name.startswith(".wh."):
                gone |= {old for old in shown if old.startswith(f"{path}/")}
        shown = {path: content for path, content in shown.items() if path not in gone}
        shown |= {path: content for path, content in layer.items() if ".wh." not in path}
    return shown


@given(layers=st.lists(LAYER, min_size=1, max_size=4), packed=st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_layers_are_laid_over_each_other(
    tmp_path_factory: pytest.TempPathFactory, layers: list[dict[str, bytes]], packed: bool
) -> None:
    folder = tmp_path_factory.mktemp("layers")
    content = [gzip.compress(tar_of(layer)) if packed else tar_of(layer) for layer in layers]
    assert laid(folder / "in", *content) == expected(layers)


def test_layers_share_the_limits(tmp_path: Path) -> None:
    """An archive may have 10,000 members and so many bytes; an image has no more."""
    many = tar_of({f"{number}.txt": b"" for number in range(6_000)})
    with pytest.raises(StartError, match="In layer 2 of the image: The archive has more than 4000 members"):
        laid(tmp_path / "members", many, many, max_bytes=1 << 30)
    big = tar_of({"big.bin": bytes(30_000)})
    with pytest.raises(
        StartError, match="In layer 2 of the image: The archive unpacks to more than"
    ) as caught:
        laid(tmp_path / "bytes", big, big, max_bytes=50_000)
    assert caught.value.reason == "TooLarge"


def test_a_file_after_a_layer_takes_the_place_of_what_is_there(tmp_path: Path) -> None:
    laid(tmp_path / "in", tar_of({"file": b"", "folder/x": b""}))
    layers = Layers(tree=tmp_path / "in/tree", scratch=tmp_path, max_bytes=1 << 20)
    layers.make_room(tmp_path / "in/tree/file/in it")
    assert (tmp_path / "in/tree/file").is_file()  # without a layer nobody is in the way
    (tmp_path / "packed").write_bytes(tar_of({}))
    layers.add(tmp_path / "packed")
    layers.make_room(tmp_path / "in/tree/file/in it")
    layers.make_room(tmp_path / "in/tree/folder")
    assert tree(tmp_path / "in/tree") == {}
