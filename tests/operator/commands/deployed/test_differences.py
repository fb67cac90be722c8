"""What `paddlemodel diff` shows of two states of an object: what somebody wrote, and no secret."""

from typing import Any

import pytest
from paddlemodel_operator.commands.deployed.differences import difference, three_way

from tests.operator.support.builders import body


def live(**fields: Any) -> dict[str, Any]:
    found = body(**fields)
    found["metadata"] |= {"managedFields": [{}], "creationTimestamp": "2026-01-01T00:00:00Z"}
    found["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    return found | {"status": {"replicas": 1}}


def changed(text: str) -> list[str]:
    return [line for line in text.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_what_the_server_counts_is_no_difference() -> None:
    later = live()
    later["metadata"] |= {"resourceVersion": "9", "generation": 8, "managedFields": [], "uid": "another"}
    assert difference("x", live(), later | {"status": {}}) == ""


def test_a_change_is_shown_with_its_surroundings() -> None:
    text = difference("v1.X.ml.a", live(replicas=1), live(replicas=2))
    assert text.startswith("--- live/v1.X.ml.a\n+++ merged/v1.X.ml.a\n@@ ")
    assert changed(text) == ["-  replicas: 1", "+  replicas: 2"]
    assert "   device: CPU" in text


def test_an_object_that_comes_or_goes_is_shown_whole() -> None:
    for sign, text in (("+", difference("x", None, live())), ("-", difference("x", live(), None))):
        lines = text.splitlines()[3:]
        assert all(line.startswith(sign) for line in lines)
        assert {f"{sign}kind: PaddleModel", f"{sign}  device: CPU"} <= set(lines)
    assert difference("x", None, None) == ""


URI = "https://me:pass1@models.example.com/a.tar?sig=5ecret"


def test_secrets_are_not_shown_but_that_they_change_is() -> None:
    env = [{"name": "API_TOKEN", "value": "t0ken"}, {"name": "MODE", "value": "fast"}]
    before = live(model={"uri": URI}, pod={"env": env})
    env = [{"name": "API_TOKEN", "value": "t1ken"}, {"name": "MODE", "value": "slow"}]
    after = live(model={"uri": URI.replace("5ecret", "6ecret")}, pod={"env": env})
    text = difference("x", before, after)
    for secret in ("5ecret", "6ecret", "t0ken", "t1ken", "pass1"):
        assert secret not in text
    assert "-    uri: https://***@models.example.com/a.tar?*** (before)" in changed(text)
    assert "+    uri: https://***@models.example.com/a.tar?*** (after)" in changed(text)
    values = [line for line in changed(text) if "value: " in line]
    assert values == [
        "-      value: '*** (before)'",
        "+      value: '*** (after)'",
        "-      value: fast",
        "+      value: slow",
    ]
    # A secret that stays is no change, and no line of context shows it.
    assert "5ecret" not in difference("x", before, live(model={"uri": URI}, replicas=3))


@pytest.mark.parametrize(
    ("original", "modified", "current", "patch"),
    [
        ({"a": 1}, {"a": 1}, {"a": 1, "b": 2}, {}),
        ({"a": 1, "c": 3}, {"a": 1}, {"a": 1, "c": 3}, {"c": None}),
        ({"c": 3}, {}, {}, {}),
        ({}, {"a": {"x": 1}}, {"a": {"x": 0, "y": 1}}, {"a": {"x": 1}}),
        ({"a": {"y": 1}}, {"a": {"x": 1}}, {"a": {"x": 1, "y": 1}}, {"a": {"y": None}}),
        ({}, {"l": [1]}, {"l": [2, 3]}, {"l": [1]}),
        ({"a": 5}, {"a": {"x": 1}}, {"a": {"x": 2}}, {"a": {"x": 1}}),
    ],
)
def test_the_patch_is_that_of_a_client_side_apply(
    original: Any, modified: Any, current: Any, patch: Any
) -> None:
    assert three_way(original, modified, current) == patch
