"""When two answers agree: every form of tensors, JSON of tasks, masks."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.protocol.routes import EMBEDDINGS, INFER, PREDICT, V1
from paddlemodel_server.tasks.semantic_segmentation.mask import png
from paddlemodel_server.verification.comparison import Answer, compare, is_quick
from paddlemodel_server.verification.differences import Difference, Tolerance, Tolerances
from paddlemodel_server.verification.masks import pixels

EXACT = Tolerances(default=Tolerance(rtol=1e-2, atol=1e-3))


def _json(content: Any) -> Answer:
    return Answer(media="application/json", headers={}, body=json.dumps(content).encode())


def _v2(*values: float | None, datatype: str = "FP32") -> Answer:
    output = {"name": "y", "datatype": datatype, "shape": [1, len(values)], "data": values}
    return _json({"model_name": "m", "outputs": [output]})


def _binary(*values: float) -> Answer:
    data = np.array([values], np.float32).tobytes()
    output = {"name": "y", "datatype": "FP32", "shape": [1, len(values)]}
    head = json.dumps({"outputs": [output | {"parameters": {"binary_data_size": len(data)}}]}).encode()
    headers = {"inference-header-content-length": str(len(head))}
    return Answer(media="application/octet-stream", headers=headers, body=head + data)


def _raw(*values: float, datatype: str = "FP32") -> Answer:
    headers = {"x-tensor-name": "y", "x-tensor-datatype": datatype, "x-tensor-shape": f"1,{len(values)}"}
    return Answer(
        media="application/octet-stream", headers=headers, body=np.array(values, np.float32).tobytes()
    )


def _npy(*values: float) -> Answer:
    file = io.BytesIO()
    np.save(file, np.array([values], np.float32))
    return Answer(media="application/x-npy", headers={"x-tensor-name": "y"}, body=file.getvalue())


def _v1(*values: float | None) -> Answer:
    return _json({"predictions": [values]})


def _named(**tolerance: Any) -> Tolerances:
    """Of every name that an output has in these tests."""
    one = Tolerance(**{"rtol": 0.0, "atol": 0.0} | tolerance)
    return Tolerances(default=EXACT.default, of={"y": one, "predictions": one, "top_k": one, "box": one})


def _worst(found: list[Difference]) -> Difference:
    return max(found, key=lambda one: not one.agrees)


@pytest.mark.parametrize(
    ("route", "form"),
    [
        (INFER, _v2),
        (INFER, _binary),
        (PREDICT, _v2),
        (PREDICT, _binary),
        (PREDICT, _raw),
        (PREDICT, _npy),
        (V1, _v1),
    ],
)
def test_tensors_agree_within_the_tolerance_in_every_form(route: str, form: Any) -> None:
    assert _worst(compare(route, form(1, 2), form(1, 2), EXACT)).agrees
    near = _worst(compare(route, form(1, 2), form(1, 2.01), EXACT))
    assert near.agrees
    assert near.largest == pytest.approx(0.01, abs=1e-4)
    far = _worst(compare(route, form(1, 2), form(1, 3), EXACT))
    assert (far.agrees, far.beyond) == (False, 1)
    assert not _worst(compare(route, form(1, 2), form(1, 2, 3), EXACT)).agrees
    top = _named(top_k=1)
    assert _worst(compare(route, form(1, 2), form(5, 9), top)).agrees
    assert not _worst(compare(route, form(1, 2), form(9, 5), top)).agrees


@pytest.mark.parametrize(("route", "form"), [(INFER, _v2), (V1, _v1)])
def test_nan_is_a_difference(route: str, form: Any) -> None:
    assert not _worst(compare(route, form(1, 2), form(1, None), EXACT)).agrees
    assert _worst(compare(route, form(1, None), form(1.001, None), EXACT)).agrees


def test_another_datatype_is_a_difference() -> None:
    assert not _worst(compare(INFER, _v2(1, 2), _v2(1, 2, datatype="FP64"), EXACT)).agrees


def _classes(*pairs: tuple[int, float]) -> Answer:
    top = [{"class_id": at, "label": f"label {at}", "score": score} for at, score in pairs]
    return _json(top[0] | {"top_k": top})


def _box(left: float, **other: Any) -> Answer:
    return _json({"objects": [{"label": "cat", "score": 0.9, "box": [left, 20, 30, 40]} | other]})


@pytest.mark.parametrize(
    ("one", "other", "tolerances", "agrees"),
    [
        (_classes((3, 0.9), (5, 0.05)), _classes((3, 0.901), (5, 0.05)), EXACT, True),
        (_classes((3, 0.9), (5, 0.05)), _classes((3, 0.8), (5, 0.05)), EXACT, False),
        (_classes((3, 0.9), (5, 0.05)), _classes((5, 0.9), (3, 0.05)), EXACT, False),
        (_classes((100, 0.9)), _classes((101, 0.9)), EXACT, False),  # no number to be rounded
        (_json({"top_k": [{"class_id": 1, "score": 0.5}]}), _json({"top_k": [{"class_id": 1, "score": 0.9}]}),
         _named(top_k=1), True),
        (_json({"top_k": [{"id": "a"}, {"id": "b"}]}), _json({"top_k": [{"id": "a"}, {"id": "c"}]}),
         _named(top_k=1), True),
        (_json({"numbers": [1, 2, 3]}), _json({"numbers": [1, 2, 4]}), EXACT, False),
        (_json({"top_k": [{"class_id": 1}]}), _json({"top_k": [{"class_id": 2}]}), _named(top_k=1), False),
        (_json({"text": "Hello"}), _json({"text": "Hallo"}), EXACT, False),
        (_json({"text": None}), _json({"text": "Hallo"}), EXACT, False),
        (_json({"found": True}), _json({"found": 1}), EXACT, False),
        (_json({"text": "Hello"}), _json({"text": "Hello", "more": 1}), EXACT, False),
        (_box(10), _box(11), EXACT, False),  # whole numbers
        (_box(10), _box(11), _named(atol=1.0), True),
        (_box(10.0), _box(10.05), EXACT, True),
        (_box(10), _box(10, label="dog"), EXACT, False),
        (_json({"objects": []}), _box(10), EXACT, False),
        (_json([1.5, [2.5]]), _json([1.5, [2.5, 3.5]]), EXACT, False),
    ],
)  # fmt: skip
def test_answers_of_tasks(one: Answer, other: Answer, tolerances: Tolerances, agrees: bool) -> None:
    assert _worst(compare(PREDICT, one, other, tolerances)).agrees is agrees
    assert _worst(compare(PREDICT, one, one, tolerances)).agrees


def _found(*things: tuple[str, float, float]) -> Answer:
    """Objects, as detectors answer them: label, score, and how far from the left they are."""
    found = [
        {"label": label, "score": score, "box": {"left": left, "top": 20.5}, "outline": [left, 1.5]}
        for label, score, left in things
    ]
    return _json({"objects": found})


CAT, DOG = ("cat", 0.9, 10.5), ("dog", 0.8, 70.5)
FIRST = Tolerance(rtol=0, atol=0, top_k=1)


@pytest.mark.parametrize(
    ("other", "agrees"),
    [
        pytest.param(_found(("cat", 0.2, 10.5), DOG), True, id="another score"),
        pytest.param(_found(CAT, ("cow", 0.8, 0.5)), True, id="another second object"),
        pytest.param(_found(("cat", 0.9, 10.51), DOG), True, id="a box within the tolerance"),
        pytest.param(_found(("cat", 0.9, 40.5), DOG), False, id="another box"),
        pytest.param(_found(("cat", 0.9, 1.4), DOG), False, id="a box with another order of its numbers"),
        pytest.param(_found(("dog", 0.9, 10.5), DOG), False, id="another label"),
        pytest.param(_found(), False, id="no object"),
    ],
)
def test_the_first_objects_are_the_same_but_for_their_scores(other: Answer, agrees: bool) -> None:
    tolerances = Tolerances(default=EXACT.default, of={"objects": FIRST})
    found = _worst(compare(PREDICT, _found(CAT, DOG), other, tolerances))
    assert (found.agrees, found.agrees or found.output) == (agrees, agrees or "objects")


def test_a_field_of_the_first_objects_may_have_a_tolerance_of_its_own() -> None:
    one, other = _found(CAT, DOG), _found(("cat", 0.9, 12.5), DOG)
    for atol, agrees in ((1.0, False), (3.0, True)):
        near = Tolerance(rtol=0, atol=atol)
        of = {"objects": FIRST, "box": near, "outline": near}
        assert _worst(compare(PREDICT, one, other, Tolerances(default=EXACT.default, of=of))).agrees is agrees


@pytest.mark.parametrize(("row", "agrees"), [([0.1, 0.2, 0.9], True), ([0.9, 0.2, 0.1], False)])
def test_rows_of_different_lengths_are_compared_by_their_places(row: list[float], agrees: bool) -> None:
    one, other = (_json({"predictions": [[0.5, 0.1], last]}) for last in ([0.3, 0.3, 0.5], row))
    assert _worst(compare(V1, one, other, _named(top_k=1))).agrees is agrees


def _embedding(*values: float) -> Answer:
    text = base64.b64encode(np.array(values, np.float32).tobytes()).decode()
    return _json({"data": [{"embedding": text, "index": 0}]})


def test_embeddings_as_base64_are_numbers() -> None:
    assert _worst(compare(EMBEDDINGS, _embedding(1, 2), _embedding(1, 2.001), EXACT)).agrees
    assert not _worst(compare(EMBEDDINGS, _embedding(1, 2), _embedding(1, 3), EXACT)).agrees
    assert not _worst(compare(EMBEDDINGS, _embedding(1, 2), _embedding(1, 2, 3), EXACT)).agrees


def _mask(pixels_off: int, height: int = 20) -> Answer:
    mask = np.zeros((height, 50), np.uint8)
    mask.reshape(-1)[:pixels_off] = 3
    return Answer(media="image/png", headers={}, body=png(mask))


def test_of_a_mask_a_part_of_the_pixels_may_differ() -> None:
    assert _worst(compare(PREDICT, _mask(0), _mask(10), EXACT)).agrees  # 1 %
    assert not _worst(compare(PREDICT, _mask(0), _mask(11), EXACT)).agrees
    assert not _worst(compare(PREDICT, _mask(0), _mask(0, height=21), EXACT)).agrees


@pytest.mark.parametrize(
    "body", [b"", b"\x89PNG\r\n\x1a\n", png(np.ones((9, 9), np.uint8))[:-30], b"JFIF"], ids=repr
)
def test_what_is_no_mask_of_ours_is_compared_by_its_bytes(body: bytes) -> None:
    picture = Answer(media="image/png", headers={}, body=body)
    assert pixels(body) is None
    assert _worst(compare(PREDICT, picture, picture, EXACT)).agrees
    assert not _worst(compare(PREDICT, picture, _mask(0), EXACT)).agrees


@pytest.mark.parametrize("body", [b"{", b"[1, 2", b"\xff", b""])
def test_an_answer_that_cannot_be_read_differs(body: bytes) -> None:
    for route in (INFER, PREDICT, V1):
        for one in (_v2(1), _npy(1), _raw(1), _mask(1)):
            found = compare(route, one, Answer(media=one.media, headers=one.headers, body=body), EXACT)
            assert not _worst(found).agrees


def test_answers_that_are_nested_too_deep_to_be_compared_differ() -> None:
    one, other = (
        Answer(media="application/json", headers={}, body=b"[" * 900 + leaf + b"]" * 900)
        for leaf in (b'"a"', b'"b"')
    )
    assert not _worst(compare(PREDICT, one, other, EXACT)).agrees


@pytest.mark.parametrize(
    ("one", "other", "quick"),
    [
        (_v1(1), _v1(2), True),
        (_v1(*range(20_000)), _v1(1), False),
        (_v1(1), _v1(*range(20_000)), False),
        (_v1(*range(20_000)), _v1(*range(20_000)), True),
        (_mask(0), _mask(1), False),  # however few its bytes are
    ],
)
def test_only_what_takes_a_moment_is_compared_without_a_thread(
    one: Answer, other: Answer, quick: bool
) -> None:
    assert is_quick(one, other) is quick


def test_another_media_type_differs() -> None:
    assert not _worst(compare(PREDICT, _npy(1), _v2(1), EXACT)).agrees


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_json({"text": "planted-name"}), _json({"planted-field": 1})),
        (_v1(41.5), _v1(99.5)),
        (_mask(0), _mask(900)),
    ],
)
def test_the_sentence_quotes_no_answer(one: Answer, other: Answer) -> None:
    for difference in compare(PREDICT, one, other, EXACT):
        said = difference.output + difference.fault
        assert "planted" not in said
        assert "99.5" not in said
