"""The doctor's steps: each situation of the judge is found by the doctor, in the judge's own words."""

import json
from dataclasses import replace
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.names import ChildKey
from paddlemodel_operator.commands.deployed.doctor.command import _line, conclusion, walk
from paddlemodel_operator.commands.deployed.doctor.seen import Answer, Seen, State, Step
from paddlemodel_operator.commands.deployed.records import NotKnown, Operator
from paddlemodel_operator.language.words import speak
from paddlemodel_operator.observe.children import Container, Observed
from paddlemodel_operator.status.judge import judge

from tests.operator.support.builders import (
    NOW,
    SETTINGS,
    UID,
    body,
    fetched,
    model,
    observed,
    pod,
    ready_pod,
    words,
)
from tests.operator.support.situations import SITUATIONS

OPERATOR = Operator(namespace="system", name="operator", ready=1, image="operator:1", settings=SETTINGS)
OWNED = {"metadata": {"ownerReferences": [{"uid": UID, "controller": True}]}, "status": {}}
INPUTS = json.dumps({"name": "resnet50", "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]})
ANSWER = Answer(pod="pod-a", path="/v2/models/resnet50", status=200, body=INPUTS.encode())
ENDPOINTS = [{"endpoints": [{"conditions": {"ready": True}}, {"conditions": {"ready": False}}]}]


def seen(found: Observed | NotKnown, spec: dict[str, Any] | None = None, **fields: Any) -> Seen:
    parsed = model(**(spec or {}))
    status = judge(parsed, found, before={}, now=NOW) if isinstance(found, Observed) else {}
    defaults: dict[str, Any] = {
        "body": body(**(spec or {})) | {"status": status or {"observedGeneration": 7}},
        "model": parsed,
        "operator": OPERATOR,
        "children": {
            ChildKey(names.SERVICE, "resnet50"): OWNED,
            ChildKey(names.DEPLOYMENT, "resnet50"): OWNED,
        },
        "observed": found,
        "endpoints": [],
        "classes": [],
        "answer": None,
    }
    return Seen(**{**defaults, **fields})


def walked(*args: Any, **fields: Any) -> dict[str, Step]:
    return {step.name: step for step in walk(seen(*args, **fields))}


ORDER = [
    *("spec", "operator", "objects", "pods", "image", "fetch", "load", "verification", "ready"),
    *("service", "autoscaling", "ingress", "gateway", "answer"),
]


@pytest.mark.parametrize(("found", "fields", "reason", "part"), SITUATIONS.values(), ids=SITUATIONS)
def test_every_situation_of_the_judge_is_found_in_its_words(
    found: Observed, fields: dict[str, Any], reason: str, part: str
) -> None:
    steps = walked(found, fields)
    assert list(steps) == ORDER
    failed = [step for step in steps.values() if step.state is State.FAILED]
    if reason == "Progressing":
        assert failed == []
        return
    (ready,) = (
        one
        for one in judge(model(**fields), found, before={}, now=NOW)["conditions"]
        if one["type"] == "Ready"
    )
    assert failed[0].text == f"{reason}: {ready['message']}"
    assert part in failed[0].text
    later = ORDER[ORDER.index(failed[0].name) + 1 : ORDER.index("service")]
    assert all(steps[name].text for name in later)
    assert all(steps[name].state is not State.OK or name == "verification" for name in later)


def test_a_model_that_answers_is_well_in_every_step() -> None:
    steps = walked(observed(ready_pod()), endpoints=ENDPOINTS, answer=ANSWER)
    assert {step.state for step in steps.values()} == {State.OK}
    assert steps["operator"].text == "system/operator runs (operator:1); it has handled generation 7"
    assert steps["service"].text == "Service resnet50 leads to 1 ready pod"
    assert steps["answer"].text == ("GET /v2/models/resnet50 of pod pod-a answers 200: inputs x FP32[-1, 3]")
    assert conclusion(list(steps.values())) == "\nEvery step is ok, from the spec to the answer.\n"


def test_what_comes_after_a_fault_says_so() -> None:
    broken = pod(fetch=Container(exit_code=1, exit_message=words(reason="NotFound", message="No such file.")))
    steps = walked(observed(broken))
    assert (steps["pods"].state, steps["image"].state) == (State.OK, State.OK)
    assert steps["fetch"].text == "NotFound: No such file."
    for name in ("load", "ready"):
        assert steps[name] == Step(name, State.NOT_KNOWN, "it comes after fetch, which failed.")
    assert steps["answer"].text == "no pod is ready to be asked."
    assert conclusion(list(steps.values())) == "\nBegin with the step fetch.\n"


def test_a_pod_that_fails_beside_one_that_serves_is_named() -> None:
    waiting = pod(name="pod-b", fetch=Container(waiting="ImagePullBackOff", waiting_message="not found"))
    step = walked(observed(ready_pod(), waiting))["image"]
    assert step.state is State.OK
    assert step.text.startswith("1 of 2 pods have begun. But ImagePull: The node cannot pull")


def test_a_model_that_answers_otherwise_than_recorded() -> None:
    refused = Container(
        exit_code=1, exit_message=words(reason="VerificationFailed", message="Request 3: 0.5.")
    )
    spec = {"verification": {"recording": {"configMap": {"name": "golden"}}}}
    steps = walked(observed(pod(fetch=fetched(), server=refused)), spec)
    assert steps["load"].state is State.OK
    assert steps["verification"].text == "VerificationFailed: Request 3: 0.5."
    assert steps["ready"].state is State.NOT_KNOWN


def test_a_spec_that_is_refused_is_the_first_step() -> None:
    steps = walked(observed(ready_pod()), model=NotKnown("spec.x is no field: remove it"), children={})
    assert steps["spec"].text == "spec.x is no field: remove it"
    assert steps["fetch"].text == "it comes after spec, which failed."
    assert "spec" in steps["ingress"].text


def test_an_operator_that_does_not_run_is_named() -> None:
    dead = Operator(namespace="s", name="o", ready=0, image="i", settings=SETTINGS)
    step = walked(observed(), operator=dead)["operator"]
    assert (step.state, step.text) == (
        State.FAILED,
        "Deployment s/o has no ready pod: kubectl logs --namespace s deployment/o says why.",
    )
    stale: dict[str, Any] = {**body(), "status": {"observedGeneration": 6}}
    step = walked(observed(), body=stale)["operator"]
    assert step.state is State.NOT_KNOWN
    assert "has not handled generation 7 of the spec yet, but 6" in step.text
    leaderless = replace(OPERATOR, holder="")
    step = walked(observed(), operator=leaderless)["operator"]
    assert step.state is State.FAILED
    assert step.text.startswith("No pod of Deployment system/operator holds the Lease by which one works: ")
    led = walked(observed(), operator=replace(OPERATOR, holder="pod-1"))["operator"]
    assert led.text == "system/operator runs (operator:1), pod-1 leads; it has handled generation 7"
    assert walked(observed(), operator=replace(OPERATOR, holder=NotKnown("x")))["operator"].state is State.OK
    teams = SETTINGS.model_copy(update={"watch_namespaces": ("vision", "text")})
    other = Operator(namespace="s", name="o", ready=1, image="i", settings=teams)
    step = walked(observed(), operator=other)["operator"]
    assert step.state is State.FAILED
    assert "s/o serves the namespaces vision, text only: add ml to the chart's" in step.text
    unread = walked(observed(), operator=NotKnown("you lack a right."))["operator"]
    assert unread.state is State.OK
    assert unread.text.endswith("whether it runs now is not known: you lack a right.")
    assert walked(observed(), operator=NotKnown("x"), body=stale)["operator"].state is State.NOT_KNOWN


def test_a_newer_spec_of_a_paused_model_waits() -> None:
    paused = {"type": "Paused", "status": "True", "reason": "Paused", "message": "Remove the annotation."}
    waiting: dict[str, Any] = {**body(), "status": {"observedGeneration": 6, "conditions": [paused]}}
    step = walked(observed(ready_pod()), body=waiting)["operator"]
    assert step == Step("operator", State.FAILED, "Paused: Remove the annotation.")


def test_an_object_that_is_missing_or_of_somebody_else_is_named() -> None:
    foreign: dict[str, Any] = {"metadata": {"ownerReferences": []}}
    there = {ChildKey(names.SERVICE, "a"): foreign, ChildKey(names.DEPLOYMENT, "a"): None}
    step = walked(observed(), children=there)["objects"]
    assert step.state is State.FAILED
    assert step.text.startswith("the model has no Service a, no Deployment a of its own. Progressing: ")
    unread = {ChildKey(names.SERVICE, "a"): NotKnown("you lack a right.")}
    assert walked(observed(), children=unread)["objects"] == Step(
        "objects", State.NOT_KNOWN, "you lack a right."
    )


def test_a_missing_right_is_named_in_every_step_that_needs_it() -> None:
    lacking = NotKnown("you lack a right, ask for it: pods")
    steps = walked(lacking, endpoints=lacking, answer=lacking)
    for name in ("pods", "image", "fetch", "load", "verification", "ready", "service", "answer"):
        assert steps[name] == Step(name, State.NOT_KNOWN, lacking.why)


def test_a_service_that_leads_nowhere() -> None:
    assert walked(observed(ready_pod()))["service"].state is State.FAILED
    assert walked(observed(pod()))["service"].text == "it leads to ready pods, and there is none."


def test_the_autoscaler_is_judged_by_the_operator() -> None:
    spec: dict[str, Any] = {"autoscaling": {"maxReplicas": 2, "cpuUtilization": 60}}
    step = walked(observed(ready_pod()), spec)["autoscaling"]
    assert step.state is State.NOT_KNOWN
    found = body(**spec)
    said = {
        "type": "AutoscalingActive",
        "status": "False",
        "reason": "PodsUnreachable",
        "message": "Allow it.",
    }
    found["status"] = {"observedGeneration": 7, "conditions": [said]}
    step = walked(observed(ready_pod()), spec, body=found)["autoscaling"]
    assert step == Step("autoscaling", State.FAILED, "PodsUnreachable: Allow it.")
    targets = [{"name": "cpuUtilization", "target": "60", "current": "41"}, {"name": "x", "target": "1"}]
    found["status"] |= {"autoscaling": {"targets": targets}}
    found["status"]["conditions"][0] |= {"status": "True", "message": "It reads."}
    step = walked(observed(ready_pod()), spec, body=found)["autoscaling"]
    assert step == Step("autoscaling", State.OK, "It reads. (cpuUtilization 41 of 60, x not read of 1)")


INGRESS = {"ingress": {"host": "a.example.com", "className": "nginx"}}
NGINX = [{"metadata": {"name": "nginx"}}]


def test_an_ingress_without_a_controller() -> None:
    assert "IngressClass nginx does not exist" in walked(observed(), INGRESS)["ingress"].text
    without = {"ingress": {"host": "a.example.com"}}
    assert "no IngressClass is the cluster's default" in walked(observed(), without)["ingress"].text
    key = ChildKey(names.INGRESS, "resnet50")
    waiting = walked(observed(), INGRESS, classes=NGINX, children={key: OWNED})["ingress"]
    assert waiting.state is State.NOT_KNOWN
    assert "If clients do not reach a.example.com" in waiting.text
    served = OWNED | {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    step = walked(observed(), INGRESS, classes=NGINX, children={key: served})["ingress"]
    assert step == Step("ingress", State.OK, "a.example.com is served at 192.0.2.1")
    for fields in (without, INGRESS):  # A controller that needs no IngressClass has taken it.
        assert walked(observed(), fields, classes=[], children={key: served})["ingress"] == step


def test_what_the_operator_says_of_a_gateway_is_a_step() -> None:
    spec: dict[str, Any] = {"gateway": {"parentRefs": [{"name": "public"}]}}
    step = walked(observed(ready_pod()), spec)["gateway"]
    assert (step.state, step.text[:8]) == (State.NOT_KNOWN, "Pending:")
    untold = walked(observed(ready_pod()), spec, body=body(**spec))["gateway"]
    assert untold == Step("gateway", State.NOT_KNOWN, "the operator has not said anything about it yet.")
    missing = replace(observed(ready_pod()), missing=(names.HTTP_ROUTE,))
    step = walked(missing, spec)["gateway"]
    assert step.state is State.FAILED
    assert step.text.startswith("GatewayAPIMissing: The cluster does not know the kind HTTPRoute: install")


def test_an_answer_that_is_none() -> None:
    closed = {"access": {"apiKeys": {"secretName": "clients"}}}
    asks = Answer(pod="pod-a", path="/v2/models/resnet50", status=401, body=b"{}")
    assert walked(observed(ready_pod()), closed, answer=asks)["answer"].state is State.OK
    assert walked(observed(ready_pod()), answer=asks)["answer"].state is State.FAILED
    odd = Answer(pod="pod-a", path="/v2/models/resnet50", status=200, body=b"[1]")
    assert walked(observed(ready_pod()), answer=odd)["answer"].text.endswith("not with a model's metadata")


def test_in_chinese_a_step_has_the_cure_in_front_of_the_sentence() -> None:
    speak("zh")
    try:
        found = walked(*SITUATIONS["no GPU anywhere"][:2])
        shown = _line(found["pods"])
        last = conclusion(list(found.values()))
    finally:
        speak("en")
    assert shown.startswith("失败      pods          NoGPU: 没有节点有足够的空闲 GPU")
    assert "详情：No node has 1 free nvidia.com/gpu" in shown.replace("\n", " ")
    assert found["image"].text == "它在步骤 pods 之后，而该步骤失败。"
    assert last == "\n请从步骤 pods 开始处理。\n"
