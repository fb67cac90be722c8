"""Who serves the cluster's metrics APIs, read from its APIServices; pure.

Kubernetes lets an autoscaler use one version of a group only, the preferred one: a second one beside another
server's breaks one of the two. So the whole group has one owner, and it is never taken from it.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from paddlemodel_operator.base import names

Object = Mapping[str, Any]

GROUPS: Final = (names.CUSTOM_METRICS_GROUP, "metrics.k8s.io", "external.metrics.k8s.io")
"""What autoscalers can ask: pods' own metrics, CPU and memory, everything else."""


class State(enum.StrEnum):
    """Who serves the group custom.metrics.k8s.io, the metrics of pods."""

    ABSENT = "Absent"
    """It is not registered."""
    OURS = "Ours"
    """The adapter of this chart, and it answers."""
    OURS_UNAVAILABLE = "OursUnavailable"
    """The adapter of this chart, which does not answer, or not yet."""
    FOREIGN = "Foreign"
    """Another server; `services` says whether it is available."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One APIService, as an autoscaler meets it."""

    name: str
    """Version and group, such as v1beta1.metrics.k8s.io."""
    owner: str
    """The Service behind it, as namespace/name; empty where the API server itself answers."""
    available: bool
    message: str
    """Why not available, in the API server's words."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Who serves the metrics APIs, as the registrar saw it last."""

    state: State
    owner: str = ""
    """Of the group custom.metrics.k8s.io: the Service that answers, as namespace/name; empty if ABSENT."""
    message: str = ""
    """One sentence: what stands in the way; empty if nothing does."""
    services: Mapping[str, Service] = field(default_factory=dict)
    """The APIServices of all metrics APIs, by their names."""

    def group(self, group: str) -> list[Service]:
        """Those of one group, such as metrics.k8s.io; empty if it is not registered."""
        return [one for one in self.services.values() if one.name.partition(".")[2] == group]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The APIServices of the cluster, sorted: ours, others' in our group, and those of all metrics APIs."""

    ours: Object | None
    foreign: Sequence[Object]
    services: Mapping[str, Service]


def survey(items: Sequence[Object], namespace: str, adapter: str) -> Survey:
    """Sort all APIServices of a cluster; one is ours if it leads to the Service of our adapter."""
    of_group = [one for one in items if one["spec"].get("group") == names.CUSTOM_METRICS_GROUP]
    mine = f"{namespace}/{adapter}" if adapter else ""
    services = [_service(one) for one in items if one["spec"].get("group") in GROUPS]
    return Survey(
        ours=next((one for one in of_group if mine and _is_ours(one, mine)), None),
        foreign=[one for one in of_group if not mine or _owner(one) != mine],
        services={one.name: one for one in services},
    )


def registration(seen: Survey, trouble: str = "") -> Registration:
    """What a survey means; `trouble` is what keeps us from registering, or from keeping it up."""
    if seen.foreign:
        # The first that answers, else the first: a sentence can name one.
        found = [seen.services[one["metadata"]["name"]] for one in seen.foreign]
        owner = next((one for one in found if one.available), found[0])
        message = f"APIService {owner.name} belongs to {owner.owner or 'the API server'}"
        if not owner.available:
            message += f", and is not available: {owner.message or 'no reason is given'}"
        return Registration(
            state=State.FOREIGN, owner=owner.owner, message=f"{message}.", services=seen.services
        )
    if seen.ours is None:
        return Registration(state=State.ABSENT, message=trouble, services=seen.services)
    ours = seen.services[seen.ours["metadata"]["name"]]
    state = State.OURS if ours.available else State.OURS_UNAVAILABLE
    message = trouble or ours.message
    return Registration(state=state, owner=ours.owner, message=message, services=seen.services)


def _is_ours(service: Object, mine: str) -> bool:
    return bool(service["metadata"]["name"] == names.METRICS_API_SERVICE and _owner(service) == mine)


def _owner(service: Object) -> str:
    target = service["spec"].get("service") or {}
    return f"{target['namespace']}/{target['name']}" if target else ""


def _service(live: Object) -> Service:
    conditions = live.get("status", {}).get("conditions", ())
    condition: Object = next((one for one in conditions if one["type"] == "Available"), {})
    available = condition.get("status") == "True"
    message = "" if available else condition.get("message") or "the API server has not tried it yet"
    return Service(name=live["metadata"]["name"], owner=_owner(live), available=available, message=message)
