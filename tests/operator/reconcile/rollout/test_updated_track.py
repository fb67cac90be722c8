"""Which pods of a rolling update are broken: what ends again and again, beside one that answers."""

import json
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.reconcile.tracks import Tracks, has_crashed, updated_track
from paddlemodel_operator.render import deployment

from tests.operator.support.builders import SETTINGS, model

Object = dict[str, Any]
KEYS: Object = {"access": {"apiKeys": {"secretName": "keys"}}}


def live(ready: int = 2, **status: Any) -> Object:
    """The Deployment; `ready` counts pods of whatever version."""
    counts = {"replicas": 3, "updatedReplicas": 1, "readyReplicas": ready, "observedGeneration": 1}
    made = deployment.build(model(replicas=2), SETTINGS)
    return {**made, "metadata": {**made["metadata"], "generation": 1}, "status": {**counts, **status}}


def pod(restarts: int = 3, reason: str = "", since: str = "00", **server: Any) -> Object:
    """Of the newest version. It waits to be started again after `restarts` ends."""
    message = json.dumps({"reason": reason, "message": "It says why."}) if reason else "ValueError"
    ended = {"terminated": {"exitCode": 1, "message": message, "finishedAt": "2026-01-01T00:00:30Z"}}
    state = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended, **server}
    conditions = [
        {"type": kind, "status": status, "lastTransitionTime": f"2026-01-01T00:00:{at}Z"}
        for kind, status, at in (("Initialized", "True", "05"), ("Ready", "False", since))
    ]
    labels = live()["spec"]["template"]["metadata"]["labels"]
    status = {"name": "server", "ready": False, "restartCount": restarts, **state}
    return {
        "metadata": {"name": "new", "labels": labels},
        "status": {"conditions": conditions, "containerStatuses": [status]},
    }


RUNS: Object = {"state": {"running": {}}}
KILLED: Object = {**RUNS, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
CASES: dict[str, tuple[Object, list[Object], Object, str | None]] = {
    "three crashes": (live(), [pod()], {}, "Crashing"),
    "three times out of memory": (live(), [pod(**KILLED)], {}, "Crashing"),
    "three times refused by the gate": (
        live(),
        [pod(reason="VerificationFailed")],
        {},
        "VerificationFailed",
    ),
    "two crashes": (live(), [pod(restarts=2)], {}, None),
    "refused by the gate once": (live(), [pod(restarts=1, reason="VerificationFailed")], {}, None),
    "it runs again, and may come through": (live(), [pod(**RUNS)], {}, None),
    "it waits for a Secret": (live(), [pod(reason=contract.API_KEYS_MISSING)], KEYS, None),
    "it has answered before": (live(), [pod(since="09")], {}, None),
    "nobody else answers": (live(ready=0), [pod()], {}, None),
    "the controller has not seen the newest template": (live(observedGeneration=0), [pod()], {}, None),
    "no pod yet": (live(), [], {}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_broken(case: str) -> None:
    found, pods, fields, cause = CASES[case]
    track = updated_track(model(replicas=2, **fields), SETTINGS, {}, Tracks(stable=found, pods=pods))
    assert track is not None
    assert (track.failure.cause if track.failure else None) == cause


def test_one_broken_pod_of_several_is_enough_and_one_that_waits_for_a_node_is_not() -> None:
    waits = pod(restarts=0)
    waits["status"] = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}
    for pods, broken in (([waits], False), ([waits, pod()], True)):
        track = updated_track(model(replicas=2), SETTINGS, {}, Tracks(stable=live(), pods=pods))
        assert track is not None
        assert bool(track.failure) is broken


def test_a_quick_look_finds_every_pod_that_may_be_broken() -> None:
    assert has_crashed([pod(restarts=0), pod()])
    assert not has_crashed([pod(restarts=2), {"metadata": {}}])
