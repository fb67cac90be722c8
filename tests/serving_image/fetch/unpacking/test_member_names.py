"""Names of members as Windows, .NET and East Asia write them: unpacked where they belong, never outside."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paddlemodel_server.fetch.unpacking.archive import unpack
from paddlemodel_server.fetch.unpacking.member_names import place
from paddlemodel_server.model import files

from tests.serving_image.support.models.model_builders import LEGACY_MODEL, tree

# A folder of which a character's second byte is 0x5C, the backslash's.
EAST_ASIAN = [("表", "cp932"), ("ソフト", "cp932"), ("功能", "cp950"), ("許", "cp950"), ("俓", "gbk")]


def raw_zip(members: dict[bytes, bytes]) -> bytes:
    """A zip whose names are these bytes, with no word about their encoding."""
    names = {name: chr(ord("P") + number) * len(name) for number, name in enumerate(members)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(names[name], content)
    written = packed.getvalue()
    for name, stand_in in names.items():
        assert written.count(stand_in.encode()) == 2
        written = written.replace(stand_in.encode(), name)
    return written


def unpacked(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "archive").write_bytes(content)
    unpack(tmp_path / "archive", tmp_path / "tree")
    return tmp_path / "tree"


def test_a_zip_of_dotnet_is_unpacked_into_its_folders(tmp_path: Path) -> None:
    members = {f"net\\3\\{name}".encode(): content for name, content in LEGACY_MODEL.items()}
    made = unpacked(tmp_path, raw_zip({b"net\\": b"", b"net\\3\\": b"", **members}))
    assert tree(made) == {f"net/3/{name}": content for name, content in LEGACY_MODEL.items()}


@pytest.mark.parametrize(("folder", "codec"), EAST_ASIAN)
def test_a_zip_of_east_asian_windows_is_unpacked(tmp_path: Path, folder: str, codec: str) -> None:
    assert b"\\" in folder.encode(codec)
    members = {f"{folder}/{n}".encode(codec): content for n, content in LEGACY_MODEL.items()}
    made = unpacked(tmp_path, raw_zip(members))
    found, _ = files.find(made)
    assert (found.parent, tree(found)) == (made, LEGACY_MODEL)


@pytest.mark.parametrize(("folder", "codec"), EAST_ASIAN)
def test_with_backslashes_too_its_model_is_found(tmp_path: Path, folder: str, codec: str) -> None:
    """Where it cannot be told which is meant, no folder is made, and the names stay long."""
    members = {f"{folder}\\{n}".encode(codec): content for n, content in LEGACY_MODEL.items()}
    _, found = files.find(unpacked(tmp_path, raw_zip(members)))
    assert found.program.read_bytes() == LEGACY_MODEL["inference.pdmodel"]
    assert found.params.read_bytes() == LEGACY_MODEL["inference.pdiparams"]


TEXT = {
    "cp932": st.text(st.sampled_from("表ソ能十貼暴予ｱｶ漢字かなabc._-"), min_size=1, max_size=6),
    "gbk": st.text(st.sampled_from("俓嘰乗檒模型中文abc._-"), min_size=1, max_size=6),
    "cp950": st.text(st.sampled_from("功許蓋模型中文abc._-"), min_size=1, max_size=6),
    "cp949": st.text(st.sampled_from("모델한글뷁abc._-"), min_size=1, max_size=6),
}
NAMED = st.sampled_from(sorted(TEXT)).flatmap(
    lambda codec: st.tuples(st.just(codec), st.lists(TEXT[codec], min_size=1, max_size=4))
)


@given(named=NAMED)
@example(named=("cp932", ["表"]))
@example(named=("cp932", ["ｱ表", "inference.json"]))
def test_a_second_byte_is_never_a_separator(named: tuple[str, list[str]]) -> None:
    """The reference is the encoding itself, which the archive does not tell."""
    codec, parts = named
    parts = [part for part in parts if part not in {".", ".."}]
    found = place("/".join(parts).encode(codec), utf8=False)
    assert len(found.parts) == len(parts)


@given(parts=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4), utf8=st.booleans())
def test_backslashes_of_unicode_names_are_separators(parts: list[str], utf8: bool) -> None:
    text = "\\".join(parts)
    try:
        raw = text.encode()
        found = place(raw, utf8=utf8)
    except ValueError:
        return  # refused, or no text
    assert found.parts == tuple(p for p in text.replace("\\", "/").split("/") if p not in {"", "."})


@given(raw=st.binary(min_size=1, max_size=40), utf8=st.booleans())
@example(raw=b"\x95\\..\\..\\evil", utf8=False)
def test_any_bytes_stay_inside_or_are_refused(raw: bytes, utf8: bool) -> None:
    try:
        found = place(raw, utf8=utf8)
    except ValueError:
        return
    assert not {"", ".", ".."} & set(found.parts)
    assert not any("/" in part or "\0" in part for part in found.parts)
    assert all(os.fsencode(part) for part in found.parts)
