"""A folder becomes an image whose digest depends on nothing but the files."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.commands import image_layout, pack
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files

from tests.serving_image.support.models.model_builders import LEGACY_MODEL, PIR_MODEL, folder_of

NESTED = {f"net/{name}": content for name, content in PIR_MODEL.items()} | {"标签/labels.txt": b"cat\n"}


class Image:
    """A layout in one tar, read with nothing of ours."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path) as tar:
            self.members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        self.index = json.loads(self.members["index.json"])
        (self.named,) = self.index["manifests"]
        self.manifest = json.loads(self.blob(self.named))
        self.config = json.loads(self.blob(self.manifest["config"]))
        self.layers = [gzip.decompress(self.blob(layer)) for layer in self.manifest["layers"]]

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        content = self.members["blobs/" + descriptor["digest"].replace(":", "/")]
        assert descriptor["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert descriptor["size"] == len(content)
        return content

    def headers(self) -> list[list[tarfile.TarInfo]]:
        return [tarfile.open(fileobj=io.BytesIO(layer)).getmembers() for layer in self.layers]

    def content(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for layer in self.layers:
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                found |= {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
        return found


def packed(tmp_path: Path, content: dict[str, bytes], *arguments: str) -> Image:
    folder = folder_of(tmp_path / "model", content)
    assert pack.main([str(folder), "--output", str(tmp_path / "model.tar"), *arguments]) == 0
    return Image(tmp_path / "model.tar")


def test_an_image_holds_the_files_and_says_what_it_is(tmp_path: Path) -> None:
    image = packed(tmp_path, NESTED)
    assert json.loads(image.members["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert image.named["mediaType"] == image.manifest["mediaType"] == image_layout.MANIFEST
    assert image.content() == NESTED
    assert (image.config["os"], image.config["architecture"]) == ("linux", "amd64")
    assert image.config["rootfs"] == {
        "type": "layers",
        "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in image.layers],
    }


def test_owners_modes_and_times_are_fixed_and_folders_are_there_for_everybody(tmp_path: Path) -> None:
    (members,) = packed(tmp_path, NESTED).headers()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}
    assert {m.name: oct(m.mode) for m in members if m.isdir()} == {"net": "0o755", "标签": "0o755"}
    assert {oct(m.mode) for m in members if m.isfile()} == {"0o644"}


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "first", NESTED)
    second = folder_of(tmp_path / "elsewhere" / "second", dict(reversed(NESTED.items())))
    for path in second.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    moved = (second / "net" / "inference.pdiparams").rename(tmp_path / "blob")  # as in Hugging Face's cache
    (second / "net" / "inference.pdiparams").symlink_to(moved)
    for folder in (first, second):
        pack.pack(folder, tmp_path / f"{folder.name}.tar")
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()


def test_the_digest_is_the_same_on_every_machine_and_python(tmp_path: Path) -> None:
    """If this has to change, every image that was packed before gets another digest: say so."""
    image = packed(tmp_path, LEGACY_MODEL)
    assert image.named["digest"] == "sha256:aedf9a51fbaf18245203b3a53aa55898673d04394abfb264ed7711e64ed2457f"


def test_it_prints_what_pins_the_image_and_what_pins_the_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = packed(tmp_path, NESTED, "--json")
    assert json.loads(capsys.readouterr().out) == {
        "digest": image.named["digest"],
        "content": files.digest(tmp_path / "model"),
        "files": 3,
        "layers": image.manifest["layers"],
    }
    pack.main([str(tmp_path / "model"), "-o", str(tmp_path / "model.tar")])
    assert image.named["digest"] in capsys.readouterr().out


def test_a_name_is_for_programs_that_import_and_changes_no_digest(tmp_path: Path) -> None:
    plain = packed(tmp_path, LEGACY_MODEL).named["digest"]
    named = packed(tmp_path, LEGACY_MODEL, "--name", "registry.example.com:5000/models/net:v1").named
    assert named["digest"] == plain
    assert named["annotations"] == {
        "io.containerd.image.name": "registry.example.com:5000/models/net:v1",
        "org.opencontainers.image.ref.name": "v1",
    }


def test_a_big_file_is_a_layer_that_stays_when_others_change(tmp_path: Path) -> None:
    big = {"net/big.bin": bytes(16 << 20), **NESTED}
    before = packed(tmp_path, big).manifest["layers"]
    after = packed(tmp_path, big | {"标签/labels.txt": b"dog\n"}).manifest["layers"]
    assert [len(before), before[1]] == [2, after[1]]
    assert before[0] != after[0]


@given(
    sizes=st.dictionaries(st.text("abc/", min_size=1), st.sampled_from([0, 1, 16 << 20, 9 << 30]), min_size=1)
)
def test_every_file_is_in_one_layer(sizes: dict[str, int]) -> None:
    layers = image_layout.layers_of(sizes)
    assert sorted(name for names in layers for name in names) == sorted(sizes)
    assert all(names == sorted(names) for names in layers)


def test_no_more_layers_than_a_node_can_mount() -> None:
    layers = image_layout.layers_of({f"{number:03}": (16 << 20) + number for number in range(150)})
    assert len(layers) == 100
    assert layers[0] == [f"{number:03}" for number in range(51)]  # the smallest of the big ones


@given(pieces=st.lists(st.integers(0, 200_000), max_size=4))
def test_a_gzip_file_of_stored_blocks_is_one(pieces: list[int]) -> None:
    goal = io.BytesIO()
    stored = image_layout._Stored(goal)
    content = [os.urandom(size) for size in pieces]
    for piece in content:
        stored.write(piece)
    stored.end()
    assert gzip.decompress(goal.getvalue()) == b"".join(content)


def test_a_layer_of_more_than_8_gib_has_a_head_of_one_block_too() -> None:
    head = image_layout._Layout(io.BytesIO())._head("blobs/sha256/" + 64 * "f", 9 << 30)
    assert len(head) == tarfile.BLOCKSIZE
    assert tarfile.TarInfo.frombuf(head, "utf-8", "strict").size == 9 << 30


REFUSED: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({"README.md": b""}, "NoModel"),
    "half a model": ({"inference.pdmodel": LEGACY_MODEL["inference.pdmodel"]}, "ParamsMissing"),
    "two models": ({f"{a}/{n}": c for a in "ab" for n, c in PIR_MODEL.items()}, "SeveralModels"),
    "other parameters": ({**PIR_MODEL, "inference.pdiparams": b"x" * 80}, "NotParameters"),
    "a name that removes files": ({**PIR_MODEL, ".wh.labels.txt": b""}, "UnsafeName"),
    "a backslash": ({**PIR_MODEL, "a\\b": b""}, "UnsafeName"),
    "a line break": ({**PIR_MODEL, "a\nb": b""}, "UnsafeName"),
    "no UTF-8": ({**PIR_MODEL, "\udcff": b""}, "UnsafeName"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_would_be_no_model_is_refused(tmp_path: Path, content: dict[str, bytes], reason: str) -> None:
    folder = folder_of(tmp_path / "model", content)
    with pytest.raises(StartError) as caught:
        pack.pack(folder, tmp_path / "model.tar")
    assert caught.value.reason == reason
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_not_there_and_a_tar_in_the_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="name the model's folder"):
        pack.pack(tmp_path / "absent", tmp_path / "model.tar")
    folder = folder_of(tmp_path / "model", PIR_MODEL)
    with pytest.raises(StartError, match="name another place"):
        pack.pack(folder, folder / "model.tar")


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path / "model", PIR_MODEL)
    add = tarfile.TarFile.addfile

    def disturbed(tar: tarfile.TarFile, info: tarfile.TarInfo, fileobj: Any = None) -> None:
        add(tar, info, fileobj)
        with (folder / "inference.pdiparams").open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(tarfile.TarFile, "addfile", disturbed)
    with pytest.raises(StartError, match=r"inference\.pdiparams changed while it was packed"):
        pack.pack(folder, tmp_path / "model.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_name_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        pack.main([str(tmp_path), "-o", "m.tar", "--name", "https://example.com/x"])
    assert caught.value.code == 2
    assert "not a name of an image" in capsys.readouterr().err
