"""Large JSON: the quick reader says what the exact one says, or leaves it to it."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol import Request, v1, v2
from paddlemodel_server.protocol.json import numbers
from paddlemodel_server.protocol.request import Expected
from paddlemodel_server.protocol.served import Served

from tests.serving_image.support.bodies import DTYPES, echo

Parse = Callable[[Served, bytes], Request]
FLOATS = [0.5, -0.0, 1e-40, 0.1, 3.4e38, -7, 2**53 + 1, 2**64 - 1, 1, 2]
WHOLE = [0, 1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63), 7, 8, 9]


def outcome(parse: Parse, model: Served, body: bytes) -> object:
    """The tensors to their last bit, or the words of the refusal."""
    try:
        request = parse(model, body)
    except BadRequestError as error:
        return str(error)
    return request.rows, request.id, [(a.dtype.name, a.shape, a.tobytes()) for a in request.arrays]


def both(monkeypatch: pytest.MonkeyPatch, parse: Parse, model: Served, body: bytes) -> list[object]:
    found = []
    for large in (0, len(body) + 1):
        monkeypatch.setattr(numbers, "LARGE", large)
        found.append(outcome(parse, model, body))
    return found


VALUES = st.sampled_from([0, 1, -1, 2**31, 2**53 + 1, 2**64 - 1, -(2**63)]) | st.floats(width=64)
ODD = st.sampled_from([None, True, "1", [], [1], [[1]], {}, {"a": 1}, 1e39, -1, 256])


@st.composite
def rows(draw: st.DrawFn) -> Any:
    """Regular rows, some with one value that is something else or in another place."""
    width = draw(st.integers(1, 12))
    found: list[Any] = draw(
        st.lists(st.lists(VALUES, min_size=width, max_size=width), min_size=1, max_size=4)
    )
    if draw(st.booleans()):
        at = draw(st.integers(0, len(found) - 1))
        found[at].insert(draw(st.integers(0, width)), draw(ODD))
        if draw(st.booleans()):
            found[at].pop()
    return found


@given(
    rows(), st.sampled_from([*DTYPES]), st.sampled_from(["rows", "named rows", "columns", "flat", "nested"])
)
def test_any_numbers_are_understood_as_the_exact_reader_does(found: Any, dtype: str, form: str) -> None:
    model, body = echo(dtype, (-1, -1)), b""
    parse: Parse = v2.parse if form in {"flat", "nested"} else v1.parse
    if form == "rows":
        body = orjson.dumps({"instances": found})
    elif form == "named rows":
        body = orjson.dumps({"instances": [{"t": row} for row in found]})
    elif form == "columns":
        body = orjson.dumps({"inputs": {"t": found}})
    else:
        entry = {"name": "t", "datatype": model.inputs["t"].datatype, "shape": [len(found), len(found[0])]}
        flat = [value for row in found for value in row]
        body = orjson.dumps({"id": "[7]", "inputs": [{**entry, "data": flat if form == "flat" else found}]})
    with pytest.MonkeyPatch.context() as patch:
        quick, exact = both(patch, parse, model, body)
    assert quick == exact


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("float32", FLOATS),
        ("float64", FLOATS),
        ("int64", WHOLE),
        ("int32", [-(2**31), 2**31 - 1, *range(10)]),
        ("uint8", [0, 255, *range(10)]),
    ],
)
def test_regular_numbers_make_no_python_objects(dtype: str, values: list[Any]) -> None:
    """Else the quick reader could leave everything to the exact one, and no test above would notice."""
    content = numbers.read(orjson.dumps({"instances": [values, values]}))
    found = content["instances"]
    assert type(found) is numbers.Numbers
    tensor = found.tensor(Expected(Tensor(name="t", dtype=dtype, shape=(-1, -1))), (2, len(values)))
    assert (tensor.dtype.name, tensor.tolist()) == (dtype, np.array([values, values], dtype).tolist())


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances":[[1,2,[3],4,5,6,7,8,9,10]]}',
        b'{"instances":[[1,2,3,4,5,6,7,8,9],[1,2,3,4,5,6,7,8]]}',
        b'{"instances":[[1,2,3,4,5,6,7,8,9]],"instances":[[1,2,3,4,5,6,7,8,9]]}',
        b'{"instances":[[1,2,3,4,5,6,7,8,9]],"\\u0069nputs":null}',
        b'\xef\xbb\xbf{"instances":[[1,2,3,4,5,6,7,8,9]]}',
        b'{"id":' + b'[{"a":' * 400 + b"1" + b"}]" * 400 + b"}",
        b"[[1,2,3,4,5,6,7,8,9]]",
        b'{"instances":[[1,2,3,4,5,6,7,8,9]]',
        b'{"instances":[[1,2,3,4,5,6,7,8,18446744073709551616]]}',
        b'{"instances":[[1,2],[3,4],[5,6],[7,8],[1,2],[3,4],[5,6],[7,8],[9,9]]}',
        b'{"instances":[[1,2,3,4,5,6,7,8,9]],%b}' % b",".join(b'"%d":null' % n for n in range(1000)),
        b'{"id":[%b]}' % b",".join([b'{"a":[%b]}' % b",".join([b"{}"] * 8)] * 8),
    ],
    ids=[
        "a list among numbers",
        "uneven lists",
        "a key twice",
        "an escape",
        "a byte order mark",
        "deep",
        "no object",
        "no JSON",
        "a number of 65 bits",
        "many short lists",
        "many keys",
        "many small objects, a few in each list",
    ],
)
def test_what_is_not_plainly_regular_is_left_to_the_exact_reader(body: bytes) -> None:
    with pytest.raises(numbers.UnsuitedError):
        numbers.read(body)


@pytest.mark.parametrize("row", [b"[1]", b"[[1]]"])
def test_many_short_lists_are_left_to_it_without_an_object_for_each(row: bytes) -> None:
    body = b'{"instances":[%b]}' % b",".join([row] * 50_000)
    tracemalloc.start()
    try:
        with pytest.raises(numbers.UnsuitedError):
            numbers.read(body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < len(body)


@pytest.mark.parametrize("odd", ["true", "null", '"7"', "1e39", "1e400", "NaN"])
def test_a_value_that_does_not_fit_is_named_by_the_exact_reader(odd: str) -> None:
    body = b'{"instances":[[%b]]}' % b",".join([*[b"0.25"] * 2000, odd.encode(), *[b"1"] * 500])
    assert len(body) > numbers.LARGE
    with pytest.raises(BadRequestError, match=r"at position 2000|not JSON"):
        v1.parse(echo("float32", (-1, -1)), body)


TWENTY = [0.5] * 20


@pytest.mark.parametrize(
    ("parse", "content", "message"),
    [
        (v2.parse, {"inputs": [{"shape": [1, 21], "data": TWENTY}]}, "has 20 values; its shape"),
        (v2.parse, {"inputs": [{"shape": [2, 10], "data": [TWENTY]}]}, "is nested as"),
        (v1.parse, {"instances": [{"t": TWENTY}, {"t": TWENTY[1:]}]}, "uneven lists"),
        (v1.parse, {"instances": [{"t": TWENTY}, {"t": 1}]}, "uneven lists"),
        (v1.parse, {"instances": [TWENTY], "inputs": [TWENTY]}, "both are there"),
    ],
)
def test_what_the_quick_reader_read_is_checked(
    monkeypatch: pytest.MonkeyPatch, parse: Parse, content: Any, message: str
) -> None:
    for entry in content["inputs"] if parse is v2.parse else []:
        entry.update(name="t", datatype="FP32")
    quick, exact = both(monkeypatch, parse, echo("float32", (-1, -1)), orjson.dumps(content))
    assert quick == exact
    assert message in str(exact)


def test_brackets_in_strings_are_no_lists() -> None:
    body = orjson.dumps({"id": "[[", "[": None, "inputs": [{"name": "[", "data": [0.5] * 20}]})
    found = numbers.read(body)
    assert (found["id"], found["["], found["inputs"][0]["name"]) == ("[[", None, "[")
    assert found["inputs"][0]["data"].shape == (20,)
