"""Of two answers in JSON the texts alone may count; what is off is named for people."""

from typing import Any

import pytest
from paddlemodel_server.verification import json_answers, rules
from paddlemodel_server.verification.differences import Difference, Tolerance, Tolerances

EXACT = Tolerances(default=rules.EXACT)


def worst(one: Any, other: Any, tolerances: Tolerances) -> Difference:
    return max(json_answers.compare(one, other, tolerances), key=lambda one: (not one.agrees, one.weight))


def page(*lines: tuple[str, float]) -> dict[str, Any]:
    found = [{"text": text, "score": score, "box": [[1, 2], [3, 4]]} for text, score in lines]
    return {"lines": found, "width": 640}


PAGE = page(("Invoice 2026", 0.9), ("Total", 0.8))


@pytest.mark.parametrize(
    ("other", "part", "fault"),
    [
        pytest.param(page(("Invoice 2026", 0.1), ("Total", 0.2)), 0.0, "", id="other scores"),
        pytest.param(
            page(("Invoice 2O26", 0.9), ("Total", 0.8)),
            0.0,
            "1 characters are others, 17",
            id="a letter",
        ),
        pytest.param(page(("Invoice 2O26", 0.9), ("Total", 0.8)), 0.06, "", id="few letters are allowed"),
        pytest.param(
            page(("Invoice 2O26", 0.9), ("Tota1", 0.8)), 0.06, "2 characters", id="more than are allowed"
        ),
        pytest.param(page(("Invoice 2026", 0.9)), 0.0, "6 characters", id="a line less"),
        pytest.param(page(("Total", 0.8), ("Invoice 2026", 0.9)), 0.0, "12 characters", id="another order"),
    ],
)
def test_of_a_field_compared_by_text_the_texts_alone_count(other: Any, part: float, fault: str) -> None:
    of = {"lines": Tolerance(rtol=part, atol=0, text=True)}
    found = worst(PAGE, other, Tolerances(default=EXACT.default, of=of))
    assert found.fault.startswith(fault)
    assert (not found.agrees) == bool(fault)


def test_the_texts_of_all_things_count_together() -> None:
    of = {"text": Tolerance(rtol=0.06, atol=0, text=True), "score": Tolerance(rtol=0, atol=1.0)}
    tolerances = Tolerances(default=EXACT.default, of=of)
    assert worst(PAGE, page(("Invoice 2O26", 0.1), ("Total", 0.2)), tolerances).agrees
    worse = json_answers.compare(PAGE, page(("Invoice 2O26", 0.1), ("Tota1", 0.2)), tolerances)
    assert [one.output for one in worse if not one.agrees] == ["text"]


def test_what_has_no_texts_is_told() -> None:
    tolerances = Tolerances(default=EXACT.default, of={"lines": Tolerance(rtol=0, atol=0, text=True)})
    found = worst({"lines": [{"score": 0.5}]}, {"lines": [{"score": 0.25}]}, tolerances)
    assert found.fault == "it has numbers and no texts: compare it by Values or TopK"


@pytest.mark.parametrize(
    ("one", "other", "index", "expected", "actual"),
    [
        ({"lines": [{"text": "a"}, {"text": "b"}]}, {"lines": [{"text": "a"}, {"text": "c"}]},
         "lines[1].text", "b", "c"),
        ({"lines": [{"text": "a"}]}, {"lines": []}, "lines", "1 long", "0 long"),
        ({"top": {"class_id": 3}}, {"top": {"class_id": 4}}, "top.class_id", "3", "4"),
        ({"a": [1.0, 2.0], "b": [[5.0, 6.0]]}, {"a": [1.0, 2.0], "b": [[5.0, 9.0]]}, "b[0][1]", "6", "9"),
        ({"box": [1, 2, 3]}, {"box": [1, 7, 3]}, "box[1]", "2", "7"),
        ({"a": 0.5}, {"a": 0.75}, "a", "0.5", "0.75"),
        ({"a": 0.5, "b": 1}, {"a": 0.5}, "", "a, b", "a"),
        ({"v": [1.5, 2.5]}, {"v": [1.5]}, "v", "of [2]", "of [1]"),
        ([1.5, None], [1.5, 2.5], "[1]", "None", "2.5"),
    ],
)  # fmt: skip
def test_what_is_off_is_named_for_people(
    one: Any, other: Any, index: str, expected: str, actual: str
) -> None:
    (found,) = [d for d in json_answers.compare(one, other, EXACT) if not d.agrees]
    assert found.worst is not None
    assert (found.worst.index, found.worst.expected, found.worst.actual) == (index, expected, actual)


def test_the_fields_of_an_answer() -> None:
    assert json_answers.fields({"lines": [{"text": "a"}], "width": 1}) == {"lines", "text", "width"}
    assert json_answers.fields([1.5]) == set()
