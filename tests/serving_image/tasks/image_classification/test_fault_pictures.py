"""Pictures that are bombs, or broken at any byte."""

import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.serving_image.support import servers
from tests.serving_image.support.load import GROWTH, asked, footprint
from tests.serving_image.support.servers import Server

IMAGES = '{"imageClassification":{}}'


@pytest.fixture(scope="module")
def pictures(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pictures")
    with servers.serving(exported("legacy", "picture"), folder, name="picture", task=IMAGES) as running:
        yield running


def png(width: int, height: int, rows: bytes) -> bytes:
    """A grey PNG whose head promises a size, whatever its rows hold."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def test_pictures_that_are_bombs_or_broken(pictures: Server) -> None:
    """The head of a PNG promises what the server would have to reserve; zlib makes gigabytes of little."""
    good = png(40, 40, bytes(41 * 40))
    assert asked(pictures, "/predict", good, Content_Type="image/png")[0] == 200
    before = footprint(pictures)
    bombs = {
        "wide": png(2**31 - 1, 1, b""),
        "high": png(1, 2**31 - 1, b""),
        "square": png(30_000, 30_000, bytes(1 << 20)),
        "large": png(9_000, 9_000, bytes(9_001 * 9_000)),
        "none": png(0, 0, b""),
        "cut": good[: len(good) // 2],
        "head": good[:20],
        "jpeg-head": b"\xff\xd8\xff\xe0" + bytes(64),
        "webp-head": b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(64),
        "bmp-head": b"BM" + struct.pack("<IHHIIiiHH", 64, 0, 0, 54, 40, 2**30, -(2**30), 1, 24) + bytes(64),
        "nothing": b"",
    }
    for name, body in bombs.items():
        found, answer = asked(pictures, "/predict", body, Content_Type="image/png")
        assert found in {400, 413, 415}, (name, answer)
        assert set(answer) == {"error"}
    for at in range(8, len(good), 7):
        broken = bytearray(good)
        broken[at] ^= 0xFF
        assert asked(pictures, "/predict", bytes(broken), Content_Type="image/png")[0] in {200, 400}
    assert asked(pictures, "/predict", good, Content_Type="image/png")[0] == 200
    assert footprint(pictures).memory < before.memory + GROWTH
    assert '"trace"' not in pictures.logged()


def test_pictures_that_inflate_are_answered_and_their_memory_comes_back(pictures: Server) -> None:
    """Twenty-four kilobytes that become seventy megabytes, more of them at once than there are threads."""
    good = png(40, 40, bytes(41 * 40))
    assert asked(pictures, "/predict", good, Content_Type="image/png")[0] == 200
    before = footprint(pictures)
    inflating = png(4_900, 4_900, bytes(4_901 * 4_900))
    assert len(inflating) < 30_000
    with ThreadPoolExecutor(8) as threads:
        bodies = [inflating, good] * 4
        answers = threads.map(
            lambda body: asked(pictures, "/predict", body, Content_Type="image/png"), bodies
        )
        assert Counter(status for status, _ in answers) == {200: 8}
    assert footprint(pictures).memory < before.memory + GROWTH
