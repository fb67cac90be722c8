"""The model's own code: loaded, called, ended in time, and what is said of its faults."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.errors import (
    BadRequestError,
    DeadlineExceededError,
    ModelFailedError,
    StartError,
)
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place, Served
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.custom import exchange, handler
from paddlemodel_server.tasks.tensors import Tensors

BOTH = "def preprocess(body, content_type):\n    return {}\ndef postprocess(outputs, kept):\n    return {}\n"


def written(folder: Path, code: str) -> Path:
    (folder / "handler.py").write_text(code)
    return folder


def test_both_functions_are_loaded(tmp_path: Path) -> None:
    assert set(handler.load(written(tmp_path, BOTH))) == {"preprocess", "postprocess"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def f(:", "cannot be imported (SyntaxError: "),
        ("import nothing_of_this_name", "cannot be imported (ModuleNotFoundError: "),
        ("raise SystemExit(3)", "cannot be imported (SystemExit: 3)"),
        ("preprocess = 1\n", "has no function preprocess and no function postprocess"),
    ],
)
def test_code_that_cannot_be_used_is_one_sentence(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(StartError) as refusal:
        handler.load(written(tmp_path, code))
    assert refusal.value.reason == "HandlerUnusable"
    assert f"The task custom runs handler.py beside the model, which {said}" in refusal.value.message


def test_a_call_gives_what_the_function_gives() -> None:
    assert handler.call(lambda *given: given, 5, 1, "a") == (1, "a")


@pytest.mark.parametrize("error", [KeyError("secret"), SystemExit(1), KeyboardInterrupt(), MemoryError()])
def test_a_fault_says_nothing_and_keeps_its_cause(error: BaseException) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(ModelFailedError) as refusal:
        handler.call(fails, 5)
    assert refusal.value.__cause__ is error
    assert "secret" not in refusal.value.message


def test_a_refusal_of_the_handler_is_the_client_s_fault() -> None:
    def refuses() -> None:
        raise BadRequestError("There is no such street.")

    with pytest.raises(BadRequestError, match="no such street"):
        handler.call(refuses, 5)


def stubborn() -> None:
    while True:
        try:
            while True:
                pass
        except Exception:  # noqa: BLE001 - as handlers do
            pass


def test_code_that_never_ends_is_ended_and_the_thread_goes_on() -> None:
    """Even where it catches every error; what comes next in the thread is not hit."""
    for _ in range(2):
        with pytest.raises(DeadlineExceededError, match=r"not done within 0\.2 seconds"):
            handler.call(stubborn, 0.2)
        assert handler.call(lambda: sum(range(200_000)), 60) == 19999900000
    waiting = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    until = time.monotonic() + 10
    while any(thread.is_alive() for thread in waiting) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(thread.is_alive() for thread in waiting)


def test_an_error_that_hides_the_end_is_no_answer() -> None:
    def translates() -> None:
        try:
            while True:
                pass
        except BaseException:  # noqa: BLE001 - as handlers do
            raise KeyError from None

    with pytest.raises(DeadlineExceededError):
        handler.call(translates, 0.2)


def served(*inputs: Tensor) -> Served:
    model = Model(format="PIR", inputs=inputs, outputs=(Tensor(name="y", dtype="float32", shape=(-1, 2)),))
    return Served(name="m", model=model, task=Tensors(), max_request_bytes=1)


X = Tensor(name="x", dtype="float32", shape=(-1, 2))
N = Tensor(name="n", dtype="int64", shape=(-1,))


def test_arrays_come_in_the_model_s_order_and_dtypes() -> None:
    given = {"n": np.array([1], np.int32), "x": [[1.0, 2.0]]}
    (x, n), kept = exchange.inputs(served(X, N), (given, "kept"))
    assert (x.dtype.name, x.tolist(), n.dtype.name, n.tolist()) == ("float32", [[1, 2]], "int64", [1])
    assert kept == "kept"
    assert exchange.inputs(served(X), {"x": np.zeros((3, 2), np.float64)})[1] is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "preprocess returned NoneType; expected an array for each of x, n"),
        ({"x": 1}, "preprocess returned ['x']; expected an array for each of x, n"),
        ({"x": np.zeros((1, 3)), "n": [1]}, "x of shape [1, 3]; expected [-1, 2]"),
        ({"x": np.zeros((0, 2)), "n": [1]}, "x of shape [0, 2]; expected"),
        ({"x": np.zeros((2, 2)), "n": [1]}, "inputs of [1, 2] rows; expected as many in each"),
        ({"x": np.zeros((1, 2)), "n": [1.5]}, "n as float64; expected int64"),
        ({"x": np.array([["a", "b"]]), "n": [1]}, "x as <U1; expected float32"),
    ],
)
def test_what_does_not_fit_is_the_handler_s_fault(given: Any, said: str) -> None:
    with pytest.raises(ModelFailedError) as refusal:
        exchange.inputs(served(X, N), given)
    assert said in str(refusal.value.__cause__)


def test_bfloat16_is_made_of_floats() -> None:
    bits = Tensor(name="x", dtype="bfloat16", shape=(-1, 1))
    (found,), _ = exchange.inputs(served(bits), {"x": [[1.0]]})
    assert (found.dtype.name, found.tolist()) == ("uint16", [[0x3F80]])


@pytest.mark.parametrize(
    ("given", "body", "kind"),
    [
        ({"a": np.array([1, 2])}, b'{"a":[1,2]}', "application/json"),
        ("text", b'"text"', "application/json"),
        (b"\x00\x01", b"\x00\x01", "application/octet-stream"),
        ((b"<svg/>", "image/svg+xml"), b"<svg/>", "image/svg+xml"),
    ],
)
def test_answers(given: Any, body: bytes, kind: str) -> None:
    found = exchange.answer(given)
    assert (found.status, found.body, found.content_type) == (200, body, kind)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": object()}, "postprocess returned what is no JSON"),
        ((b"", "text/html\r\nX-Evil: 1"), "postprocess returned the Content-Type"),
        ((b"", "html"), "postprocess returned the Content-Type 'html'"),
    ],
)
def test_answers_that_are_none(given: Any, said: str) -> None:
    with pytest.raises(ModelFailedError) as refusal:
        exchange.answer(given)
    assert said in str(refusal.value.__cause__)


def test_it_is_refused_where_it_is_not_allowed_and_where_there_is_no_code(tmp_path: Path) -> None:
    chosen = registry.read('{"custom":{}}')
    model = Model(format="PIR", inputs=(X,), outputs=(X,))
    written(tmp_path, "raise SystemExit  # it is not run before it is known that it may")
    with pytest.raises(StartError) as refusal:
        registry.fit(chosen, Place(model=model, folder=tmp_path))
    assert refusal.value.reason == "CustomTasksNotAllowed"
    assert "set the chart's value customTasks.allowed" in refusal.value.message
    registry.fit(chosen, Place(model=model, folder=tmp_path, custom=True))
    (tmp_path / "handler.py").unlink()
    with pytest.raises(StartError, match=r"runs handler\.py beside the model, which is not there: it has"):
        registry.fit(chosen, Place(model=model, folder=tmp_path, custom=True))
