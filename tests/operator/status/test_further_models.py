"""What the status says of a task's further models: content, faults, news, and for which pods are replaced."""

from dataclasses import replace
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.observe.children import Container, LiveObjects, Observed, observe
from paddlemodel_operator.render import render
from paddlemodel_operator.status.judge import judge
from paddlemodel_operator.status.updates import replacement, update

from tests.operator.status.test_judge import condition, judged
from tests.operator.support.builders import (
    DIGEST,
    NOW,
    SETTINGS,
    URI,
    fetched,
    model,
    observed,
    pod,
    ready_pod,
    words,
)
from tests.operator.support.task_specs.ocr_specs import READER, of_page

OTHER = "sha256:" + "b" * 64
EARLY, LATE = "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"
FAILED = Container(exit_code=1, exit_message=words(reason="NotFound", message="It is not there."))


def serving(recognition: Container | None = None, name: str = "pod-a") -> Any:
    return ready_pod(name, fetches={"recognition": recognition or fetched(OTHER, revision="r1")})


def test_what_is_known_of_the_main_model_is_known_of_every_further_one() -> None:
    found = judged(observed(serving()), **of_page())
    assert found["model"] == {"uri": URI, "digest": DIGEST, "format": "PIR"}
    assert found["furtherModels"] == [
        {"uri": READER["uri"], "digest": OTHER, "revision": "r1", "format": "PIR", "name": "recognition"}
    ]
    assert condition(found, "ModelFetched")["message"] == (
        f"{URI} has digest {DIGEST}. {READER['uri']} has digest {OTHER}."
    )
    assert "furtherModels" not in judged(observed(ready_pod()))


def test_it_is_remembered_without_pods_and_forgotten_with_another_address() -> None:
    before = judged(observed(serving()), **of_page())
    without = observed(desired=0, replicas=0, updated=0)
    assert judged(without, before, **of_page())["furtherModels"] == before["furtherModels"]
    after = judged(observed(), before, **of_page(recognition={"uri": "s3://models/b"}))
    assert after["model"] == before["model"]
    assert "furtherModels" not in after
    assert condition(after, "ModelFetched")["status"] == "Unknown"


@pytest.mark.parametrize(
    ("container", "reason", "part"),
    [
        (FAILED, "NotFound", "spec.task.ocr.recognition: It is not there."),
        (
            Container(exit_code=1, exit_message=words(reason="CredentialsMissing", message="x")),
            "CredentialsMissing",
            "The Secret web that spec.task.ocr.recognition.credentials names does not exist in namespace ml",
        ),
        (
            Container(exit_code=2, exit_message="Traceback"),
            "FetchFailed",
            "The fetcher ended with exit code 2: see kubectl logs pod-a -c fetch-recognition. Traceback",
        ),
        (
            Container(exit_code=137, exit_reason="OOMKilled"),
            "FetchOOMKilled",
            "spec.task.ocr.recognition: The fetcher ran out of memory",
        ),
        (
            Container(waiting="ImagePullBackOff", waiting_message="not found"),
            "ImagePull",
            "ImagePullBackOff: not found",
        ),
    ],
)
def test_a_fault_of_a_further_model_is_named_as_its_own(container: Container, reason: str, part: str) -> None:
    manifest = of_page(recognition={"credentials": {"secretName": "web"}})
    seen = observed(pod(fetch=fetched(), fetches={"recognition": container}))
    found = judged(seen, **manifest)
    assert condition(found)["reason"] == reason
    assert part in condition(found)["message"]
    if container.exit_code is not None:
        assert condition(found, "ModelFetched")["reason"] == reason


def test_a_claim_of_a_further_model_that_is_not_there_is_named_as_its_own() -> None:
    missing = 'persistentvolumeclaim "store" not found'
    seen = observed(pod(scheduled=False, unschedulable=missing))
    found = condition(judged(seen, **of_page(recognition={"uri": "pvc://store/m"})))
    assert "The PersistentVolumeClaim store that spec.task.ocr.recognition names" in found["message"]


def test_the_fetch_of_a_further_model_is_a_fetch() -> None:
    seen = observed(pod(fetch=fetched(), fetches={"recognition": Container(running=True)}))
    assert condition(judged(seen, **of_page()))["message"] == "The model is being fetched."


def test_pods_that_differ_in_a_further_model_are_told_its_digest() -> None:
    seen = observed(serving(), serving(fetched(DIGEST), "pod-b"))
    found = condition(judged(seen, **of_page()), "ModelFetched")
    assert found["reason"] == "PodsDiffer"
    assert "set spec.task.ocr.recognition.digest to the one that is meant" in found["message"]


def test_a_cache_that_cannot_keep_a_further_model_is_said() -> None:
    seen = observed(serving(fetched(OTHER, cacheFault="CacheFull")))
    found = condition(judged(seen, **of_page({"cache": {"claimName": "c"}})), "ModelFetched")
    assert found["reason"] == "CacheFull"
    assert f"{READER['uri']} has digest {OTHER}, but the claim c does not keep it" in found["message"]


def saw(revision: str) -> Container:
    return Container(exit_code=0, ended=LATE, exit_message=words(revision=revision))


def reads(main: str, recognition: str) -> Any:
    containers = {
        name: Container(exit_code=0, ended=EARLY, exit_message=words(digest=DIGEST, revision=revision))
        for name, revision in ((names.MAIN, main), ("recognition", recognition))
    }
    return ready_pod(fetches=containers)


SOURCES = {names.MAIN: URI, "recognition": READER["uri"]}


def looked(checks: dict[str, Container], *pods: Any, **workload: Any) -> Observed:
    return replace(observed(*pods, **{"sources": SOURCES, **workload}), checks=checks)


@pytest.mark.parametrize(
    ("checks", "status", "reason", "part"),
    [
        ({names.MAIN: saw("m"), "recognition": saw("r")}, "False", "UpToDate", f"{READER['uri']} still has"),
        (
            {names.MAIN: saw("m"), "recognition": saw("r2")},
            "True",
            "NewContent",
            f"{READER['uri']} has revision r2 now, and 1 pod serves r: run kubectl rollout restart",
        ),
        ({names.MAIN: saw("m")}, "Unknown", "NotChecked", f"No check of {READER['uri']} has ended yet."),
        (
            {names.MAIN: saw("m"), "recognition": replace(FAILED, ended=LATE)},
            "Unknown",
            "NotFound",
            "spec.task.ocr.recognition: It is not there.",
        ),
        ({names.MAIN: saw("m2"), "recognition": FAILED}, "True", "NewContent", f"{URI} has revision m2 now"),
    ],
)
def test_news_of_any_model_are_news(
    checks: dict[str, Container], status: str, reason: str, part: str
) -> None:
    found = update(model(**of_page({"updatePolicy": "Notify"})), looked(checks, reads("m", "r")))
    assert found is not None
    assert (found.status, found.reason) == (status, reason)
    assert part in found.message


def test_the_pin_that_news_would_need_is_named() -> None:
    manifest = of_page({"updatePolicy": "Notify"}, {"digest": DIGEST})
    found = update(model(**manifest), looked({"recognition": saw("r2")}, reads("m", "r")))
    assert found is not None
    assert "change or remove spec.task.ocr.recognition.digest to take it" in found.message


def test_pods_are_replaced_for_news_of_any_model_and_each_is_kept_as_long_as_its_address() -> None:
    automatic = model(**of_page({"updatePolicy": "Auto"}))
    checks = {names.MAIN: saw("m"), "recognition": saw("r2")}
    assert replacement(automatic, looked(checks, reads("m", "r"))) == {"recognition": "r2"}
    kept = {names.MAIN: "m0", "recognition": "r0"}
    assert replacement(model(**of_page()), looked({}, contents=kept)) == kept
    moved = {**SOURCES, "recognition": "s3://models/b"}
    assert replacement(model(**of_page()), looked({}, contents=kept, sources=moved)) == {names.MAIN: "m0"}


def test_each_model_s_containers_are_found_in_the_cluster_s_objects() -> None:
    manifest = model(**of_page({"updatePolicy": "Auto"}))
    children = render(manifest, SETTINGS, {"recognition": "r2"})
    deployment = children[names.ChildKey(names.DEPLOYMENT, "resnet50")]
    cron_job = children[names.ChildKey(names.CRON_JOB, "resnet50")]
    looking = cron_job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]

    def state(name: str, message: str) -> dict[str, Any]:
        return {
            "name": name,
            "state": {"terminated": {"exitCode": 0, "finishedAt": LATE, "message": message}},
        }

    labels = deployment["spec"]["template"]["metadata"]["labels"]
    serving_pod = {
        "metadata": {"name": "a", "labels": labels},
        "status": {"initContainerStatuses": [state("fetch", "1"), state("fetch-recognition", "2")]},
    }
    look = {
        "metadata": {"name": "b", "labels": looking},
        "status": {"containerStatuses": [state("check", "3"), state("check-recognition", "4")]},
    }
    found = observe(LiveObjects(deployment=deployment, cron_job=cron_job, pods=[serving_pod, look]))
    fetches = {name: one.exit_message for name, one in found.pods[0].fetches.items()}
    assert fetches == {names.MAIN: "1", "recognition": "2"}
    checks = {name: one.exit_message for name, one in found.checks.items()}
    assert checks == {names.MAIN: "3", "recognition": "4"}
    assert found.workload is not None
    assert (found.workload.sources, found.workload.contents) == (SOURCES, {"recognition": "r2"})
    assert judge(manifest, found, before={}, now=NOW)["conditions"]
