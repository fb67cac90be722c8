"""`oci://` against a real registry: images, artifacts, logins, and what is refused."""

import base64
import gzip
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from paddlemodel_server.commands import inspect, pack
from paddlemodel_server.model import files

from tests.serving_image.support.file_server import no_proxy  # noqa: F401 - a fixture
from tests.serving_image.support.hubs import registry as registries
from tests.serving_image.support.hubs.fetched import fetch, refused
from tests.serving_image.support.hubs.registry import INDEX, MANIFEST, PASSWORD, USER, Registry, Tokens
from tests.serving_image.support.models.model_builders import (
    LEGACY_MODEL,
    PIR_MODEL,
    folder_of,
    tar_of,
    tree,
)

LOGIN = {"username": USER, "password": PASSWORD}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def registry(place: Path) -> Iterator[Registry]:
    with registries.running(place) as running:
        yield running


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "model"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A goal where nothing was fetched before."""
    (tmp_path / "none").mkdir()
    return tmp_path / "none" / "model"


def pushed(registry: Registry, repository: str, packed: Path) -> str:
    """Push what `pack` wrote, blob by blob; the digest that the registry tells."""
    with tarfile.open(packed) as tar:
        held = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    (named,) = json.loads(held["index.json"])["manifests"]
    manifest = held[f"blobs/{named['digest'].replace(':', '/')}"]
    for name, content in held.items():
        if name.startswith("blobs/") and content != manifest:
            registry.put(repository, content)
    return registry.put_manifest(repository, "packed", manifest, MANIFEST)


def test_what_was_packed_and_pushed_comes_back(
    registry: Registry, goal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = PIR_MODEL | {"sub/labels.txt": b"cat\n", "big.bin": bytes(17 << 20)}
    folder = folder_of(tmp_path / "source", held)
    assert pack.main([str(folder), "-o", str(tmp_path / "model.tar"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert pushed(registry, "models/packed", tmp_path / "model.tar") == printed["digest"]
    pin = f"@{printed['digest']}"
    for named in (":packed", pin, f":moved{pin}"):
        fetched = fetch(f"oci://{registry.host}/models/packed{named}", goal)
        assert tree(goal) == held
        assert fetched.revision == printed["digest"]
        assert fetched.digest == printed["content"] == files.digest(folder)


def test_later_layers_replace_and_remove_what_earlier_ones_brought(registry: Registry, goal: Path) -> None:
    layers = [
        tar_of(
            {"old/inference.json": b"", "kept.txt": b"", "a/gone.txt": b"", "b/gone.txt": b"", "file": b""}
        ),
        gzip.compress(tar_of(PIR_MODEL | {".wh.old": b"", "a/.wh.gone.txt": b"", "a/new.txt": b"new"})),
        tar_of({"b/.wh..wh..opq": b"", "b/new.txt": b"new", "file/in it": b"", "kept.txt": b"changed"}),
    ]
    registry.image("models/layers", "1", layers)
    fetch(f"oci://{registry.host}/models/layers:1", goal)
    assert tree(goal) == PIR_MODEL | {
        "a/new.txt": b"new",
        "b/new.txt": b"new",
        "file/in it": b"",
        "kept.txt": b"changed",
    }


def test_files_of_an_artifact_have_their_names(registry: Registry, goal: Path, tmp_path: Path) -> None:
    held = LEGACY_MODEL | {"sub/labels.txt": b"cat\n"}
    digest = registry.artifact("models/artifact", "1", held)
    fetched = fetch(f"oci://{registry.host}/models/artifact:1", goal)
    assert tree(goal) == held
    assert fetched.revision == digest
    assert fetched.digest == files.digest(folder_of(tmp_path / "same", held))


def test_an_artifact_that_is_an_archive_is_unpacked(registry: Registry, goal: Path) -> None:
    registry.artifact("models/archive", "1", {"net.tar.gz": tar_of(LEGACY_MODEL, compression="gz")})
    fetch(f"oci://{registry.host}/models/archive:1", goal)
    assert tree(goal) == LEGACY_MODEL


def index_of(registry: Registry, repository: str, platforms: Mapping[str, str]) -> None:
    """An index, tagged `index`, of manifests that are there."""
    entries = [
        {
            "mediaType": MANIFEST,
            "digest": digest,
            "size": 1,
            "platform": dict(zip(("os", "architecture"), name.split("/"), strict=True)),
        }
        for name, digest in platforms.items()
    ]
    registry.tag(repository, "index", {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})


def test_an_index_leads_to_the_image_of_this_platform(
    registry: Registry, goal: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = registry.image("models/index", "ours", [tar_of(PIR_MODEL)])
    other = registry.image("models/index", "other", [tar_of(LEGACY_MODEL)])
    index_of(registry, "models/index", {"unknown/unknown": other, "linux/amd64": ours, "linux/s390x": other})
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    fetch(f"oci://{registry.host}/models/index:index", goal)
    assert tree(goal) == PIR_MODEL
    index_of(registry, "models/index", {"linux/s390x": other, "linux/arm64": other})
    error = refused(f"oci://{registry.host}/models/index:index", empty)
    assert error.reason == "UnsupportedImage"
    assert "for linux/arm64, linux/s390x, not for linux/amd64; push it for this platform" in error.message


def docker_config(registry: Registry, **more: object) -> dict[str, str]:
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    auths = {f"https://{registry.host}": {"auth": login}, "other.example.com": {"auth": "eDp5"}}
    return {".dockerconfigjson": json.dumps({"auths": auths | more})}


def test_a_registry_with_a_password(registry: Registry, place: Path, goal: Path, empty: Path) -> None:
    registry.artifact("models/secret", "1", PIR_MODEL)
    with registries.with_password(place) as guarded:
        uri = f"oci://{guarded.host}/models/secret:1"
        for secret in (LOGIN, docker_config(guarded)):
            fetch(uri, goal, credentials=secret)
            assert tree(goal) == PIR_MODEL
        assert "name a Secret with a login" in refused(uri, empty).message
        wrong = refused(uri, empty, credentials=LOGIN | {"password": "planted-wrong"})
        assert (wrong.reason, "wrong, expired" in wrong.message) == ("NotAllowed", True)


def test_a_registry_with_tokens(registry: Registry, place: Path, goal: Path, empty: Path) -> None:
    registry.image("models/tokens", "1", [tar_of(PIR_MODEL)])
    tokens = Tokens()
    with registries.with_tokens(place, tokens) as guarded:
        uri = f"oci://{guarded.host}/models/tokens:1"
        fetch(uri, goal, credentials=LOGIN)
        assert tree(goal) == PIR_MODEL
        assert {asked.query["scope"] for asked in tokens.seen} == {"repository:models/tokens:pull"}
        assert "name a Secret with a login" in refused(uri, empty).message
        assert refused(uri, empty, credentials=LOGIN | {"password": "planted-wrong"}).reason == "NotAllowed"


def test_a_token_for_everybody_needs_no_secret(registry: Registry, place: Path, goal: Path) -> None:
    registry.image("models/public", "1", [tar_of(PIR_MODEL)])
    with registries.with_tokens(place, Tokens(anonymous=True)) as guarded:
        fetch(f"oci://{guarded.host}/models/public:1", goal)
    assert tree(goal) == PIR_MODEL


def test_an_endpoint_is_a_mirror(registry: Registry, goal: Path) -> None:
    registry.image("models/mirrored", "1", [tar_of(PIR_MODEL)])
    fetch("oci://registry.invalid/models/mirrored:1", goal, f"http://{registry.host}/v2/")
    assert tree(goal) == PIR_MODEL


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


def device() -> tarfile.TarInfo:
    member = tarfile.TarInfo("zero")
    member.type = tarfile.CHRTYPE
    return member


HOSTILE = {
    "a climbing name": tar_of(PIR_MODEL | {"../evil": b""}),
    "an absolute name": tar_of(PIR_MODEL | {"/evil": b""}),
    "a symbolic link": tar_of(PIR_MODEL, link("bin", "/bin")),
    "a hard link": tar_of(PIR_MODEL, link("x", "inference.json", tarfile.LNKTYPE)),
    "a device": tar_of(PIR_MODEL, device()),
    "a mark that climbs": tar_of(PIR_MODEL | {"sub/.wh...": b""}),
    "a mark for the folder itself": tar_of(PIR_MODEL | {"sub/.wh..": b""}),
    "a mark for nothing": tar_of(PIR_MODEL | {".wh.": b""}),
    "a mark outside": tar_of(PIR_MODEL | {"../.wh.models": b""}),
    "a bomb": gzip.compress(bytes(100 << 20)),
    "no tar": b"<html>" * 100,
    "a tar of another kind": b"\x28\xb5\x2f\xfd" + bytes(100),
    "a tar that is cut off": gzip.compress(tar_of(PIR_MODEL))[:-20],
}


@pytest.mark.parametrize("layer", HOSTILE.values(), ids=HOSTILE)
def test_hostile_layers_are_refused(registry: Registry, goal: Path, layer: bytes) -> None:
    registry.image("models/hostile", "1", [tar_of({"labels.txt": b""}), layer])
    error = refused(f"oci://{registry.host}/models/hostile:1", goal)
    assert error.reason in {"UnsafeArchive", "NotAnArchive", "DamagedArchive"}
    assert error.message.startswith("In layer 2 of the image: ")


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a\0b", ""])
def test_hostile_titles_are_refused(registry: Registry, goal: Path, name: str) -> None:
    registry.artifact("models/titles", "1", PIR_MODEL | {name: b"x"})
    error = refused(f"oci://{registry.host}/models/titles:1", goal)
    assert error.reason in {"UnsafeListing", "UnexpectedAnswer"}


def test_a_blob_of_an_unknown_type_is_refused(registry: Registry, goal: Path) -> None:
    registry.image("models/type", "1", [tar_of(PIR_MODEL)], "application/vnd.example.layer.zstd")
    error = refused(f"oci://{registry.host}/models/type:1", goal)
    assert error.reason == "UnsupportedImage"
    assert re.search("type application/vnd.example.layer.zstd and has no name; .* pack", error.message)


def test_what_is_not_there_is_said_so(registry: Registry, goal: Path) -> None:
    registry.image("models/there", "1", [tar_of(PIR_MODEL)])
    for name in ("models/there:2", "models/there", "absent:1", f"models/there@sha256:{64 * '0'}"):
        error = refused(f"oci://{registry.host}/{name}", goal)
        assert error.reason == "NotFound"
        assert "or does not show it; correct the URI" in error.message


def test_inspect_reads_an_image(registry: Registry, tmp_path: Path) -> None:
    registry.image("models/inspected", "1", [tar_of(PIR_MODEL)])
    finding = inspect.inspect(f"oci://{registry.host}/models/inspected:1", tmp_path)
    assert finding.digest == files.digest(folder_of(tmp_path / "same", PIR_MODEL))
