"""From what a look found and what the pods serve to what a person reads, and to whether pods are replaced."""

from dataclasses import replace
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.observe.children import Container, LiveObjects, Observed, Pod, observe
from paddlemodel_operator.render import render
from paddlemodel_operator.status.judge import judge
from paddlemodel_operator.status.updates import replacement, revision_of, update

from tests.operator.support.builders import (
    DIGEST,
    NOW,
    SETTINGS,
    model,
    observed,
    ready_pod,
    words,
)

PLACE = "hf://owner/name@main"
BEFORE, EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"


def looking(policy: str = "Notify", **fields: Any) -> Any:
    return model(model={"uri": PLACE, "updatePolicy": policy, **fields})


def serves(revision: str | None, name: str = "pod-a", at: str = EARLY) -> Pod:
    message = {"digest": DIGEST, "format": "PIR", **({} if revision is None else {"revision": revision})}
    return ready_pod(name, fetch=Container(exit_code=0, ended=at, exit_message=words(**message)))


def saw(revision: str | None, at: str = LATE) -> Container:
    message = {} if revision is None else {"revision": revision}
    return Container(exit_code=0, ended=at, exit_message=words(**message))


def failed(message: str, code: int = 1) -> Container:
    return Container(exit_code=code, ended=LATE, exit_message=message)


def seen(check: Container | None, *pods: Pod, source: str = PLACE, content: str = "") -> Observed:
    contents = {names.MAIN: content} if content else {}
    found = observed(*pods, sources={names.MAIN: source}, contents=contents)
    return replace(found, checks={names.MAIN: check} if check else {})


SITUATIONS: dict[str, tuple[Observed, dict[str, Any], str, str, str]] = {
    "before the first look": (seen(None, serves("a")), {}, "Unknown", "NotChecked", PLACE),
    "a look that begins": (
        seen(Container(waiting="ContainerCreating"), serves("a")),
        {},
        "Unknown",
        "NotChecked",
        "No check of",
    ),
    "a look without an image": (
        seen(Container(waiting="ImagePullBackOff", waiting_message="no such image"), serves("a")),
        {},
        "Unknown",
        "CheckFailed",
        "The pod of cronjob/resnet50 cannot start. ImagePullBackOff: no such image",
    ),
    "the same content": (
        seen(saw("a"), serves("a")),
        {},
        "False",
        "UpToDate",
        "hf://owner/name@main still has revision a.",
    ),
    "new content": (
        seen(saw("b"), serves("a")),
        {},
        "True",
        "NewContent",
        "and 1 pod serves a: run kubectl rollout restart deployment/resnet50 --namespace ml to take it,",
    ),
    "new content beside a pin": (
        seen(saw("b"), serves("a"), serves("a", "pod-b")),
        {"digest": DIGEST},
        "True",
        "NewContent",
        "and 2 pods serve a: change or remove spec.model.digest to take it.",
    ),
    "new content that one pod has": (
        seen(saw("b"), serves("a"), serves("b", "pod-b")),
        {},
        "True",
        "NewContent",
        "1 pod serves a",
    ),
    "pods that know more than the last look": (
        seen(saw("a", at=EARLY), serves("b", at=LATE)),
        {},
        "False",
        "UpToDate",
        "revision a",
    ),
    "new content for which pods are replaced": (
        seen(saw("b"), content="b"),
        {"policy": "Auto"},
        "True",
        "RollingOut",
        "Pods are replaced for revision b of hf://owner/name@main.",
    ),
    "pods that were replaced": (
        seen(saw("b"), serves("b"), content="b"),
        {"policy": "Auto"},
        "False",
        "UpToDate",
        "revision b",
    ),
    "no pods": (seen(saw("b")), {}, "Unknown", "NotServed", "no pod says which one it serves"),
    "pods that do not know": (seen(saw("b"), serves(None)), {}, "Unknown", "NotServed", "revision b"),
    "a place that tells nothing": (
        seen(saw(None), serves("a")),
        {},
        "Unknown",
        "NoRevision",
        "set spec.model.updatePolicy to Pinned",
    ),
    "a look that was refused": (
        seen(failed(words(reason="NotAllowed", message="The token is not allowed to.")), serves("a")),
        {},
        "Unknown",
        "NotAllowed",
        "The token is not allowed to.",
    ),
    "a look without its Secret": (
        seen(failed(words(reason="CredentialsMissing", message="x")), serves("a")),
        {"credentials": {"secretName": "hub"}},
        "Unknown",
        "CredentialsMissing",
        "Secret hub that spec.model.credentials names does not exist in namespace ml, or is empty: create it",
    ),
    "a look that was ended": (
        seen(failed("", 137), serves("a")),
        {},
        "Unknown",
        "CheckFailed",
        "exit code 137: see kubectl logs",
    ),
}


@pytest.mark.parametrize(("found", "fields", "status", "reason", "part"), SITUATIONS.values(), ids=SITUATIONS)
def test_what_is_said_of_new_content(
    found: Observed, fields: dict[str, Any], status: str, reason: str, part: str
) -> None:
    found_condition = update(looking(**fields), found)
    assert found_condition is not None
    assert (found_condition.status, found_condition.reason) == (status, reason)
    assert part in found_condition.message


def test_where_versions_are_tried_out_nobody_is_told_to_restart_all_pods() -> None:
    tried = model(model={"uri": PLACE, "updatePolicy": "Notify"}, rollout={"strategy": "Canary"})
    found = update(tried, seen(saw("b"), serves("a")))
    assert found is not None
    assert found.message.endswith("serves a: set spec.model.updatePolicy to Auto to try it out as a canary.")


def test_where_nobody_looks_nothing_is_said() -> None:
    assert update(model(), seen(saw("b"), serves("a"))) is None
    status = judge(model(), seen(None, serves("a")), before={}, now=NOW)
    assert "ModelUpdateAvailable" not in {one["type"] for one in status["conditions"]}


def test_the_condition_and_the_revision_are_in_the_status() -> None:
    status = judge(looking(), seen(saw("b"), serves("a")), before={}, now=NOW)
    assert status["model"]["revision"] == "a"
    (told,) = (one for one in status["conditions"] if one["type"] == "ModelUpdateAvailable")
    assert (told["status"], told["reason"]) == ("True", "NewContent")


@pytest.mark.parametrize(
    ("policy", "found", "content"),
    [
        pytest.param("Auto", seen(saw("b"), serves("a")), "b", id="new content"),
        pytest.param("Notify", seen(saw("b"), serves("a")), "", id="new content of which one only tells"),
        pytest.param("Auto", seen(saw("a"), serves("a")), "", id="the content of the first pods"),
        pytest.param("Auto", seen(saw("b"), serves("b"), content="b"), "b", id="content that was taken"),
        pytest.param("Auto", seen(saw("b"), content="b"), "b", id="pods on their way"),
        pytest.param(
            "Auto", seen(saw("b"), serves("a"), serves("b", "pod-b")), "b", id="one pod that is late"
        ),
        pytest.param("Auto", seen(saw("a"), serves("b"), content="b"), "a", id="a way back"),
        pytest.param("Auto", seen(saw("a", EARLY), serves("b", at=LATE)), "", id="pods that know more"),
        pytest.param("Auto", seen(None, serves("b"), content="b"), "b", id="no look yet"),
        pytest.param("Auto", seen(failed(""), serves("b"), content="b"), "b", id="a look that failed"),
        pytest.param("Auto", seen(saw(None), serves("b"), content="b"), "b", id="a look that saw nothing"),
        pytest.param("Pinned", seen(None, serves("b"), content="b"), "b", id="another policy"),
        pytest.param("Pinned", seen(None, content="b", source="s3://a/b"), "", id="another place"),
        pytest.param("Auto", seen(saw("b"), serves("a"), source="s3://a/b"), "", id="a place yet to come"),
        pytest.param("Auto", Observed(checks={names.MAIN: saw("b")}), "", id="no Deployment"),
    ],
)
def test_for_which_content_pods_are_replaced(policy: str, found: Observed, content: str) -> None:
    assert replacement(looking(policy), found) == ({names.MAIN: content} if content else {})


@pytest.mark.parametrize("odd", [None, 3, ["a"], {"a": 1}, "a\nb", "\x1b[2J"])
def test_what_is_no_revision_is_none(odd: Any) -> None:
    assert revision_of({"revision": odd}) == ""


def test_an_endless_revision_is_cut() -> None:
    assert len(revision_of({"revision": "x" * 5000})) == 256


def check_pod(label: str, at: str, revision: str = "a", code: int = 0) -> dict[str, Any]:
    ended = {"exitCode": code, "finishedAt": at, "message": words(revision=revision)}
    return {
        "metadata": {"name": f"look-{at}", "labels": {"paddlemodel.dev/update-check": label}},
        "status": {"containerStatuses": [{"name": "check", "state": {"terminated": ended}}]},
    }


def test_the_last_look_of_the_present_kind_counts() -> None:
    children = render(looking(), SETTINGS)
    cron_job = children[names.ChildKey(names.CRON_JOB, "resnet50")]
    template = cron_job["spec"]["jobTemplate"]["spec"]["template"]
    label = template["metadata"]["labels"]["paddlemodel.dev/update-check"]
    pods = [
        check_pod(label, EARLY, "b", 1),
        check_pod(label, LATE, "c"),
        check_pod(label, BEFORE),
        check_pod("another", "2026-01-02T00:00:00Z", "z"),
        {"metadata": {"name": "new", "labels": {"paddlemodel.dev/update-check": label}}},
    ]
    deployment = children[names.ChildKey(names.DEPLOYMENT, "resnet50")]
    found = observe(LiveObjects(deployment=deployment, cron_job=cron_job, pods=pods))
    assert (found.checks[names.MAIN].ended, found.pods) == (LATE, ())
    assert found.workload is not None
    assert (found.workload.sources, found.workload.contents) == ({names.MAIN: PLACE}, {})
    assert observe(LiveObjects(deployment=deployment, pods=pods)).checks == {}
