"""Bodies that come compressed: read, damaged, of several members, and bombs."""

import gzip
import os
import resource
import zlib

import pytest
from paddlemodel_server import protocol
from paddlemodel_server.errors import ServingError
from paddlemodel_server.protocol import INFER, content

from tests.serving_image.support.bodies import ENCODINGS, IDS, ON, X, body, parsed, served

SERVED = served()
FULL = body(X, IDS, ON)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_compressed_body_is_read(encoding: str) -> None:
    request = parsed(INFER, {"content-encoding": encoding}, ENCODINGS[encoding](FULL))
    assert request.arrays[0].tolist() == [[1, 2.5]]


# Without the time: these bytes become part of tests' names, which must be the same in every worker.
PACKED = gzip.compress(FULL, mtime=0)


@pytest.mark.parametrize(
    ("encoding", "text", "status", "message"),
    [
        ("gzip", FULL, 400, "The body is not gzip, as its Content-Encoding says, or is damaged."),
        ("gzip", PACKED[:-1], 400, "The gzip body is cut off: it ends before its end mark."),
        ("gzip", PACKED[:5], 400, "The gzip body is cut off: it ends before its end mark."),
        ("gzip", b"", 400, "The gzip body is cut off: it ends before its end mark."),
        ("gzip", PACKED + b"xy", 400, "The gzip body is followed by 2 bytes that are not part of it."),
        ("gzip", PACKED[:-8] + b"12345678", 400, "The body is not gzip, as its Content-Encoding says, or is"),
        ("deflate", zlib.compress(FULL)[2:-4], 400, "The body is not deflate, as its Content-Encoding says"),
        ("deflate", PACKED, 400, "The body is not deflate, as its Content-Encoding says, or is damaged."),
        ("br", FULL, 415, "The Content-Encoding is 'br'; accepted are gzip, deflate and identity."),
        ("gzip, gzip", PACKED, 415, "The Content-Encoding is 'gzip, gzip'; accepted are gzip, deflate"),
    ],
)
def test_a_damaged_or_unknown_compression_is_refused(
    encoding: str, text: bytes, status: int, message: str
) -> None:
    with pytest.raises(ServingError) as refusal:
        parsed(INFER, {"content-encoding": encoding}, text)
    assert refusal.value.status == status
    assert refusal.value.message.startswith(message)


def test_a_bomb_costs_no_memory() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 24)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 2 << 20
    assert protocol.is_heavy(protocol.read_head(SERVED, INFER, {"content-encoding": "deflate"}), 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ServingError) as refusal:
        content.inflated(bomb, "deflate", 1_000_000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024  # KiB, of the 1 GiB that it holds
    assert refusal.value.status == 413
    assert refusal.value.message == (
        f"The body of {len(bomb)} bytes is larger than the 1000000 bytes allowed once it is decompressed."
    )


CUT = [FULL[:1], b"", FULL[1:40], FULL[40:]]
MEMBERS = [gzip.compress(part, mtime=0) for part in CUT]


def test_a_gzip_body_of_several_members_is_read() -> None:
    """As `cat a.gz b.gz`, bgzip and some logging libraries make it."""
    request = parsed(INFER, {"content-encoding": "gzip"}, b"".join(MEMBERS))
    assert request.arrays[0].tolist() == [[1, 2.5]]
    large = [bytes(200_000), os.urandom(200_000), b"end"]
    assert content.inflated(b"".join(map(gzip.compress, large)), "gzip", 400_003) == b"".join(large)


@pytest.mark.parametrize(
    ("members", "status", "message"),
    [
        ([*MEMBERS[:3], MEMBERS[3][:-1]], 400, "The gzip body is cut off: it ends before its end mark."),
        (
            [*MEMBERS[:2], MEMBERS[2][:1]],
            400,
            "The gzip body is followed by 1 bytes that are not part of it.",
        ),
        ([*MEMBERS, b"\0" * 512], 400, "The gzip body is followed by 512 bytes that are not part of it."),
        ([*MEMBERS, b"\x1f\x8bxy"], 400, "The body is not gzip, as its Content-Encoding says, or is"),
        ([gzip.compress(bytes(900_000), mtime=0)] * 2, 413, "The body of "),
        ([MEMBERS[1]] * 10_001, 400, "The gzip body has more than 10000 members; compress it as one."),
    ],
    ids=["cut", "half a mark", "zeros", "a damaged one", "a bomb in parts", "too many"],
)
def test_members_are_held_to_what_one_is_held_to(members: list[bytes], status: int, message: str) -> None:
    with pytest.raises(ServingError) as refusal:
        content.inflated(b"".join(members), "gzip", 1_000_000)
    assert (refusal.value.status, refusal.value.message[: len(message)]) == (status, message)


def test_deflate_has_no_members() -> None:
    with pytest.raises(ServingError, match="deflate body is followed by"):
        content.inflated(zlib.compress(b"a") * 2, "deflate", 10)


def test_the_limit_itself_is_allowed() -> None:
    assert content.inflated(gzip.compress(bytes(400)) + gzip.compress(bytes(600)), "gzip", 1000) == bytes(
        1000
    )
    assert content.inflated(gzip.compress(bytes(1000)), "gzip", 1000) == bytes(1000)
    with pytest.raises(ServingError):
        content.inflated(gzip.compress(bytes(1001)), "gzip", 1000)
