"""Inputs and outputs as read from the files, compared with what the exporter was told."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files
from paddlemodel_server.model.files import ModelFiles
from paddlemodel_server.model.signature import Model, read

from tests.models import ModelName, trained_model


def described(folder: Path) -> Model:
    return read(files.locate(folder))


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_every_input_and_output_is_found(exported: Callable[[str, str], Path], model_format: str) -> None:
    model = described(exported(model_format, "pair"))
    assert [(t.name, t.datatype, t.shape) for t in model.inputs] == [
        ("x", "FP32", (-1, 3)),
        ("count", "INT64", (-1, 1)),
    ]
    assert [(t.datatype, t.shape) for t in model.outputs] == [("FP32", (-1, 3)), ("INT64", (-1, 1))]
    assert model.batched


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_fixed_dimensions_are_kept(exported: Callable[[str, str], Path], model_format: str) -> None:
    model = described(exported(model_format, "picture-one"))
    assert model.inputs[0].shape == (1, 3, 32, 32)
    assert not model.batched


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("textline-orientation", [("x", "FP32", (-1, 3, -1, -1))], 1),
        ("character-rec", [("x", "FP32", (-1, 3, 48, -1))], 1),
        ("table-structure", [("x", "FP32", (-1, 3, -1, -1))], 2),
    ],
)
def test_trained_models(
    name: ModelName, inputs: list[tuple[str, str, tuple[int, ...]]], outputs: int
) -> None:
    model = described(trained_model(name))
    assert [(t.name, t.datatype, t.shape) for t in model.inputs] == inputs
    assert len(model.outputs) == outputs


@given(st.binary(max_size=300))
def test_damaged_programs_are_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "program"
    kinds: tuple[Literal["PIR", "Legacy"], ...] = ("PIR", "Legacy")
    for model_format in kinds:
        path.write_bytes(content)
        with pytest.raises(StartError) as refusal:
            read(ModelFiles(format=model_format, program=path, params=path))
        assert refusal.value.reason in {"UnreadableProgram", "UnsupportedDtype"}
