"""What a paused model says of itself."""

from dataclasses import replace
from typing import Any

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.status.events import transition
from paddlemodel_operator.status.judge import judge, judge_invalid
from paddlemodel_operator.status.pause import spec_waits

from tests.operator.status.test_judge import condition
from tests.operator.support.builders import LATER, NOW, body, model, observed, ready_pod

CURE = "To resume: kubectl annotate pdm resnet50 paddlemodel.dev/paused- --namespace ml."


def paused() -> PaddleModel:
    return replace(model(), paused=True)


def judged(found: PaddleModel, seen: Observed, **more: Any) -> dict[str, Any]:
    return judge(found, seen, before={}, now=NOW, **more)


def test_a_paused_model_says_so_and_how_to_go_on() -> None:
    status = judged(paused(), observed(ready_pod()))
    said = condition(status, "Paused")
    assert (said["status"], said["reason"]) == ("True", "Annotated")
    assert said["message"] == f"The operator changes none of the model's objects. {CURE}"
    assert status["columns"]["replicas"] == "1/1, paused"
    assert condition(status)["reason"] == "Serving"


def test_it_names_what_would_change_without_it() -> None:
    seen = replace(observed(ready_pod()), waiting=("Deployment resnet50", "Service resnet50"))
    message = condition(judged(paused(), seen), "Paused")["message"]
    assert message.endswith("Without it these would change now: Deployment resnet50, Service resnet50.")


def test_a_changed_spec_is_not_ready_and_the_previous_one_serves() -> None:
    found = paused()
    said = condition(judged(found, observed(ready=1), fault=spec_waits(found)))
    assert (said["status"], said["reason"]) == ("False", "Paused")
    assert said["message"].startswith(f"The spec of generation 7 waits while the model is paused. {CURE}")
    assert said["message"].endswith("The previous version still serves (1 ready).")


def test_that_is_no_warning() -> None:
    after = judged(paused(), observed(ready=1), fault=spec_waits(paused()))
    before = judged(model(), observed(ready_pod()))
    event = transition(body(), before, after, "here", LATER)
    assert event is not None
    assert (event["reason"], event["type"]) == ("Paused", "Normal")


def test_a_model_that_is_not_paused_says_nothing_of_it() -> None:
    status = judged(model(), observed(ready_pod()))
    assert "Paused" not in {one["type"] for one in status["conditions"]}
    assert status["columns"]["replicas"] == "1/1"


def test_a_spec_that_cannot_be_read_is_not_called_paused() -> None:
    """Nothing is changed of it anyway, and whether the annotation is still there would not be followed."""
    before = judged(paused(), observed(ready_pod()))
    status = judge_invalid("spec.x is wrong", 8, before, LATER)
    assert "Paused" not in {one["type"] for one in status["conditions"]}
