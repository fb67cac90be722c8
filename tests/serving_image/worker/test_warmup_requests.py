"""Requests that lie beside the model."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.worker import warmup_requests

MODEL = Model(
    format="PIR",
    inputs=(
        Tensor(name="x", dtype="float32", shape=(-1, -1)),
        Tensor(name="ids", dtype="int64", shape=(-1, 2)),
    ),
    outputs=(Tensor(name="y", dtype="float32", shape=(-1, -1)),),
)
X = np.array([[1, 2, 3]], np.float32)
IDS = np.array([[4, 5]])


def test_json_and_npz_are_read_in_the_models_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "warmup-b.npz", ids=IDS, x=X)
    tensors = [
        {"name": "ids", "datatype": "INT64", "shape": [1, 2], "data": [4, 5]},
        {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]},
    ]
    (tmp_path / "warmup.json").write_text(json.dumps({"inputs": tensors}))
    (tmp_path / "labels.json").write_text("[]")
    found = warmup_requests.read(tmp_path, MODEL)
    assert len(found) == 2
    for x, ids in found:
        assert (x.tolist(), x.dtype, ids.tolist(), ids.dtype) == (
            X.tolist(),
            X.dtype,
            IDS.tolist(),
            IDS.dtype,
        )


def test_no_sample_is_no_fault(tmp_path: Path) -> None:
    assert warmup_requests.read(tmp_path, MODEL) == ()


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": X}, "It holds x; the inputs are x, ids."),
        ({"x": X.astype(np.float64), "ids": IDS}, r"x is float64 \[1, 3\]; expected float32 \[-1, -1\]."),
        ({"x": X, "ids": IDS.reshape(2, 1)}, r"ids is int64 \[2, 1\]; expected int64 \[-1, 2\]."),
        ({"x": X, "ids": np.array([object()])}, "It is no archive of numpy"),
    ],
)
def test_a_sample_that_does_not_fit_is_one_sentence(
    tmp_path: Path, arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]], sentence: str
) -> None:
    # Numpy's stub forgets that these are arrays.
    np.savez(tmp_path / "warmup.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(StartError, match=sentence) as refusal:
        warmup_requests.read(tmp_path, MODEL)
    assert refusal.value.reason == "BadSample"


@pytest.mark.parametrize("name", ["warmup.json", "warmup.npz"])
def test_a_damaged_sample_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(StartError, match=f"^{name} is no request for this model; correct or remove it."):
        warmup_requests.read(tmp_path, MODEL)


def test_an_archive_with_any_byte_damaged_is_one_sentence_or_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "warmup.npz"
    np.savez_compressed(path, x=X, ids=IDS)
    sound = path.read_bytes()
    for at in range(len(sound)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x55]) + sound[at + 1 :])
        with contextlib.suppress(StartError):
            assert len(warmup_requests.read(tmp_path, MODEL)) == 1


def test_a_sample_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "warmup.json").mkdir()
    with pytest.raises(StartError, match=r"It cannot be read \(Is a directory\)."):
        warmup_requests.read(tmp_path, MODEL)
