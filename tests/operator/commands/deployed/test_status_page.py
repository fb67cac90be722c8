"""The table and the page of `paddlemodel status`, from statuses as the operator's judge writes them."""

import datetime as dt
from typing import Any

from paddlemodel_api import contract
from paddlemodel_operator.commands.deployed import facts
from paddlemodel_operator.commands.deployed.status_page import age, listing, page
from paddlemodel_operator.commands.deployed.text import safe, table, wrapped
from paddlemodel_operator.language.conditions import of_status
from paddlemodel_operator.language.words import speak
from paddlemodel_operator.status.judge import condition, judge

from tests.operator.support.builders import DIGEST, NOW, body, model, observed, ready_pod, words
from tests.operator.support.situations import failed_fetch, termination

LATER = dt.datetime(2026, 1, 1, 3, tzinfo=dt.UTC)
FAILED = failed_fetch(termination(reason="NotFound", message="No such archive; correct spec.model.uri."))


def told(*pods: Any, name: str = "resnet50", **changed: Any) -> dict[str, Any]:
    status = judge(model(), observed(*pods), before={}, now=NOW)
    found = body(name) | {"status": status}
    found["metadata"] |= {"creationTimestamp": NOW, **changed}
    return facts.of_model(found) | {"versions": [], "events": []}


def test_the_table_has_a_row_for_each_model() -> None:
    shown = listing([told(ready_pod()), told(FAILED, name="b")], LATER, with_namespaces=True)
    head, first, second, _, last = shown.splitlines()
    assert " ".join(head.split()) == "NAMESPACE NAME READY REASON REPLICAS GPUS DIGEST URL AGE"
    assert first.split() == [
        *("ml", "resnet50", "True", "Serving", "1/1", "-", DIGEST[:19], "http://resnet50.ml.svc", "3h")
    ]
    assert second.split()[1:5] == ["b", "False", "NotFound", "0/1"]
    assert last == "1 of 2 Ready; paddlemodel status NAME says why not."
    assert listing([told(ready_pod())], LATER, with_namespaces=False).endswith("\n1 of 1 Ready.\n")


def test_the_page_has_reason_and_cure_of_every_condition() -> None:
    shown = page(told(FAILED), LATER)
    assert shown.startswith(
        "ml/resnet50 is not Ready: NotFound\n  No such archive; correct spec.model.uri.\n"
    )
    assert "  Ready False, NotFound, for 3h\n    No such archive; correct spec.model.uri.\n" in shown
    assert "  ModelFetched False, NotFound, for 3h\n" in shown
    assert "Spec       generation 7\n" in shown


def test_an_older_spec_is_not_ready_whatever_the_status_says() -> None:
    found = told(ready_pod(), generation=8)
    assert (found["ready"], found["reason"]) == (False, "NotObserved")
    assert "has not handled generation 8 of the spec yet, but 7" in found["message"]
    new = facts.of_model(body())
    assert (new["ready"], new["reason"]) == (False, "NotObserved")
    assert "has not handled the model yet" in new["message"]
    said = {"type": "Ready", "status": "False", "reason": "Paused", "message": "Remove the annotation."}
    paused = {"type": "Paused", "status": "True", "reason": "Paused", "message": "x"}
    status = {"observedGeneration": 6, "conditions": [said, paused]}
    waits = facts.of_model({**body(), "status": status}) | {"versions": [], "events": []}
    assert (waits["ready"], waits["reason"]) == (False, "Paused")
    assert "generation 7; what is applied is of generation 6" in page(waits, LATER)
    gone = told(ready_pod(), deletionTimestamp=NOW)
    assert (gone["ready"], gone["reason"]) == (False, "Deleting")


def test_what_may_not_be_read_is_said_where_it_would_stand() -> None:
    shown = page(told(ready_pod()) | {"versions": "you lack a right.", "events": "you lack one."}, LATER)
    assert "Versions\n  not known: you lack a right.\n" in shown
    assert "Last Events\n  not known: you lack one.\n" in shown


def live_pod(name: str, revision: str, *, ready: bool, digest: str) -> dict[str, Any]:
    done = {"exitCode": 0, "message": words(digest=digest)}
    return {
        "metadata": {"name": name, "labels": {contract.REVISION_LABEL: revision}},
        "spec": {"containers": [{"name": "server", "image": "server:cpu"}]},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "initContainerStatuses": [{"name": "fetch", "state": {"terminated": done}}],
        },
    }


def test_pods_are_counted_by_version_the_newest_first() -> None:
    template = {"metadata": {"labels": {contract.REVISION_LABEL: "new"}}}
    pods = [
        live_pod("a", "aold", ready=True, digest="sha256:1"),
        live_pod("b", "new", ready=False, digest="sha256:2"),
        live_pod("c", "new", ready=True, digest="sha256:3"),
    ]
    found = facts.versions(pods, {"spec": {"template": template}})
    assert [(one["version"], one["newest"], one["ready"], one["pods"]) for one in found] == [
        ("new", True, 1, 2),
        ("aold", False, 1, 1),
    ]
    assert found[0]["digests"] == ["sha256:2", "sha256:3"]
    assert found[0]["images"] == ["server:cpu"]
    shown = page(told(ready_pod()) | {"versions": found}, LATER)
    assert "  new (newest)   1 of 2 ready   sha256:2, sha256:3   server:cpu\n" in shown


def test_the_last_events_are_shown_with_the_newest_last() -> None:
    items = [
        {
            "metadata": {},
            "eventTime": f"2026-01-01T02:0{n}:00Z",
            "reason": f"R{n}",
            "note": "x",
            "type": "Normal",
        }
        for n in (3, 1, 2, 4, 5, 6)
    ]
    found = facts.events(items)
    assert [one["reason"] for one in found] == ["R2", "R3", "R4", "R5", "R6"]
    assert "  54m ago, Normal, R6\n    x\n" in page(told() | {"events": found}, LATER)


def test_no_text_of_the_cluster_commands_the_terminal() -> None:
    evil = "a\x1b[2Jb\nc\u202ed"
    assert safe(evil) == "a\\u001b[2Jb c\\u202ed"
    assert "\x1b" not in table([[evil]]) + wrapped(evil, "")


def test_ages_are_those_of_kubectl() -> None:
    ages = {"2026-01-01T02:59:55Z": "5s", "2026-01-01T02:50:00Z": "10m", "2025-12-28T03:00:00Z": "4d"}
    assert {since: age(since, LATER) for since in ages} == ages
    assert age("", LATER) == age("soon", LATER) == "-"


def test_the_page_in_chinese_has_cures_headings_and_columns_that_stand_below_each_other() -> None:
    speak("zh")
    try:
        shown = page(told(FAILED), LATER)
        listed = listing([told(FAILED)], LATER, with_namespaces=False)
    finally:
        speak("en")
    cure = "该处没有此文件、文件夹或修订版本。请更正 URI。详情：No such archive; correct spec.model.uri."
    assert shown.startswith(f"ml/resnet50 未就绪：NotFound\n  {cure}\n")
    assert f"  Ready False，NotFound，已持续 3h\n    {cure}\n" in shown
    assert "\nURL        http://resnet50.ml.svc\n副本       0/1 就绪\n访问控制   Open\n" in shown
    assert listed.endswith("\n1 个模型中 0 个就绪；paddlemodel status NAME 会说明未就绪的原因。\n")


def test_the_page_in_english_leaves_out_what_a_chinese_operator_has_put_in_front() -> None:
    found = told(FAILED)
    status = of_status({"conditions": found["conditions"]}, "zh")
    message = condition(status, "Ready")["message"]
    assert page({**found, **status, "message": message}, LATER) == page(found, LATER)
