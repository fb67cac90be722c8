"""What the commands for a cluster say of a task's further models, which are fetched beside the first one."""

import datetime as dt

from paddlemodel_operator.commands.deployed import facts
from paddlemodel_operator.commands.deployed.doctor.seen import State
from paddlemodel_operator.commands.deployed.status_page import page
from paddlemodel_operator.observe.children import Container
from paddlemodel_operator.status.judge import judge

from tests.operator.commands.deployed.doctor.test_steps import walked
from tests.operator.support.builders import DIGEST, NOW, body, fetched, model, observed, pod, ready_pod, words
from tests.operator.support.task_specs.ocr_specs import READER, of_page

OTHER = "sha256:" + "b" * 64
SERVING = observed(ready_pod(fetches={"recognition": fetched(OTHER)}))


def test_the_page_has_where_each_came_from_and_its_digest() -> None:
    status = judge(model(**of_page()), SERVING, before={}, now=NOW)
    found = facts.of_model(body(**of_page()) | {"status": status}) | {"versions": [], "events": []}
    shown = [line.split() for line in page(found, dt.datetime.fromisoformat(NOW)).splitlines()]
    assert ["Model", "recognition", READER["uri"]] in shown
    assert ["Digest", "recognition", OTHER] in shown


def test_the_step_fetch_is_well_when_all_are_there() -> None:
    step = walked(SERVING, of_page())["fetch"]
    assert (step.state, step.text) == (State.OK, f"1 of 1 pods have the model, {DIGEST}, {OTHER}")


def test_the_step_fetch_fails_with_any_of_them_and_is_not_over_before_the_last() -> None:
    broken = Container(exit_code=1, exit_message=words(reason="NotFound", message="No such file."))
    step = walked(observed(pod(fetch=fetched(), fetches={"recognition": broken})), of_page())["fetch"]
    assert step.text == "NotFound: spec.task.ocr.recognition: No such file."
    running = Container(running=True)
    steps = walked(observed(pod(fetch=fetched(), fetches={"recognition": running})), of_page())
    assert steps["image"].state is State.OK
    assert steps["fetch"].state is not State.OK
