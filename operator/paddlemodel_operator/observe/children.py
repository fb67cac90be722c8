"""Reads children and pods once into a frozen Observed; every decision of `status` reads only that."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.observe.autoscaler import Autoscaler, read_autoscaler
from paddlemodel_operator.observe.conditions import TEXT_MAX, Condition, Conditions, read_conditions
from paddlemodel_operator.observe.pod_samples import ENDED, PodSamples, ProbeTrigger, gpus_held, probe_trigger
from paddlemodel_operator.observe.route import Parent, read_route
from paddlemodel_operator.rollout.situation import Plan

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """The last known state of one container."""

    running: bool = False
    ready: bool = False
    restarts: int = 0
    waiting: str = ""
    waiting_message: str = ""
    ended: str = ""
    """When it ended, as RFC 3339 writes it."""
    exit_code: int | None = None
    exit_reason: str = ""
    exit_message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """One pod of the newest version of the model."""

    name: str
    node: str = ""
    created: str = ""
    phase: str = ""
    ready: bool = False
    was_ready: bool = False
    """It answers, or has answered once."""
    unschedulable: str = ""
    scheduled: bool = False
    fetches: Mapping[str, Container] = field(default_factory=dict)
    """What brings each model, by the model's name."""
    server: Container = field(default_factory=Container)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """The counts and faults of the Deployment."""

    current: bool
    """Its controller has seen the newest spec."""
    desired: int
    replicas: int = 0
    updated: int = 0
    ready: int = 0
    sources: Mapping[str, str] = field(default_factory=dict)
    """The URI of each model as the fetcher of its pods gets it, by the model's name."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """The revisions for which its pods were replaced the last time, by the names of the models."""
    replica_failure: str = ""
    stuck: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """Everything that decides about a status."""

    workload: Workload | None = None
    canary: Workload | None = None
    """Of a version that is tried out."""
    autoscaler: Autoscaler | None = None
    """Ours, or the one that KEDA has made."""
    scaled_object: Conditions | None = None
    missing: tuple[names.Kind, ...] = ()
    """Kinds of desired children that the cluster does not know."""
    waiting: tuple[str, ...] = ()
    """Of a paused model: children, as kind and name, that differ from what its spec asks for."""
    pods: tuple[Pod, ...] = ()
    """Of the newest version, alive, in order of age."""
    network_policy: bool = False
    """Whether the model's NetworkPolicy is there."""
    route: tuple[Parent, ...] | None = None
    """What is said of the HTTPRoute at its Gateways; None where there is no route."""
    gpus: int = 0
    """Held by the model's pods of whatever version, loading or not."""
    checks: Mapping[str, Container] = field(default_factory=dict)
    """What the last look for new content of each model found; none before it has ended."""
    trigger: ProbeTrigger = field(default_factory=ProbeTrigger)
    samples: PodSamples | None = None
    """The last ones, perhaps for another trigger."""
    plan: Plan = field(default_factory=Plan)
    """Of the rollout."""

    @property
    def ready_pods(self) -> int:
        """Pods of the newest version that answer."""
        return sum(pod.ready for pod in self.pods)

    @property
    def answering(self) -> int:
        """Pods of whatever version that answer clients: those of a canary while it gets requests."""
        behind = (self.workload, self.canary if self.plan.weight else None)
        return sum(one.ready for one in behind if one)


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveObjects:
    """The objects of one model as they came from the API; of a kind with several, the main one."""

    deployment: Object | None = None
    canary: Object | None = None
    """The Deployment of a version that is tried out."""
    cron_job: Object | None = None
    autoscaler: Object | None = None
    scaled_object: Object | None = None
    network_policy: Object | None = None
    http_route: Object | None = None
    gpu_resource: str = ""
    """What the device plugin calls a GPU; empty on device CPU."""
    pods: Sequence[Object] = ()
    """All with the model's label, whichever Deployment they belong to."""


def observe(seen: LiveObjects, missing: tuple[names.Kind, ...] = ()) -> Observed:
    """Everything of one model but the samples, which the caller adds."""
    deployment, autoscaler = seen.deployment, read_autoscaler(seen.autoscaler)
    pods = (_pod(pod) for pod in seen.pods if deployment and _counts(pod, deployment))
    scaled = seen.scaled_object
    return Observed(
        workload=_workload(deployment) if deployment else None,
        canary=_workload(seen.canary) if seen.canary else None,
        autoscaler=autoscaler,
        scaled_object=None if scaled is None else read_conditions(scaled.get("status", {})),
        missing=missing,
        pods=tuple(sorted(pods, key=lambda pod: (pod.created, pod.name))),
        checks=_last_checks(seen.pods, seen.cron_job) if seen.cron_job else {},
        network_policy=seen.network_policy is not None,
        route=read_route(seen.http_route),
        gpus=gpus_held(seen.pods, seen.gpu_resource),
        trigger=probe_trigger(autoscaler, seen.pods),
    )


def last_words(container: Container) -> dict[str, Any]:
    """The JSON that a container left behind, or an empty one: never trusted to be well-formed."""
    try:
        words = json.loads(container.exit_message)
    except ValueError:
        return {}
    return words if isinstance(words, dict) else {}


def _counts(pod: Object, deployment: Object) -> bool:
    """Whether a pod is of this Deployment and of its newest version, and neither ending nor evicted."""
    metadata, spec = pod["metadata"], deployment["spec"]
    revision = spec["template"]["metadata"].get("labels", {}).get(contract.REVISION_LABEL)
    wanted = {**spec.get("selector", {}).get("matchLabels", {}), contract.REVISION_LABEL: revision}
    labels = metadata.get("labels", {})
    gone = metadata.get("deletionTimestamp") or pod.get("status", {}).get("phase") in ENDED
    return not gone and all(labels.get(key) == value for key, value in wanted.items())


def _last_checks(pods: Sequence[Object], cron_job: Object) -> dict[str, Container]:
    """Of the pods that look as the CronJob says now, what the last one said of each model."""
    template = cron_job["spec"]["jobTemplate"]["spec"]["template"]
    wanted = template["metadata"].get("labels", {}).get(contract.UPDATE_CHECK_LABEL)
    found: dict[str, Container] = {}
    for pod in pods:
        if not wanted or pod["metadata"].get("labels", {}).get(contract.UPDATE_CHECK_LABEL) != wanted:
            continue
        for name, one in _of_models(pod, "containerStatuses", names.CHECK_CONTAINER).items():
            reports = one.exit_code is not None or one.waiting
            if reports and (name not in found or one.ended > found[name].ended):
                found[name] = one
    return found


def _workload(deployment: Object) -> Workload:
    spec, status = deployment["spec"], deployment.get("status", {})
    template = spec["template"]
    conditions = read_conditions(status)
    failure = conditions.get("ReplicaFailure", Condition())
    progress = conditions.get("Progressing", Condition())
    return Workload(
        current=status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0),
        desired=spec.get("replicas", 1),
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        sources=(sources := _sources(template)),
        contents=_contents(template, sources),
        replica_failure=failure.message if failure.status == "True" else "",
        stuck=progress.reason == "ProgressDeadlineExceeded",
    )


def _sources(template: Object) -> dict[str, str]:
    """What follows --uri in the fetchers' arguments; somebody who edits a Deployment may leave them out."""
    found = {}
    for container in template.get("spec", {}).get("initContainers", ()):
        arguments = container.get("args", [])
        name = names.model_of(container["name"], names.FETCH_CONTAINER)
        if name and "--uri" in arguments[:-1]:
            found[name] = str(arguments[arguments.index("--uri") + 1])
    return found


def _contents(template: Object, models: Iterable[str]) -> dict[str, str]:
    annotations = template["metadata"].get("annotations") or {}
    found = {name: annotations.get(contract.revision_annotation(name), "") for name in models}
    return {name: revision for name, revision in found.items() if revision}


def _pod(body: Object) -> Pod:
    status = body.get("status", {})
    conditions = read_conditions(status)
    scheduled = conditions.get("PodScheduled", Condition())
    return Pod(
        name=body["metadata"]["name"],
        node=body.get("spec", {}).get("nodeName", ""),
        created=body["metadata"].get("creationTimestamp", ""),
        phase=status.get("phase", ""),
        ready=(ready := conditions.get("Ready", Condition()).status == "True"),
        was_ready=ready or _has_turned(status),
        unschedulable=scheduled.message if scheduled[:2] == ("False", "Unschedulable") else "",
        scheduled=scheduled.status == "True",
        fetches=_of_models(body, "initContainerStatuses", names.FETCH_CONTAINER),
        server=_container(status.get("containerStatuses", ()), names.SERVER_CONTAINER),
    )


def _has_turned(status: Object) -> bool:
    """Whether a pod that is not ready was so once: then its condition is younger than its initialisation.

    A pod begins as not ready, and a condition keeps its time for as long as it keeps its status.
    """
    at = {one["type"]: one.get("lastTransitionTime") or "" for one in status.get("conditions") or ()}
    return bool(at.get("Initialized")) and at.get("Ready", "") > at["Initialized"]


def _of_models(pod: Object, part: str, container: str) -> dict[str, Container]:
    """The containers that a pod has once for each model, by the model's name."""
    statuses = pod.get("status", {}).get(part, ())
    found = {names.model_of(one["name"], container): one["name"] for one in statuses}
    return {model: _container(statuses, name) for model, name in found.items() if model}


def _container(statuses: Iterable[Object], name: str) -> Container:
    status = next((one for one in statuses if one["name"] == name), None)
    if status is None:
        return Container()
    state, last = status.get("state", {}), status.get("lastState", {})
    ended = state.get("terminated") or last.get("terminated") or {}
    waiting = state.get("waiting", {})
    return Container(
        running="running" in state,
        ready=status.get("ready", False),
        restarts=status.get("restartCount", 0),
        waiting=waiting.get("reason", ""),
        waiting_message=waiting.get("message", "")[:TEXT_MAX],
        ended=ended.get("finishedAt", ""),
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason", ""),
        exit_message=ended.get("message", "")[:4096],
    )
