"""From what was observed to what a person reads: each row of the tables is a situation in a cluster."""

from typing import Any

import pytest
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.names import DEPLOYMENT, SERVICE, ChildKey
from paddlemodel_operator.observe.children import Container, Observed
from paddlemodel_operator.status.events import transition
from paddlemodel_operator.status.judge import judge, judge_invalid
from paddlemodel_operator.status.known import merge_patch
from paddlemodel_operator.status.readiness_checks import rejection
from paddlemodel_operator.status.reports import Fault

from tests.operator.support.builders import (
    DIGEST,
    LATER,
    NOW,
    URI,
    body,
    fetched,
    model,
    observed,
    pod,
    ready_pod,
    workload,
)
from tests.operator.support.situations import NO_GPU, SITUATIONS, failed_fetch, termination

Status = dict[str, Any]


def judged(seen: Observed, before: Status | None = None, fault: Fault | None = None, **fields: Any) -> Status:
    return judge(model(**fields), seen, fault=fault, before=before or {}, now=NOW)


def condition(status: Status, kind: str = "Ready") -> Status:
    (found,) = (one for one in status["conditions"] if one["type"] == kind)
    result: Status = found
    return result


@pytest.mark.parametrize(("seen", "fields", "reason", "part"), SITUATIONS.values(), ids=SITUATIONS)
def test_why_a_model_is_not_ready(seen: Observed, fields: dict[str, Any], reason: str, part: str) -> None:
    ready = condition(judged(seen, **fields))
    assert (ready["status"], ready["reason"]) == ("False", reason)
    assert part in ready["message"]


def test_a_pod_that_answers_makes_it_ready() -> None:
    status = judged(observed(ready_pod()))
    assert condition(status) == {
        "type": "Ready",
        "status": "True",
        "reason": "Serving",
        "message": "1 pod answers at http://resnet50.ml.svc",
        "observedGeneration": 7,
        "lastTransitionTime": NOW,
    }
    assert condition(status, "Progressing")["reason"] == "Complete"


def test_scaling_does_not_interrupt_readiness() -> None:
    """The Deployment's controller has not seen the new number yet; the pods of this version still answer."""
    before = judged(observed(ready_pod()))
    after = judge(model(), observed(ready_pod(), current=False, desired=2), before=before, now=LATER)
    ready = condition(after)
    assert (ready["status"], ready["reason"], ready["lastTransitionTime"]) == ("True", "Serving", NOW)
    assert condition(after, "Progressing")["reason"] == "Applying"


def test_the_whole_status_of_a_ready_model() -> None:
    status = judged(observed(ready_pod(), ready_pod("pod-b"), desired=3, replicas=3, updated=3), replicas=3)
    del status["conditions"]
    assert status == {
        "observedGeneration": 7,
        "url": "http://resnet50.ml.svc",
        "replicas": 3,
        "readyReplicas": 2,
        "selector": "app.kubernetes.io/name=paddlemodel-server,paddlemodel.dev/model=resnet50,"
        "paddlemodel.dev/pool=main,paddlemodel.dev/track=stable",
        "model": {"uri": URI, "digest": DIGEST, "format": "PIR"},
        "columns": {"replicas": "2/3", "digest": "sha256:aaaaaaaaaaaa", "access": "Open"},
    }


def test_one_pod_of_several_is_enough_and_the_rest_is_progress() -> None:
    waiting = pod(name="pod-b", scheduled=False, unschedulable=NO_GPU)
    status = judged(
        observed(ready_pod(), waiting, desired=2, replicas=2, updated=2), device="GPU", replicas=2
    )
    assert condition(status)["status"] == "True"
    progress = condition(status, "Progressing")
    assert (progress["status"], progress["reason"]) == ("True", "NoGPU")
    assert progress["message"].startswith(
        "1 of 2 pods are of the newest version and ready. NoGPU: No node has"
    )


def test_while_the_previous_version_serves_a_bad_new_one_is_reported() -> None:
    """`kubectl wait` must not take an update for done that never worked."""
    seen = observed(
        failed_fetch(termination(reason="NotFound", message="No such archive.")), ready=1, replicas=2
    )
    ready = condition(judged(seen))
    assert (ready["status"], ready["reason"]) == ("False", "NotFound")
    assert ready["message"] == "No such archive. The previous version still serves (1 ready)."


def test_what_went_wrong_while_applying_comes_first() -> None:
    ready = condition(judged(observed(ready_pod()), fault=Fault("NameConflict", "Somebody else's.")))
    assert (ready["status"], ready["reason"], ready["message"]) == (
        "False",
        "NameConflict",
        "Somebody else's.",
    )


URLS: dict[str, tuple[dict[str, Any], str]] = {
    "the Service": ({}, "http://resnet50.ml.svc"),
    "the Service on another port": ({"service": {"port": 8000}}, "http://resnet50.ml.svc:8000"),
    "the Ingress": ({"ingress": {"host": "a.example.com"}}, "http://a.example.com"),
    "the Ingress with TLS and a path": (
        {"ingress": {"host": "a.example.com", "path": "/m/", "tlsSecretName": "t"}},
        "https://a.example.com/m",
    ),
}


@pytest.mark.parametrize(("fields", "url"), URLS.values(), ids=URLS)
def test_where_the_model_is_reached(fields: dict[str, Any], url: str) -> None:
    assert judged(Observed(), **fields)["url"] == url


def test_without_autoscaling_nothing_is_said_about_it() -> None:
    assert {one["type"] for one in judged(observed())["conditions"]} == {
        "Ready",
        "Available",
        "Progressing",
        "ModelFetched",
        "Reconciling",
    }


def test_the_fetched_model_is_remembered_without_pods() -> None:
    before = judged(observed(ready_pod()))
    after = judged(observed(desired=0, replicas=0, updated=0), before, replicas=0)
    assert after["model"] == before["model"]
    assert condition(after, "ModelFetched")["status"] == "True"


@pytest.mark.parametrize(
    "source", [{"uri": "https://models.example.com/other.tar"}, {"uri": URI, "digest": "sha256:" + "b" * 64}]
)
def test_the_fetched_model_is_forgotten_when_another_is_desired(source: dict[str, str]) -> None:
    before = judged(observed(ready_pod()))
    after = judged(observed(), before, model=source)
    assert "model" not in after
    assert condition(after, "ModelFetched")["status"] == "Unknown"


def test_the_youngest_pod_says_what_is_served() -> None:
    older = ready_pod("pod-a")
    younger = ready_pod("pod-b", fetch=fetched("sha256:" + "c" * 64))
    assert judged(observed(older, younger))["model"]["digest"] == "sha256:" + "c" * 64


def test_a_signature_in_the_address_is_not_shown() -> None:
    signed = {"uri": "https://a.example.com/m.tar?sig=5ecret"}
    before = judged(observed(ready_pod()), model=signed)
    assert before["model"]["uri"] == "https://a.example.com/m.tar?..."
    assert "5ecret" not in str(before)
    assert judged(observed(), before, model=signed)["model"] == before["model"]
    # Another query may be another model, whatever it is.
    assert "model" not in judged(observed(), {**before, "observedGeneration": 6}, model=signed)


def test_pods_that_serve_different_content_are_said_in_a_sentence() -> None:
    other = ready_pod("pod-b", fetch=fetched("sha256:" + "c" * 64))
    fetched_condition = condition(judged(observed(ready_pod(), ready_pod("pod-c"), other)), "ModelFetched")
    assert (fetched_condition["status"], fetched_condition["reason"]) == ("True", "PodsDiffer")
    assert f"(2 {DIGEST}, 1 sha256:{'c' * 64})" in fetched_condition["message"]
    assert "kubectl rollout restart deployment/resnet50 --namespace ml" in fetched_condition["message"]


def test_a_condition_keeps_its_time_as_long_as_its_status() -> None:
    first = judged(observed())
    later = judge(model(), observed(pod(fetch=Container(running=True))), before=first, now=LATER)
    assert condition(later)["message"] != condition(first)["message"]
    assert condition(later)["lastTransitionTime"] == NOW
    ready = judge(model(), observed(ready_pod()), before=later, now=LATER)
    assert condition(ready)["lastTransitionTime"] == LATER


def test_the_same_observation_makes_the_same_status() -> None:
    before = judged(observed(ready_pod()))
    assert merge_patch(before, judge(model(), observed(ready_pod()), before=before, now=LATER)) == {}


def test_a_spec_that_cannot_be_read_keeps_what_is_known() -> None:
    before = judged(observed(ready_pod()))
    after = judge_invalid("spec.x is not a field: remove it", 8, before, LATER)
    assert after["observedGeneration"] == 8
    assert after["model"] == before["model"]
    assert condition(after)["reason"] == "InvalidSpec"
    assert condition(after, "Progressing") == condition(before, "Progressing")


def test_endless_messages_are_cut() -> None:
    seen = observed(failed_fetch(termination(reason="NotFound", message="x" * 100_000)))
    assert len(condition(judged(seen))["message"]) <= 2048
    assert len(condition(judged(Observed(), fault=Fault("A", "x" * 5000)))["message"]) == 2048


PATCHES: dict[str, tuple[Status, Status, Status]] = {
    "nothing": ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2}}, {}),
    "a new value": ({"a": 1}, {"a": 2}, {"a": 2}),
    "a value that is gone": ({"a": 1, "b": 1}, {"a": 1}, {"b": None}),
    "a part of a part": ({"b": {"c": 2, "d": 3}}, {"b": {"c": 2, "d": 4}}, {"b": {"d": 4}}),
    "a list as a whole": ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
}


@pytest.mark.parametrize(("before", "after", "patch"), PATCHES.values(), ids=PATCHES)
def test_the_patch_holds_what_changed(before: Status, after: Status, patch: Status) -> None:
    assert merge_patch(before, after) == patch


REJECTIONS: dict[str, tuple[ApiError, str]] = {
    "an invalid child": (
        ApiError(422, "Invalid", "spec.tolerations[0].operator: Unsupported value"),
        "ChildInvalid",
    ),
    "an unknown field": (ApiError(400, "BadRequest", "unknown field"), "ChildInvalid"),
    "a quota on Services": (
        ApiError(403, "Forbidden", "services is forbidden: exceeded quota: q"),
        "QuotaExceeded",
    ),
    "no right": (
        ApiError(
            403,
            "Forbidden",
            'User "system:serviceaccount:a:b" cannot patch resource "services" in API group ""',
        ),
        "OperatorForbidden",
    ),
    "a policy": (
        ApiError(403, "Forbidden", "ValidatingAdmissionPolicy 'p' denied request"),
        "AdmissionDenied",
    ),
    "a namespace that goes away": (ApiError(404, "NotFound", "namespaces ml not found"), "AdmissionDenied"),
    "a conflict": (ApiError(409, "Conflict", "x"), "Progressing"),
    "a server that is away": (ApiError(0, "Unreachable", "x"), "Progressing"),
    "too many requests": (ApiError(429, "TooManyRequests", "x"), "Progressing"),
}


@pytest.mark.parametrize(("error", "reason"), REJECTIONS.values(), ids=REJECTIONS)
def test_what_a_rejection_means(error: ApiError, reason: str) -> None:
    assert rejection(error, ChildKey(SERVICE, "resnet50"), "ml").reason == reason


def test_a_deployment_with_another_selector_is_told_how_to_be_replaced() -> None:
    """A cluster that was upgraded from a version whose pods had other labels."""
    said = (
        'Deployment.apps "resnet50" is invalid: spec.selector: Invalid value: '
        '{"matchLabels":{"paddlemodel.dev/model":"resnet50"}}: field is immutable'
    )
    fault = rejection(ApiError(422, "Invalid", said), ChildKey(DEPLOYMENT, "resnet50"), "ml")
    assert fault.reason == "SelectorImmutable"
    assert "run kubectl delete deployment resnet50 --namespace ml;" in fault.message


def test_an_event_reports_a_turn_and_only_a_turn() -> None:
    before, after = judged(observed()), judged(observed(ready_pod()))
    event = transition(body(), before, after, "pod-1", LATER)
    assert event is not None
    assert (event["reason"], event["type"], event["note"]) == (
        "Serving",
        "Normal",
        condition(after)["message"],
    )
    assert transition(body(), after, after, "pod-1", LATER) is None
    assert transition(body(), after, before, "pod-1", LATER) is not None


def test_a_fault_is_a_warning() -> None:
    after = judged(observed(failed_fetch("")))
    event = transition(body(), {}, after, "pod-1", LATER)
    assert event is not None
    assert event["type"] == "Warning"


def test_the_workload_counts_when_pods_are_unknown() -> None:
    """A Deployment is reported by its controller before the pods reach our cache."""
    status = judged(Observed(workload=workload(ready=1)))
    assert status["readyReplicas"] == 1
    assert condition(status)["reason"] == "Progressing"
