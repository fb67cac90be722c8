"""Helm, Flux and Argo CD judge every status as its Ready means it.

kstatus' rule is in the support; Argo CD's check is examples/argocd, run by a real Lua. `--recordings`
renews the objects and expectations in it, which have the form of Argo CD's own repository.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime  # type: ignore[import-untyped]
from paddlemodel_api.rollout.progress import Aborted, RolloutStatus
from paddlemodel_api.schema.reasons import REASONS
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.base.names import DEPLOYMENT, SERVICE, ChildKey
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.rollout.giving_up import update
from paddlemodel_operator.rollout.plan import plan
from paddlemodel_operator.rollout.situation import Situation
from paddlemodel_operator.rollout.words import UNDER_WAY
from paddlemodel_operator.status.judge import judge, judge_invalid
from paddlemodel_operator.status.pause import spec_waits
from paddlemodel_operator.status.readiness_checks import namespace_is_ending, rejection
from paddlemodel_operator.status.reports import Fault

from tests.operator.support.builders import NOW, body, model, observed, ready_pod
from tests.operator.support.deployed.kstatus import compute
from tests.operator.support.rollout.canaries import NEW, told, track
from tests.operator.support.situations import SITUATIONS
from tests.repository.sources import ROOT

Object = dict[str, Any]
EXAMPLE = ROOT / "examples/argocd"
FOLDER = EXAMPLE / "resource_customizations/paddlemodel.dev/PaddleModel"
SUSPENDED = {"ScaledToZero", "Paused"}


def judged(seen: Observed, fault: Fault | None = None, **fields: Any) -> Object:
    return {**body(**fields), "status": judge(model(**fields), seen, before={}, now=NOW, fault=fault)}


def statuses() -> Iterator[tuple[str, Object]]:
    """One object for each situation, and for what is no situation of pods."""
    for name, (seen, fields, _, _) in SITUATIONS.items():
        yield name, judged(seen, **fields)
    yield "a pod that answers", judged(observed(ready_pod()))
    yield (
        "a name that is taken",
        judged(observed(ready_pod()), Fault("NameConflict", "Delete the other one.")),
    )
    yield from faults()
    for name, situation in told().items():
        yield (
            name,
            judged(replace(observed(ready_pod()), plan=plan(situation)), rollout={"strategy": "Canary"}),
        )
    yield "a version that was given up", judged(given_up())
    served = judged(observed(ready_pod()))
    broken = judge_invalid("spec.x is no field: remove it", 7, served["status"], NOW)
    yield "a spec that is refused", {**body(), "status": broken}
    mended = judge(model(), observed(ready_pod()), before=broken, now=NOW)
    yield "a spec that was refused and is right again", {**body(), "status": mended}
    yield "a spec that waits while the model is paused", judged(observed(ready_pod()), spec_waits(model()))


def given_up() -> Observed:
    """Its pods are gone, and those of the version before answer."""
    record = Aborted(revision=NEW, reason="Crashing", message="CrashLoop: The server ended.", at=NOW)
    before = RolloutStatus(phase="GivenUp", since=NOW, aborted=record)
    situation = Situation(model=model(), wanted=NEW, stable=track(), before=before, now=NOW)
    return replace(observed(ready_pod()), plan=update(situation))


def faults() -> Iterator[tuple[str, Object]]:
    """Where the API server refuses a child; its sentences are shortened."""
    forbidden = 'services is forbidden: User "operator" cannot create resource "services" in API group ""'
    immutable = "spec.selector: Invalid value: {}: field is immutable"
    refused = 'spec.containers[0].env[0].name: Invalid value: "a=b": must not contain "="'
    service, deployment = ChildKey(SERVICE, "resnet50"), ChildKey(DEPLOYMENT, "resnet50")
    seen = observed(ready_pod())
    for name, error, child in (
        ("an operator without a right", ApiError(403, "Forbidden", forbidden), service),
        ("a selector of another version", ApiError(422, "Invalid", immutable), deployment),
        ("a field that the API server refuses", ApiError(422, "Invalid", refused), deployment),
    ):
        yield name, judged(seen, rejection(error, child, "ml"))
    yield "a namespace that is being deleted", judged(seen, namespace_is_ending("ml"))


STATUSES = dict(statuses())


def ready_of(found: Object) -> Object:
    (ready,) = (one for one in found["status"]["conditions"] if one["type"] == "Ready")
    result: Object = ready
    return result


def argo(found: Object) -> tuple[str, str]:
    """What Argo CD shows, by its engine's language without the standard libraries, as Argo CD has it."""
    lua = LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    lua.execute("os, io, package, require, debug, string = nil")
    lua.globals().obj = _table(lua, found)
    health = lua.execute((FOLDER / "health.lua").read_text())
    return str(health.status), str(health.message)


def _table(lua: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _table(lua, one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return lua.table_from([_table(lua, one) for one in value])
    return value


def meant(ready: Object) -> tuple[str, str]:
    """What kstatus and Argo CD should say, by Ready alone."""
    if ready["status"] == "True":
        return "Current", "Healthy"
    if ready["reason"] in SUSPENDED:
        return "InProgress", "Suspended"  # kstatus knows no such word
    waits = ready["reason"] in {"Progressing", *UNDER_WAY}
    return ("InProgress", "Progressing") if waits else ("Failed", "Degraded")


@pytest.mark.parametrize("found", STATUSES.values(), ids=STATUSES)
def test_everybody_agrees_with_ready(found: Object) -> None:
    ready = ready_of(found)
    kstatus, health = meant(ready)
    assert compute(found) == kstatus
    assert argo(found) == (health, ready["message"])
    kinds = [one for one in found["status"]["conditions"] if one["type"] in {"Reconciling", "Stalled"}]
    assert len(kinds) == (0 if ready["status"] == "True" or ready["reason"] in SUSPENDED else 1)
    for one in kinds:
        assert (one["status"], one["reason"], one["message"]) == ("True", ready["reason"], ready["message"])


def test_what_the_operator_has_not_handled_is_under_way() -> None:
    served = judged(observed(ready_pod()))
    served["metadata"]["generation"] = 8
    assert compute(served) == "InProgress"
    assert argo(served) == ("Progressing", "The operator has not handled the newest spec yet.")
    assert argo(body()) == ("Progressing", "The operator has not handled the model yet.")
    served["metadata"] |= {"generation": 7, "deletionTimestamp": NOW}
    assert compute(served) == "Terminating"
    assert argo(served)[0] == "Progressing"


def cases() -> dict[str, Object]:
    """An object for each reason, by the name of its file."""
    return {ready_of(found)["reason"].lower(): found for found in reversed(STATUSES.values())}


def test_every_reason_of_ready_that_is_documented_has_an_object() -> None:
    assert {reason.lower() for reason in REASONS} <= cases().keys()


def expectations() -> Object:
    tests = []
    for name, found in sorted(cases().items()):
        ready = ready_of(found)
        health = {"status": meant(ready)[1], "message": ready["message"]}
        tests.append({"healthStatus": health, "inputPath": f"testdata/{name}.yaml"})
    return {"tests": tests}


def files() -> dict[Path, str]:
    """All that is generated, by where it lies."""
    written = {FOLDER / "testdata" / f"{name}.yaml": _text(found) for name, found in cases().items()}
    lua = (FOLDER / "health.lua").read_text()
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd"},
        "data": {"resource.customizations.health.paddlemodel.dev_PaddleModel": lua},
    }
    text = "# Merge into Argo CD's own: kubectl patch -n argocd cm argocd-cm --patch-file argocd-cm.yaml\n"
    written[EXAMPLE / "argocd-cm.yaml"] = text + _text(settings)
    written[FOLDER / "health_test.yaml"] = _text(expectations())
    return written


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as a person would write them."""

    def ignore_aliases(self, _: object) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def _text(value: Object) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return text


def test_the_files_for_argo_cd_are_up_to_date(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--recordings"):
        for path, text in files().items():
            path.write_text(text)
    assert {path: path.read_text() for path in files()} == files()
    assert set((FOLDER / "testdata").iterdir()) == {
        path for path in files() if path.parent.name == "testdata"
    }
