"""Programs and parameters as read without Paddle: who wrote them, and whether they belong together."""

import copy
import functools
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_server.commands import inspect
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files, formats
from paddlemodel_server.model.formats import weights

from tests.models import trained_model
from tests.serving_image.support.models.model_builders import folder_of, legacy_of, params_of, pir_of


def refusal(folder: Path) -> StartError:
    with pytest.raises(StartError) as caught:
        formats.checked(files.locate(folder))
    return caught.value


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_what_a_program_says(exported: Callable[[str, str], Path], model_format: str) -> None:
    program = formats.checked(files.locate(exported(model_format, "picture")))
    expected = {"pir": "PaddlePaddle 3.3 (PIR version 4)", "legacy": "PaddlePaddle 3.3.1"}
    assert program.writer == expected[model_format]
    assert [(t.name, t.dtype, t.shape) for t in program.parameters] == [
        ("conv2d_0.b_0", "float32", (8,)),
        ("conv2d_0.w_0", "float32", (8, 3, 3, 3)),
        ("linear_0.b_0", "float32", (10,)),
        ("linear_0.w_0", "float32", (8, 10)),
    ]
    assert program.operators["conv2d"] == 1
    assert not program.quantised


def test_the_parameters_of_trained_models_fit_their_programs() -> None:
    program = formats.checked(files.locate(trained_model("table-structure")))
    assert program.writer == "PaddlePaddle 3.0.0"
    held = list(weights.walk(files.locate(trained_model("table-structure")).params))
    assert [t.shape for t in held] == [t.shape for t in program.parameters]


def test_a_parameter_that_is_not_persistable_is_in_no_file(tmp_path: Path) -> None:
    """Paddle writes one for the dropout state of every PIR program with a GRU or LSTM, and saves none."""
    program = json.loads(pir_of(w=[2, 3]))
    operations = program["program"]["regions"][0]["blocks"][0]["ops"]
    state = copy.deepcopy(operations[0])
    operations[0]["OA"], state["OA"] = [1, 0, 1], [0, 1, 0]
    state["A"][3] = "gru_0.dropout_state__non_persistable"
    operations.insert(0, state)
    folder = folder_of(
        tmp_path / "gru",
        {"inference.json": json.dumps(program).encode(), "inference.pdiparams": params_of([2, 3])},
    )
    assert [t.name for t in formats.checked(files.locate(folder)).parameters] == ["w"]


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_the_parameters_of_another_model_are_refused(
    exported: Callable[[str, str], Path], tmp_path: Path, model_format: str
) -> None:
    """Where numbers of tensors differ, and where only their shapes do."""
    located = files.locate(exported(model_format, "picture"))
    params = {
        "1": files.locate(exported(model_format, "pair")).params.read_bytes(),
        "4": params_of([8], [8, 3, 3, 3], [11], [8, 11]),
    }
    for number, content in params.items():
        folder = folder_of(
            tmp_path / number,
            {located.program.name: located.program.read_bytes(), "inference.pdiparams": content},
        )
        error = refusal(folder)
        assert error.reason == "MixedFiles"
        assert error.message.endswith("they are of two exports; copy both files of the same export.")
    assert "parameter linear_0.b_0 of [10]" in error.message


@pytest.mark.parametrize("make", [pir_of, legacy_of], ids=["pir", "legacy"])
def test_an_open_dimension_of_a_parameter_fits_anything(tmp_path: Path, make: Callable[..., bytes]) -> None:
    name = "inference.json" if make is pir_of else "inference.pdmodel"
    folder = folder_of(tmp_path, {name: make(w=[-1, 3]), "inference.pdiparams": params_of([5, 3])})
    assert formats.checked(files.locate(folder)).parameters[0].shape == (-1, 3)


def test_parameters_are_compared_in_the_order_of_their_names(tmp_path: Path) -> None:
    program = pir_of(b=[2], a=[3], B=[4])
    folder = folder_of(tmp_path, {"inference.json": program, "inference.pdiparams": params_of([4], [3], [2])})
    assert [t.name for t in formats.checked(files.locate(folder)).parameters] == ["B", "a", "b"]


FAULTS = {
    "half a value": (params_of([2, 3])[:-1], "TruncatedFile"),
    "half a description": (params_of([2, 3])[:22], "NotParameters"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(40), "NotParameters"),
    "a negative side": (
        struct.pack("<IQIi", 0, 0, 0, 13) + b"\x08\x05\x10" + b"\xff" * 9 + b"\x01",
        "NotParameters",
    ),
    "endless levels": (struct.pack("<IQQ", 0, 2**63, 2**63), "NotParameters"),
}


@pytest.mark.parametrize(("content", "reason"), FAULTS.values(), ids=FAULTS)
def test_damaged_parameters_are_named_with_the_cure(tmp_path: Path, content: bytes, reason: str) -> None:
    error = refusal(folder_of(tmp_path, {"inference.json": pir_of(w=[2, 3]), "inference.pdiparams": content}))
    assert error.reason == reason
    assert error.message.startswith("inference.pdiparams ")
    assert error.message.endswith("copy the exported file again.")


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_parameters_or_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pdiparams"
    path.write_bytes(content)
    try:
        found, reason = list(weights.walk(path)), ""
    except StartError as error:
        found, reason = [], error.reason
    assert found or reason in {"TruncatedFile", "NotParameters", "UnsupportedDtype"}


PROGRAM = json.loads(pir_of(w=[2, 3]))


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value of a JSON document."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, value in inner for found in places(value, (*path, key)))][not path :]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["#", "D", "x"]), inner),
    max_leaves=5,
)


@settings(max_examples=300)
@given(place=st.sampled_from(places(PROGRAM)), value=ANYTHING)
def test_an_edited_program_is_a_program_or_one_clear_error(
    tmp_path: Path, place: tuple[Any, ...], value: object
) -> None:
    edited = copy.deepcopy(PROGRAM)
    *outer, last = place
    functools.reduce(lambda node, key: node[key], outer, edited)[last] = value
    program, params = tmp_path / "inference.json", tmp_path / "inference.pdiparams"
    program.write_text(json.dumps(edited))
    params.write_bytes(params_of([2, 3]))
    located = files.ModelFiles(format="PIR", program=program, params=params)
    refused: StartError | None = None
    try:
        read, held = formats.checked(located), tuple(weights.walk(params))
        orjson.dumps(inspect.as_json(inspect.Finding(files=located, program=read, held=held, digest="")))
    except StartError as error:
        refused = error
    if refused:
        assert refused.reason in {"UnreadableProgram", "UnsupportedDtype", "MixedFiles"}
        assert refused.message.isprintable()


def test_a_file_that_cannot_be_read_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    located = files.locate(folder_of(tmp_path, {"m.json": pir_of(w=[2]), "m.pdiparams": params_of([2])}))

    def broken(_: Path) -> bytes:
        raise OSError(5, "Input/output error", "m.json")

    monkeypatch.setattr(Path, "read_bytes", broken)
    with pytest.raises(StartError, match=r"m\.json could not be read or written \(Input/output error\)"):
        formats.checked(located)


def test_no_name_of_a_model_reaches_a_message_or_a_terminal_raw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    escape = "\x1b]0;owned\x07\x9b2J"
    program = pir_of(**{escape: [2]}).replace(b'"x"', json.dumps(escape).encode())
    folder = folder_of(tmp_path, {"m.json": program, "m.pdiparams": params_of([3])})
    assert refusal(folder).message.isprintable()
    (folder / "m.json").write_bytes(program.replace(b"t_f32", b"t_\\u001b32"))
    assert refusal(folder).message.isprintable()
    folder_of(tmp_path, {"m.json": program, "m.pdiparams": params_of([2])})
    for arguments in ([str(folder)], [str(folder), "--json"]):
        inspect.main(arguments)
        printed = capsys.readouterr().out
        assert not [c for c in printed if not c.isprintable() and c != "\n"]


def test_reading_formats_loads_neither_paddle_nor_numpy() -> None:
    """`fetch` and `inspect` start light."""
    heavy = (
        "import sys, paddlemodel_server.model.formats, paddlemodel_server.commands.inspect as i;"
        "print({'paddle', 'flask', 'numpy', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_quantised_program_is_recognised(tmp_path: Path) -> None:
    program = json.loads(pir_of(w=[2]))
    program["program"]["regions"][0]["blocks"][0]["ops"].append({"#": "1.quantize_linear", "A": [], "O": []})
    folder = folder_of(
        tmp_path, {"inference.json": json.dumps(program).encode(), "inference.pdiparams": params_of([2])}
    )
    assert formats.checked(files.locate(folder)).quantised


@pytest.mark.parametrize("name", ["m.json", "m.pdmodel"])
def test_a_size_below_zero_is_open(tmp_path: Path, name: str) -> None:
    """Paddle computes with the -1 of what is open: twice as many rows (repeat_interleave) are -2 to it."""
    twice = {
        "m.json": pir_of(w=[2]).replace(b"[-1,4]", b"[-2,4]"),
        "m.pdmodel": legacy_of(w=[2]).replace(b"\xff" * 9 + b"\1", b"\xfe" + b"\xff" * 8 + b"\1"),
    }[name]
    read = formats.read(files.locate(folder_of(tmp_path, {name: twice, "m.pdiparams": params_of([2])})))
    assert [tensor.shape for tensor in (*read.inputs, *read.outputs)] == [(-1, 4)] * 2


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_parameters_of_every_dtype_are_read(exported: Callable[[str, str], Path], model_format: str) -> None:
    located = files.locate(exported(model_format, "rare"))
    formats.checked(located)
    assert sorted(tensor.dtype for tensor in weights.walk(located.params)) == [
        *("complex128", "complex64", "float32", "float8_e4m3fn", "float8_e5m2"),
    ]


def test_an_unknown_dtype_is_named_and_not_called_damage(tmp_path: Path) -> None:
    params = params_of([2, 3]).replace(b"\x08\x05", b"\x08\x19")
    error = refusal(folder_of(tmp_path, {"inference.json": pir_of(w=[2, 3]), "inference.pdiparams": params}))
    assert (error.reason, "a parameter of string" in error.message) == ("UnsupportedDtype", True)
    params = params_of([2, 3]).replace(b"\x08\x05", b"\x08\x63")
    error = refusal(folder_of(tmp_path, {"inference.json": pir_of(w=[2, 3]), "inference.pdiparams": params}))
    assert (error.reason, "a parameter of type 99" in error.message) == ("UnsupportedDtype", True)


def test_an_output_named_as_an_input_is_told_before_paddle_is_asked(
    exported: Callable[[str, str], Path],
) -> None:
    error = refusal(exported("pir", "echo"))
    assert (error.reason, "are named x," in error.message) == ("RepeatedName", True)
    assert formats.checked(files.locate(exported("pir", "echo-copy"))).outputs[0].name != "x"
    formats.checked(files.locate(exported("legacy", "echo")))  # Paddle loads it
