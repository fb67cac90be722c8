"""The steps from ready pods to an answer: Service, autoscaler, Ingress, HTTPRoute, a real question; pure."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.names import ChildKey
from paddlemodel_operator.commands.deployed.doctor.seen import Answer, Object, Seen, State, Step
from paddlemodel_operator.commands.deployed.doctor.steps import of_condition
from paddlemodel_operator.commands.deployed.records import NotKnown
from paddlemodel_operator.observe.conditions import read_conditions
from paddlemodel_operator.status.judge import AUTOSCALING, ROUTE

_DEFAULT_CLASS: Final = "ingressclass.kubernetes.io/is-default-class"
_NOT_WELL: Final = "the step spec failed, so what is meant is not known."


def service(seen: Seen) -> Step:
    """Does the Service lead to the pods?"""
    if isinstance(seen.endpoints, NotKnown):
        return Step("service", State.NOT_KNOWN, seen.endpoints.why)
    count = sum(_ready_addresses(one) for one in seen.endpoints)
    name = seen.body["metadata"]["name"]
    if count:
        return Step("service", State.OK, f"Service {name} leads to {count} ready pod{'s' * (count > 1)}")
    pods = 0 if isinstance(seen.observed, NotKnown) else seen.observed.ready_pods
    if not pods:
        return Step("service", State.NOT_KNOWN, "it leads to ready pods, and there is none.")
    return Step(
        "service",
        State.FAILED,
        f"Service {name} leads nowhere although {pods} pods are ready: compare its selector with the pods' "
        f"labels; kubectl get endpointslices -l {names.SERVICE_NAME_LABEL}={name} shows where it leads.",
    )


def _ready_addresses(piece: Object) -> int:
    """Of one EndpointSlice."""
    endpoints = piece.get("endpoints") or ()
    return sum((one.get("conditions") or {}).get("ready") is not False for one in endpoints)


def autoscaling(seen: Seen) -> Step:
    """Does the autoscaler read its metrics? The operator has followed the chain to the pods."""
    found = read_conditions(seen.body.get("status") or {}).get(AUTOSCALING)
    if found is not None:
        step = of_condition("autoscaling", found)
        return replace(step, text=f"{step.text}{_readings(seen)}")
    if isinstance(seen.model, NotKnown):
        return Step("autoscaling", State.NOT_KNOWN, _NOT_WELL)
    if seen.model.spec.autoscaling is None:
        return Step("autoscaling", State.OK, "the number of pods is fixed (spec.autoscaling)")
    return Step("autoscaling", State.NOT_KNOWN, "the operator has not said anything about it yet.")


def _readings(seen: Seen) -> str:
    """What the autoscaler has read of each target, as the status has it."""
    targets = ((seen.body.get("status") or {}).get("autoscaling") or {}).get("targets", ())
    told = [f"{one['name']} {one.get('current', 'not read')} of {one['target']}" for one in targets]
    return f" ({', '.join(told)})" if told else ""


def ingress(seen: Seen) -> Step:
    """Is the model reached from outside?"""
    if isinstance(seen.model, NotKnown):
        return Step("ingress", State.NOT_KNOWN, _NOT_WELL)
    wanted = seen.model.spec.ingress
    if wanted is None:
        return Step("ingress", State.OK, "it has none (spec.ingress)")
    live = seen.children.get(ChildKey(names.INGRESS, seen.model.name))
    places = [] if live is None or isinstance(live, NotKnown) else _published(live)
    if places:  # A controller has taken it, whatever the classes say.
        return Step("ingress", State.OK, f"{wanted.host} is served at {', '.join(places)}")
    if fault := _class_fault(wanted.class_name, seen.classes):
        return Step("ingress", State.FAILED, fault)
    if live is None or isinstance(live, NotKnown):
        return Step(
            "ingress", State.NOT_KNOWN, live.why if live else "the object is not there, as said above."
        )
    return Step(
        "ingress",
        State.NOT_KNOWN,
        "no controller has published an address yet; some never do. If clients do not reach "
        f"{wanted.host}: see the log of the Ingress controller.",
    )


def _published(live: Object) -> list[str]:
    """The addresses at which a controller says that it serves an Ingress."""
    balancer = (live.get("status", {}).get("loadBalancer") or {}).get("ingress") or ()
    return [str(one.get("ip") or one.get("hostname")) for one in balancer]


def _class_fault(name: str | None, classes: object) -> str:
    """Why no controller takes the Ingress; empty where one does, or where that is not known."""
    if not isinstance(classes, list):
        return ""
    known = [one["metadata"]["name"] for one in classes]
    if name and name not in known:
        there = f"there is {', '.join(known)}" if known else "there is none at all"
        cure = "install its controller, or correct spec.ingress.className"
        return f"IngressClass {name} does not exist, {there}: {cure}."
    notes = [one["metadata"].get("annotations", {}) for one in classes]
    if not name and not any(one.get(_DEFAULT_CLASS) == "true" for one in notes):
        return (
            "no IngressClass is the cluster's default: set spec.ingress.className, or install a controller."
        )
    return ""


def gateway(seen: Seen) -> Step:
    """Do its Gateways lead to the model? The operator has read what their controllers say."""
    found = read_conditions(seen.body.get("status") or {}).get(ROUTE)
    if found is not None:
        return of_condition("gateway", found)
    if isinstance(seen.model, NotKnown):
        return Step("gateway", State.NOT_KNOWN, _NOT_WELL)
    if seen.model.spec.gateway is None:
        return Step("gateway", State.OK, "no Gateway leads to it (spec.gateway)")
    return Step("gateway", State.NOT_KNOWN, "the operator has not said anything about it yet.")


def answer(seen: Seen) -> Step:
    """What a pod says when it is asked for its model's metadata."""
    found = seen.answer
    if found is None:
        return Step("answer", State.NOT_KNOWN, "no pod is ready to be asked.")
    if isinstance(found, NotKnown):
        return Step("answer", State.NOT_KNOWN, found.why)
    asked = f"GET {found.path} of pod {found.pod} answers {found.status}"
    if found.status == 200:
        return Step("answer", State.OK, f"{asked}{_inputs(found)}")
    closed = not isinstance(seen.model, NotKnown) and seen.model.spec.access is not None
    if found.status in {401, 403, 429} and closed:
        return Step("answer", State.OK, f"{asked}, as spec.access wants: it is there, and asks who you are")
    said = found.body[:300].decode(errors="replace")
    return Step("answer", State.FAILED, f"{asked}: see kubectl logs {found.pod}. It says: {said}")


def _inputs(found: Answer) -> str:
    try:
        inputs: Any = json.loads(found.body).get("inputs", ())
        told = [f"{one['name']} {one['datatype']}{json.dumps(one['shape'])}" for one in inputs]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ", though not with a model's metadata"
    return f": inputs {', '.join(told)}" if told else ""


def of_network(seen: Seen) -> Iterator[Step]:
    """All of them: each is known, or not, by itself."""
    for one in (service, autoscaling, ingress, gateway, answer):
        yield one(seen)
