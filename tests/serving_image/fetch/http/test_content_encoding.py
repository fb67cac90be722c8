"""Servers that pack an archive on the way, or say so, although the fetcher asks them not to."""

import gzip
import hashlib
from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.command import Options

from tests.serving_image.support.file_server import Step, no_proxy, serving  # noqa: F401 - no_proxy is a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, tar_of, tree, zip_of

SERVED = {
    "/m.tar.gz": tar_of(LEGACY_MODEL, compression="gz"),
    "/m.tar": tar_of(LEGACY_MODEL),
    "/m.zip": zip_of(LEGACY_MODEL),
}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("label", ["x-gzip", "gzip", "identity", ""])
def test_an_archive_that_is_labelled_as_packed_but_is_not_works(tmp_path: Path, label: str) -> None:
    """Apache's AddEncoding: `.tgz` with Content-Encoding: x-gzip, and the bytes of the file."""
    with serving(SERVED, Step(headers={"Content-Encoding": label})) as server:
        uri, digest = server.uri("/m.tar.gz"), digest_of(SERVED["/m.tar.gz"])
        fetched = fetch.fetch(Options(uri=uri, into=tmp_path / "model", digest=digest))
    assert (tree(tmp_path / "model"), fetched.digest) == (LEGACY_MODEL, digest)


@pytest.mark.parametrize(
    ("path", "digest", "reason"),
    [
        ("/m.zip", None, "DamagedArchive"),
        ("/m.tar.gz", None, "DamagedArchive"),
        ("/m.tar", digest_of(SERVED["/m.tar"]), "DigestMismatch"),
    ],
)
def test_an_archive_that_was_packed_on_the_way_is_refused_by_the_headers_name(
    tmp_path: Path, path: str, digest: str | None, reason: str
) -> None:
    packed = {path: gzip.compress(SERVED[path])}
    with (
        serving(packed, Step(headers={"Content-Encoding": "gzip"})) as server,
        pytest.raises(StartError) as caught,
    ):
        fetch.fetch(Options(uri=server.uri(path), into=tmp_path / "model", digest=digest))
    assert caught.value.reason == reason
    said = "Content-Encoding: gzip, although it was asked not to pack it; switch that off"
    assert said in caught.value.message
