"""Tensors as bytes: the binary extension of V2, and a tensor as a whole body."""

import io
import pickle
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from paddlemodel_server.errors import ServingError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import Request, Wanted, raw, v2

from tests.serving_image.support.bodies import DTYPES, IDS, ON, X, body, echo, extremes, served

SERVED = served()
XS = np.array([[1, np.nan], [-0.0, np.inf]], np.float32)


def binary(entry: dict[str, Any], size: int, **change: Any) -> dict[str, Any]:
    plain = {name: value for name, value in entry.items() if name != "data"}
    return plain | {"parameters": {"binary_data_size": size}} | change


def test_bytes_and_numbers_may_be_mixed() -> None:
    head = body(binary(ON, 1), IDS, binary(X, 16, shape=[2, 2]))
    request = v2.parse(SERVED, head + b"\1" + XS.tobytes(), len(head))
    x, ids, on = request.arrays
    assert x.tobytes() == XS.tobytes()
    assert (ids.tolist(), on.tolist()) == ([-128, 127], [True])


@pytest.mark.parametrize(
    ("inputs", "tail", "message"),
    [
        (
            [binary(X, 8)],
            b"1234567",
            "Input x has binary_data_size 8, but only 7 bytes are left behind the JSON",
        ),
        ([binary(X, 7)], b"1234567", "Input x has 7 bytes; its shape [1, 2] in FP32 needs 8."),
        (
            [binary(X, 8, shape=[2**30, 2])],
            b"12345678",
            "Input x has 8 bytes; its shape [1073741824, 2] in FP32",
        ),
        ([binary(X, 8), IDS, ON], b"123456789", "The body has 1 bytes more than its JSON"),
        ([binary(X, -8)], b"", "Input x has binary_data_size -8; expected a number of bytes."),
        ([binary(X, 8) | {"data": [1, 2]}], b"12345678", "Input x has both data and binary_data_size"),
        (
            [X | {"parameters": {"binary_data_size": "8"}}],
            b"",
            'Input x has binary_data_size "8"; expected a',
        ),
        ([X, IDS, binary(ON, 1)], b"\2", "Input on has the byte 2 at position 0; expected BOOL, 0 or 1."),
    ],
)
def test_wrong_bytes_are_explained(inputs: list[Any], tail: bytes, message: str) -> None:
    head = body(*inputs)
    with pytest.raises(ServingError) as refusal:
        v2.parse(SERVED, head + tail, len(head))
    assert refusal.value.status == 400
    assert refusal.value.message.startswith(message)


def test_a_json_longer_than_the_body_is_refused() -> None:
    with pytest.raises(ServingError, match="is 900, but the body has only 2 bytes"):
        v2.parse(SERVED, b"{}", 900)


def test_outputs_are_bytes_where_they_are_asked_for() -> None:
    request = Request(arrays=[], outputs=(Wanted(name="class"), Wanted(name="score", binary=True)))
    answer, size = v2.render(SERVED, request, [XS, np.array([3, 4])])
    assert size is not None
    assert orjson.loads(answer[:size])["outputs"] == [
        {"name": "class", "datatype": "INT64", "shape": [2], "data": [3, 4]},
        {"name": "score", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}},
    ]
    assert answer[size:] == XS.tobytes()


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, ()),
        (
            {"parameters": {"binary_data_output": True}},
            (Wanted(name="score", binary=True), Wanted(name="class", binary=True)),
        ),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "class", "parameters": {"binary_data": False}}, {"name": "score"}],
            },
            (Wanted(name="class"), Wanted(name="score", binary=True)),
        ),
    ],
)
def test_an_outputs_own_spec_goes_before_the_requests(more: Any, wanted: tuple[Wanted, ...]) -> None:
    assert v2.parse(SERVED, body(X, IDS, ON, **more)).outputs == wanted


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_survives_as_bytes(dtype: str) -> None:
    model, array = echo(dtype), extremes(dtype)
    answer, size = v2.render(model, Request(arrays=[], outputs=model.all_binary), [array])
    assert size is not None
    head = orjson.dumps({"inputs": orjson.loads(answer[:size])["outputs"]})
    (found,) = v2.parse(model, head + answer[size:], len(head)).arrays
    assert (found.dtype, found.tobytes()) == (array.dtype, array.tobytes())


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_survives_as_a_body(dtype: str) -> None:
    model, array = echo(dtype), extremes(dtype)
    expected = raw.only_input(model, "application/octet-stream")
    found = raw.from_octets(array.tobytes(), expected, None)
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
    if dtype == "bfloat16":
        with pytest.raises(ServingError, match="no BF16"):
            raw.only_input(model, "application/x-npy")
    else:
        found = raw.from_npy(raw.to_npy(array), expected)
        assert (found.dtype, found.tobytes()) == (array.dtype, array.tobytes())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("bytes_order", ["<", ">"])
def test_the_order_in_a_npy_file_is_its_own_business(order: Any, bytes_order: str) -> None:
    array = np.array([[1, 2], [3, 4], [5, 6]], f"{bytes_order}f4", order=order)
    found = raw.from_npy(npy(array), echo("float32").inputs["t"])
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 2], [3, 4], [5, 6]]


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "The body is not a .npy file"),
        (b"\x93NUMPY\x09\0", "The body is not a .npy file"),
        (npy(XS)[:40], "The body is not a .npy file"),
        (npy(XS)[:-1], "Input t has 15 bytes; its shape [2, 2] in FP32 needs 16."),
        (npy(np.asfortranarray(XS))[:-1], "Input t has 15 bytes; its shape [2, 2] in FP32 needs 16."),
        (npy(XS) + b"1", "Input t has 17 bytes; its shape [2, 2] in FP32 needs 16."),
        (npy(XS.astype("f8")), "The .npy file holds float64; input t is FP32."),
        (npy(XS[0]), "Input t has shape [2]; expected [-1, 2]"),
        (npy(XS[:0]), "Input t has shape [0,2]; expected [-1, 2]"),
        (npy(np.array([[{}, {}]]), allow_pickle=True), "The .npy file holds object; input t is FP32."),
        (npy(np.zeros((1, 2), "f4,f4")), "The .npy file holds [('f0'"),
        (npy(XS).replace(b"(2, 2)", b"(-2,2)"), "Input t has shape [-2,2]; expected [-1, 2]"),
        (npy(XS).replace(b"(2, 2)", b"(9**9)"), "The body is not a .npy file"),
        (npy(XS).replace(b"'<f4'", b"[[[['"), "The body is not a .npy file"),
        (npy(XS).replace(b"'<f4'", b"()   "), "The body is not a .npy file"),
        (npy(XS).replace(b"'descr': '<f4',", b"'descr':(' ',),"), "The body is not a .npy file"),
        (npy(XS).replace(b"'<f4'", b"b'x'\n"), "The body is not a .npy file"),
    ],
)
def test_a_wrong_npy_file_is_explained(file: bytes, message: str) -> None:
    with pytest.raises(ServingError) as refusal:
        raw.from_npy(file, echo("float32").inputs["t"])
    assert refusal.value.status == 400
    assert refusal.value.message.startswith(message)


class Burglar:
    """Unpickling it leaves a trace."""

    def __reduce__(self) -> Any:
        return (exec, ("import builtins; builtins.burgled = True",))


def test_nothing_is_ever_unpickled() -> None:
    evil = npy(np.array([[Burglar(), Burglar()]], object), allow_pickle=True)
    assert b"burgled" in evil
    for content in (evil, evil.replace(b"'|O'", b"'<f4'"), pickle.dumps(Burglar())):
        with pytest.raises(ServingError):
            raw.from_npy(content, echo("float32").inputs["t"])
    assert not hasattr(__builtins__, "burgled")
    assert "burgled" not in vars(__import__("builtins"))


OPEN = echo("float32", (-1, 3, -1))
FIXED = echo("float32", (1, 2))


@pytest.mark.parametrize(
    ("model", "size", "stated", "shape"),
    [
        (echo("float32"), 24, None, (3, 2)),
        (echo("float32"), 24, "3,2", (3, 2)),
        (echo("float32"), 24, " 3 , 2 ", (3, 2)),
        (echo("float32", (2, -1, 2)), 48, None, (2, 3, 2)),
        (OPEN, 24, "2,3,1", (2, 3, 1)),
        (FIXED, 8, None, (1, 2)),
    ],
)
def test_a_shape_follows_from_the_bytes_or_is_stated(
    model: Any, size: int, stated: str | None, shape: tuple[int, ...]
) -> None:
    assert raw.from_octets(bytes(size), model.inputs["t"], stated).shape == shape


@pytest.mark.parametrize(
    ("model", "size", "stated", "message"),
    [
        (echo("float32"), 0, None, "Input t has 0 bytes; its shape [1, 2] in FP32 needs 8."),
        (echo("float32"), 25, None, "Input t has 25 bytes; its shape [3, 2] in FP32 needs 24."),
        (FIXED, 16, None, "Input t has 16 bytes; its shape [1, 2] in FP32 needs 8."),
        (
            OPEN,
            24,
            None,
            "The model leaves several dimensions of t open, [-1, 3, -1]; say which in the header X-T",
        ),
        (OPEN, 24, "2,3", "Input t has shape [2,3]; expected [-1, 3, -1]"),
        (OPEN, 24, "0,3,2", "Input t has shape [0,3,2]; expected [-1, 3, -1]"),
        (OPEN, 24, "2,3,2", "Input t has 24 bytes; its shape [2, 3, 2] in FP32 needs 48."),
        (OPEN, 24, "-2,3,1", "X-Tensor-Shape is '-2,3,1'; expected sizes such as 1,3,224,224."),
        (OPEN, 24, "", "X-Tensor-Shape is ''; expected sizes such as 1,3,224,224."),
        (OPEN, 24, "9" * 99, "X-Tensor-Shape is '9999"),
        (OPEN, 24, "٣,3,1", "X-Tensor-Shape is '٣,3,1'"),
        (
            OPEN,
            24,
            "4294967295,3,4294967295",
            "Input t has shape [4294967295,3,4294967295]; expected [-1, 3, -1]",
        ),
    ],
)
def test_a_wrong_body_is_explained(model: Any, size: int, stated: str | None, message: str) -> None:
    with pytest.raises(ServingError) as refusal:
        raw.from_octets(bytes(size), model.inputs["t"], stated)
    assert refusal.value.status == 400
    assert refusal.value.message.startswith(message)


def test_one_tensor_is_not_enough_for_two_inputs() -> None:
    with pytest.raises(ServingError, match="but the model has the inputs x, ids, on") as refusal:
        raw.only_input(SERVED, "application/octet-stream")
    assert refusal.value.status == 415


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: npy(XS)[:60] + tail))
def test_any_file_is_understood_or_refused(file: bytes) -> None:
    try:
        found = raw.from_npy(file, echo("float32").inputs["t"])
    except ServingError:
        return
    assert found.shape[1:] == (2,)


@given(st.binary(max_size=60), st.text(max_size=12) | st.none())
def test_any_bytes_are_understood_or_refused(content: bytes, stated: str | None) -> None:
    try:
        found = raw.from_octets(content, OPEN.inputs["t"], stated)
    except ServingError:
        return
    assert found.tobytes() == content


@given(
    st.sampled_from([name for name in DTYPES if name != "bfloat16"]).flatmap(
        lambda name: arrays.arrays(name, st.tuples(st.integers(1, 4), st.just(2)))
    )
)
def test_any_array_survives(array: np.ndarray[Any, np.dtype[Any]]) -> None:
    """NaN with its bits, infinity, both zeros: as bytes nothing is lost; as JSON only what it cannot say."""
    tensor = Tensor(name="t", dtype=array.dtype.name, shape=(-1, 2))
    model = served(Model(format="PIR", inputs=(tensor,), outputs=(tensor,)))
    assert raw.from_npy(raw.to_npy(array), model.inputs["t"]).tobytes() == array.tobytes()
    answer = orjson.loads(v2.render(model, Request(arrays=[]), [array])[0])["outputs"][0]
    lost = answer.pop("parameters", {"non_finite_values": 0})["non_finite_values"]
    assert lost == answer["data"].count(None)
    if not lost:
        (found,) = v2.parse(model, orjson.dumps({"inputs": [answer]})).arrays
        assert found.tobytes() == array.tobytes()
