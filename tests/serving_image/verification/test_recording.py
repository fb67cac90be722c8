"""A recording is read whole, however it was compressed; a damaged one is named."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.verification import recording, v2_client

X = Tensor(name="x", dtype="float32", shape=(-1, 2))
Y = Tensor(name="y", dtype="float32", shape=(-1,))


def exchange(number: float) -> recording.Exchange:
    x = np.array([[number, 1]], np.float32)
    return recording.Exchange(inputs={"x": x}, outputs={"y": x[:, 0]})


def read(path: Path) -> list[float]:
    found = list(recording.read(path))
    return [float(one.outputs["y"][0]) for one in found if isinstance(one, recording.Exchange)]


@pytest.fixture
def parts(tmp_path: Path) -> list[bytes]:
    """Two recordings of two requests each, in gzip."""
    known = v2_client.Metadata(name="m", inputs=(X,), outputs=(Y,), binary=True)
    files = [tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"]
    for at, file in enumerate(files):
        assert recording.write(file, known, [exchange(2 * at), exchange(2 * at + 1)]) == 2
    return [file.read_bytes() for file in files]


def test_recordings_that_were_put_together_are_read_to_the_end(tmp_path: Path, parts: list[bytes]) -> None:
    """As `cat a.jsonl.gz b.jsonl.gz` does: gzip then has two members."""
    whole = tmp_path / "verify.jsonl.gz"
    whole.write_bytes(b"".join(parts))
    assert read(whole) == [0, 1, 2, 3]
    lines = gzip.decompress(whole.read_bytes())
    whole.write_bytes(b"".join(gzip.compress(lines[at : at + 50]) for at in range(0, len(lines), 50)))
    assert read(whole) == [0, 1, 2, 3]


@pytest.mark.parametrize("cut", [1, 9, 40])
def test_a_second_part_that_is_cut_off_is_no_end(tmp_path: Path, parts: list[bytes], cut: int) -> None:
    whole = tmp_path / "verify.jsonl.gz"
    whole.write_bytes(b"".join(parts)[:-cut])
    with pytest.raises(StartError) as refusal:
        read(whole)
    assert refusal.value.reason == "UnreadableRecording"
