"""The seam: a new scheme is one source in the table, and everything else works with it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy
from paddlemodel_server.fetch.sources import SOURCES
from paddlemodel_server.fetch.sources.source import (
    File,
    Listing,
    Part,
    Reading,
    Request,
    Takes,
    TryAgainError,
)
from paddlemodel_server.fetch.transfer import Courier
from paddlemodel_server.model import files

from tests.serving_image.support.models.model_builders import LEGACY_MODEL, folder_of, tar_of, tree

QUICK = RetryPolicy(first_pause=0.001)


@dataclass
class Toy:
    """A store in memory that breaks off once in every file, half way."""

    held: dict[str, bytes]
    asked: list[Part] = field(default_factory=list)

    takes = Takes()
    parallel = False

    def listing(self, request: Request) -> Listing:
        return Listing(files=[File(path=path) for path in self._paths(request)])

    def _paths(self, request: Request) -> Sequence[str]:
        key = request.uri.removeprefix("toy://")
        if key in self.held:
            return [""]
        return [name.removeprefix(f"{key}/") for name in self.held if name.startswith(f"{key}/")]

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        self.asked.append(part)
        key = request.uri.removeprefix("toy://")
        content = self.held[f"{key}/{part.path}" if part.path else key]
        begin = part.offset if part.validator == "v1" else 0
        yield Reading(chunks=self._chunks(content, begin), offset=begin, size=len(content), validator="v1")

    def _chunks(self, content: bytes, begin: int) -> Iterator[bytes]:
        if begin:
            yield content[begin:]
            return
        yield content[: len(content) // 2 + 1]
        raise TryAgainError("the toy fell down")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    held = {f"shelf/net/{name}": content for name, content in LEGACY_MODEL.items()}
    made = Toy(held | {"shelf/net.tar.gz": tar_of(LEGACY_MODEL, compression="gz")})
    monkeypatch.setitem(SOURCES, "toy", made)
    return made


def test_a_folder_of_a_new_scheme_is_fetched_and_its_digest_is_that_of_any_folder(
    toy: Toy, tmp_path: Path
) -> None:
    fetched = fetch.fetch(Options(uri="toy://shelf/net", into=tmp_path / "goal", retries=QUICK))
    assert tree(tmp_path / "goal") == LEGACY_MODEL
    assert fetched.digest == files.digest(folder_of(tmp_path / "same", LEGACY_MODEL))
    assert [part.offset > 0 for part in toy.asked] == [False, True] * len(LEGACY_MODEL)


def test_an_archive_of_a_new_scheme_is_unpacked(toy: Toy, tmp_path: Path) -> None:
    fetched = fetch.fetch(Options(uri="toy://shelf/net.tar.gz", into=tmp_path / "goal", retries=QUICK))
    assert tree(tmp_path / "goal") == LEGACY_MODEL
    (tmp_path / "same").write_bytes(toy.held["shelf/net.tar.gz"])
    assert fetched.digest == files.digest(tmp_path / "same")


def test_a_single_file_of_a_new_scheme_goes_on_where_it_broke_off(toy: Toy, tmp_path: Path) -> None:
    request = Request(uri="toy://shelf/net.tar.gz")
    brought = Courier(source=toy, request=request, retries=QUICK).bring(
        File(path=""), tmp_path / "file", 1 << 20
    )
    content = toy.held["shelf/net.tar.gz"]
    assert (tmp_path / "file").read_bytes() == content
    assert brought.digest == files.digest(tmp_path / "file")
    assert toy.asked == [
        Part(path=""),
        Part(path="", offset=len(content) // 2 + 1, validator="v1"),
    ]
