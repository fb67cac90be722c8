"""Values of a configuration: what is understood, and how what is not is named."""

from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.plain import Plain


def branch(value: Any) -> Branch:
    return Branch(tree=value, file="inference.yml", path="a")


@pytest.mark.parametrize(
    ("value", "number"),
    [(0.5, 0.5), (3, 3.0), ("1./255.", 1 / 255), ("1.0 / 255.0", 1 / 255), ("0.25", 0.25), ("1e-3", 1e-3)],
)
def test_a_fraction_is_computed_and_never_evaluated(value: Any, number: float) -> None:
    assert branch(value).number() == number


@pytest.mark.parametrize("value", ["__import__('os')", "1/0", "2**9", "1/2/3", "", "nan", True, None, [1]])
def test_other_texts_are_no_numbers(value: Any) -> None:
    with pytest.raises(StartError, match=r"^inference\.yml: a is .* and no number, which this server"):
        branch(value).number()


def test_a_key_that_is_not_known_is_named_with_its_place_and_the_cure() -> None:
    table = branch({"size": 224, "mode": "TL"})
    assert table.only("size", "mode") is table
    with pytest.raises(StartError) as refusal:
        table.only("size")
    assert refusal.value.reason == "ConfigurationNotUnderstood"
    assert refusal.value.message == (
        "inference.yml: a.mode is no parameter that can be served, which this server does not know; name the "
        "task with its fields in spec.task, and the file is not needed."
    )


def test_sides_and_channels_may_be_one_number_for_all() -> None:
    assert branch(224).pair() == (224, 224)
    assert branch([192, 48]).pair() == (192, 48)
    assert branch(0.5).three() == (0.5, 0.5, 0.5)
    assert branch([1, 2, "3"]).three() == (1.0, 2.0, 3.0)
    for wrong in ([1], [0, 5], "224", 8193, True):
        with pytest.raises(StartError):
            branch(wrong).pair()


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "3", None])
def test_a_count_is_no_matter_of_pixels(wrong: Any) -> None:
    assert branch(8192).count() == 8192
    with pytest.raises(StartError, match=r"a is .* and no whole number from 1 to 8192, which"):
        branch(wrong).count()


def test_names_of_classes_are_texts() -> None:
    assert branch(["cat", 7]).names() == ["cat", "7"]
    assert branch([Plain("no", False), Plain("~", None), Plain("007", 7)]).names() == ["no", "~", "007"]
    assert branch(None).names() is branch(Plain("null", None)).names() is None
    for wrong in ([], "cat", ["x" * 2000], [True], [None], [1.5], [["a"]], [{"a": 1}]):
        with pytest.raises(StartError):
            branch(wrong).names()


def test_what_has_no_quotes_is_a_number_where_one_is_wanted_and_else_a_text() -> None:
    assert branch(Plain("0x10", 16)).side() == 16
    assert branch(Plain("1.5e+0", 1.5)).number() == 1.5
    assert branch(Plain("no", False)).truth(default=True) is False
    assert branch(Plain("007", 7)).text() == "007"
    for nothing in (None, Plain("", None), Plain("~", None)):
        with pytest.raises(StartError, match="a is no text"):
            branch(nothing).text()


def test_operations_have_a_name_in_either_way() -> None:
    name, parameters = branch({"Crop": {"size": 8}}).named()
    assert (name, parameters.value, parameters.place) == ("Crop", {"size": 8}, "inference.yml: a.Crop")
    assert branch("ToCHW").named()[0] == "ToCHW"
    name, parameters = branch({"type": "Resize", "interp": 2}).typed()
    assert (name, parameters.value) == ("Resize", {"interp": 2})
    wrong: Any
    for wrong in ({}, {"a": 1, "b": 2}, [1], None):
        with pytest.raises(StartError):
            branch(wrong).named()
    for wrong in ({}, {"type": 1}, "Resize"):
        with pytest.raises(StartError):
            branch(wrong).typed()
