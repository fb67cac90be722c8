"""What comes out of an archive, and what never may."""

import bz2
import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.unpacking.archive import Limits, kind_of, unpack

from tests.serving_image.support.models.model_builders import LEGACY_MODEL, tar_of, tree, zip_of

MODEL = {f"top/{name}": content for name, content in LEGACY_MODEL.items()}


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_member(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def refused(tmp_path: Path, content: bytes, limits: Limits | None = None) -> StartError:
    archive = tmp_path / "archive"
    archive.write_bytes(content)
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with pytest.raises(StartError) as caught:
        unpack(archive, inside / "tree", limits)
    # whatever was in it: nothing outside the goal, and no links inside
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "a"}
    assert [path.name for path in inside.iterdir()] == ["tree"] or not any(inside.iterdir())
    assert not [path for path in inside.rglob("*") if path.is_symlink()]
    return caught.value


KINDS = {
    "tar": tar_of(MODEL),
    "tar.gz": tar_of(MODEL, compression="gz"),
    "tar.bz2": tar_of(MODEL, compression="bz2"),
    "zip": zip_of(MODEL),
}


def test_a_gzip_of_several_members_is_one_tar(tmp_path: Path) -> None:
    """As bgzip and parallel packers write it."""
    plain, archive = KINDS["tar"], tmp_path / "model.tar.gz"
    archive.write_bytes(b"".join(gzip.compress(plain[at : at + 700]) for at in range(0, len(plain), 700)))
    unpack(archive, tmp_path / "tree")
    assert tree(tmp_path / "tree") == MODEL


@pytest.mark.parametrize(("kind", "content"), KINDS.items(), ids=KINDS)
def test_the_kind_is_read_from_the_content_and_everything_comes_out(
    tmp_path: Path, kind: str, content: bytes
) -> None:
    archive = tmp_path / "model.dat"
    archive.write_bytes(content)
    assert kind_of(archive) == kind
    unpack(archive, tmp_path / "tree")
    assert tree(tmp_path / "tree") == MODEL


def test_permissions_and_workers_of_the_archive_are_not_taken_over(tmp_path: Path) -> None:
    info = member("tool")
    info.mode, info.uid = 0o4777, 4711
    (tmp_path / "archive").write_bytes(tar_of({}, info))
    unpack(tmp_path / "archive", tmp_path / "tree")
    made = (tmp_path / "tree" / "tool").stat()
    assert stat.S_IMODE(made.st_mode) & 0o7133 == 0
    assert made.st_uid == tmp_path.stat().st_uid


def test_names_with_dots_and_folders_are_unpacked(tmp_path: Path) -> None:
    content = tar_of({"./m/inference.json": b"1", "m/./labels.txt": b"2"}, member("./", tarfile.DIRTYPE))
    (tmp_path / "archive").write_bytes(content)
    unpack(tmp_path / "archive", tmp_path / "tree")
    assert tree(tmp_path / "tree") == {"m/inference.json": b"1", "m/labels.txt": b"2"}


UNSAFE = {
    "tar: parent": tar_of({"../evil": b"x"}),
    "tar: parent in the middle": tar_of({"a/../../../evil": b"x"}),
    "tar: absolute": tar_of({"/tmp/evil": b"x"}),
    "tar: parent folder": tar_of({}, member("../evil", tarfile.DIRTYPE)),
    "tar: symbolic link": tar_of({}, member("link", tarfile.SYMTYPE, "/etc")),
    "tar: inner symbolic link": tar_of({"a": b"x"}, member("link", tarfile.SYMTYPE, "a")),
    "tar: hard link": tar_of({"a": b"x"}, member("link", tarfile.LNKTYPE, "a")),
    "tar: character device": tar_of({}, member("null", tarfile.CHRTYPE)),
    "tar: block device": tar_of({}, member("disk", tarfile.BLKTYPE)),
    "tar: pipe": tar_of({}, member("pipe", tarfile.FIFOTYPE)),
    "tar: twice": tar_of({"a": b"x"}, member("a")),
    "tar: a file as a folder": tar_of({"a": b"x", "a/b": b"x"}),
    "tar: a folder as a file": tar_of({"a/b": b"x", "a": b"x"}),
    "tar: name too long": tar_of({"a" * 300: b"x"}),
    "tar: control character": tar_of({"a\nb": b"x"}),
    "tar: endless name": tar_of({"a" * (2 << 20): b"x"}),
    "zip: parent": zip_of({"../evil": b"x"}),
    "zip: absolute": zip_of({"/tmp/evil": b"x"}),
    "zip: backslash": zip_of({"..\\evil": b"x"}),
    "zip: backslashes, absolute": zip_of({"\\\\host\\evil": b"x"}),
    "zip: backslashes, a drive": zip_of({"C:\\evil": b"x"}),
    "tar: backslash": tar_of({"a\\..\\..\\evil": b"x"}),
    "zip: symbolic link": zip_of({}, zip_member("link", stat.S_IFLNK | 0o777)),
    "zip: device": zip_of({}, zip_member("null", stat.S_IFCHR | 0o666)),
    "zip: a file as a folder": zip_of({"a": b"x", "a/b": b"x"}),
}


@pytest.mark.parametrize("content", UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_archive_is_refused_and_touches_nothing(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content).reason == "UnsafeArchive"


def test_a_zip_name_is_judged_beyond_a_zero_byte(tmp_path: Path) -> None:
    content = zip_of({"good_name": b"x"}).replace(b"good_name", b"goo\0/../a")
    assert refused(tmp_path, content).reason == "UnsafeArchive"


def gzip_bomb() -> bytes:
    return gzip.compress(tar_of({"zeros": bytes(3 << 20)}))


SMALL = Limits(max_bytes=1 << 20, ratio_from=1 << 18, max_members=20)
BOMBS = {
    "size": (tar_of({"a": bytes(2 << 20)}), Limits(max_bytes=1 << 20), "TooLarge"),
    "zip size": (zip_of({"a": bytes(2 << 20)}), Limits(max_bytes=1 << 20), "TooLarge"),
    "gzip ratio": (gzip_bomb(), Limits(ratio_from=1 << 18), "UnsafeArchive"),
    "bzip2 ratio": (bz2.compress(tar_of({"a": bytes(3 << 20)})), Limits(ratio_from=1 << 18), "UnsafeArchive"),
    "zip ratio": (zip_of({"a": bytes(3 << 20)}), Limits(ratio_from=1 << 18), "UnsafeArchive"),
    "gzip after the tar": (
        gzip.compress(tar_of({"a": b"x"}) + bytes(3 << 20)),
        Limits(ratio_from=1 << 18),
        "UnsafeArchive",
    ),
    "tar members": (tar_of({str(n): b"" for n in range(30)}), SMALL, "UnsafeArchive"),
    "zip members": (zip_of({str(n): b"" for n in range(30)}), SMALL, "UnsafeArchive"),
}


@pytest.mark.parametrize(("content", "limits", "reason"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_defused(tmp_path: Path, content: bytes, limits: Limits, reason: str) -> None:
    assert refused(tmp_path, content, limits).reason == reason
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert written <= len(content) + (2 << 20)


def test_a_sparse_member_is_refused(tmp_path: Path) -> None:
    info = member("sparse", tarfile.GNUTYPE_SPARSE)
    assert refused(tmp_path, tar_of({}, info)).reason == "UnsafeArchive"


def encrypted_zip() -> bytes:
    content = bytearray(zip_of({"a": b"x"}))
    content[6] |= 1  # the flag in the local header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    return bytes(content)


DAMAGED = {
    "empty": (b"", "NotAnArchive"),
    "a web page": (b"<!doctype html><title>Sign in</title>", "NotAnArchive"),
    "text": (b"hello\n" * 200, "NotAnArchive"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), "NotAnArchive"),
    "xz": (b"\xfd7zXZ\x00" + bytes(600), "NotAnArchive"),
    "half a tar": (tar_of({"a": bytes(5000)})[:3000], "DamagedArchive"),
    "half a tar.gz": (KINDS["tar.gz"][:-20], "DamagedArchive"),
    "half a tar.bz2": (KINDS["tar.bz2"][:-20], "DamagedArchive"),
    "half a zip": (KINDS["zip"][:-20], "DamagedArchive"),
    "gzip of something else": (gzip.compress(b"hello" * 1000), "DamagedArchive"),
    "a wrong checksum": (KINDS["tar.gz"][:-8] + bytes(4) + KINDS["tar.gz"][-4:], "DamagedArchive"),
    "bad bzip2": (b"BZh9" + bytes(600), "DamagedArchive"),
    "encrypted": (encrypted_zip(), "EncryptedArchive"),
}


@pytest.mark.parametrize(("content", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_a_broken_archive_is_named_with_its_cure(tmp_path: Path, content: bytes, reason: str) -> None:
    fault = refused(tmp_path, content)
    assert fault.reason == reason
    assert ";" in fault.message


def test_an_empty_tar_unpacks_to_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar_of({}))
    unpack(tmp_path / "archive", tmp_path / "tree")
    assert list((tmp_path / "tree").iterdir()) == []


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "archive").write_bytes(KINDS["tar"])
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space"):
        unpack(tmp_path / "archive", tmp_path / "tree")


def fault_of(archive: Path, into: Path) -> StartError | None:
    try:
        unpack(archive, into)
    except StartError as error:
        return error
    return None


NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40),
    st.lists(st.sampled_from(["..", ".", "", "a", "ä", "語", "-rf", "~", "a b", "C:", "\\"]), min_size=1).map(
        "/".join
    ),
).filter(bool)


@given(name=NAMES, as_zip=st.booleans())
@example(name="語/inference.json", as_zip=True)
@example(name="語/inference.json", as_zip=False)
@settings(max_examples=150)
def test_any_name_stays_inside_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, as_zip: bool
) -> None:
    root = tmp_path_factory.mktemp("any")
    archive = root / "archive"
    archive.write_bytes(zip_of({name: b"x"}) if as_zip else tar_of({name: b"x"}))
    fault = fault_of(archive, root / "tree")
    if fault:
        assert fault.reason in {"UnsafeArchive", "DamagedArchive"}
    else:
        assert list(tree(root / "tree").values()) in ([b"x"], [])
        if not as_zip and not name.endswith(("/", "\\")):
            assert tree(root / "tree") == {str(PurePosixPath(name.replace("\\", "/"))): b"x"}
    assert {path.name for path in root.iterdir()} <= {"archive", "tree"}


@given(noise=st.binary(max_size=600), at=st.integers(0, 2000), kind=st.sampled_from(sorted(KINDS)))
@settings(max_examples=150)
def test_damaged_bytes_never_escape_as_another_exception(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int, kind: str
) -> None:
    root = tmp_path_factory.mktemp("noise")
    content = io.BytesIO(KINDS[kind])
    content.seek(at % len(KINDS[kind]))
    content.write(noise)
    (root / "archive").write_bytes(content.getvalue())
    fault = fault_of(root / "archive", root / "tree")
    assert fault is None or fault.message.isprintable()
    assert {path.name for path in root.iterdir()} <= {"archive", "tree"}
