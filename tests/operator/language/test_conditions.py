"""Every status that the operator may write, in both languages."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_operator.language.conditions import DETAILS, MESSAGE_MAX, of_status, worded
from paddlemodel_operator.language.cures import OF_TYPE
from paddlemodel_operator.status.doctor import diagnose
from paddlemodel_operator.status.events import NOTE_MAX, transition

from tests.operator.status.test_kstatus import STATUSES
from tests.operator.support.builders import NOW, body
from tests.operator.support.chains import CHAINS

Object = dict[str, Any]
READY = "没有节点可以接纳 Pod。请调低 spec.resources.requests，更改 spec.pod，或添加节点。"


@pytest.mark.parametrize("found", STATUSES.values(), ids=STATUSES)
def test_every_condition_begins_in_chinese_and_keeps_its_sentence(found: Object) -> None:
    english, chinese = found["status"], of_status(found["status"], "zh")
    assert english["conditions"]
    for one, other in zip(english["conditions"], chinese["conditions"], strict=True):
        cure, _, sentence = other["message"].partition(DETAILS)
        assert re.search(r"[\u4e00-\u9fff]", cure)
        assert sentence == one["message"]
        assert other | {"message": ""} == one | {"message": ""}
    assert of_status(chinese, "zh") == chinese, "a second time it stays"
    assert of_status(chinese, "en") == english, "and the way back"


def test_a_sentence() -> None:
    english = "No node takes pod a-1. The scheduler says: 0/1 nodes are available."
    assert worded("Ready", "Unschedulable", english, "zh") == f"{READY}详情：{english}"
    assert worded("Ready", "Unschedulable", english, "en") == english


@pytest.mark.parametrize("kind", ["RouteAccepted", "AutoscalingActive", "OfAnotherVersion"])
def test_what_others_say_stays(kind: str) -> None:
    said = "the HPA was unable to compute the replica count"
    assert worded(kind, "FailedGetContainerResourceMetric", said, "zh") == said


def test_what_the_chain_of_an_autoscaler_finds_is_chinese_unless_kubernetes_says_it() -> None:
    theirs = {chain.reason for chain in CHAINS.values()} - OF_TYPE["AutoscalingActive"].keys()
    assert all(re.match("FailedGet|TriggerError|ScaledObjectCheckFailed", one) for one in theirs)
    for chain in CHAINS.values():
        found = diagnose(chain.case)
        message = worded("AutoscalingActive", found.reason, found.message, "zh")
        assert (DETAILS in message) == (found.reason not in theirs), found.reason


@given(st.text(max_size=4000))
def test_a_message_is_never_longer_than_the_definition_allows(text: str) -> None:
    message = worded("Ready", "Unschedulable", text, "zh")
    assert len(message) <= MESSAGE_MAX
    assert worded("Ready", "Unschedulable", message, "zh") == message


def test_the_note_of_an_event_is_counted_in_bytes() -> None:
    """The API server refuses one of more than 1024 bytes."""
    said = {"type": "Ready", "status": "False", "reason": "CrashLoop", "message": "节点" * 600}
    event = transition(body(), {}, {"conditions": [said]}, "pod", NOW)
    assert event is not None
    assert len(event["note"].encode()) in range(NOTE_MAX - 3, NOTE_MAX + 1)
    assert set(event["note"]) == {"节", "点"}
