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
from paddlemodel_operator.language.words import t
from paddlemodel_operator.observe.conditions import read_conditions
from paddlemodel_operator.status.judge import AUTOSCALING, ROUTE

_DEFAULT_CLASS: Final = "ingressclass.kubernetes.io/is-default-class"


def service(seen: Seen) -> Step:
    """Does the Service lead to the pods?"""
    if isinstance(seen.endpoints, NotKnown):
        return Step("service", State.NOT_KNOWN, seen.endpoints.why)
    count = sum(_ready_addresses(one) for one in seen.endpoints)
    name = seen.body["metadata"]["name"]
    if count:
        one, many = (
            t("Service {name} leads to 1 ready pod", name=name),
            t("Service {name} leads to {count} ready pods", name=name, count=count),
        )
        return Step("service", State.OK, one if count == 1 else many)
    pods = 0 if isinstance(seen.observed, NotKnown) else seen.observed.ready_pods
    if not pods:
        return Step("service", State.NOT_KNOWN, t("it leads to ready pods, and there is none."))
    return Step(
        "service",
        State.FAILED,
        t(
            "Service {name} leads nowhere although {pods} pods are ready: compare its selector with the "
            "pods' labels; kubectl get endpointslices -l {label}={name} shows where it leads.",
            name=name,
            pods=pods,
            label=names.SERVICE_NAME_LABEL,
        ),
    )


def _ready_addresses(piece: Object) -> int:
    """Of one EndpointSlice."""
    endpoints = piece.get("endpoints") or ()
    return sum((one.get("conditions") or {}).get("ready") is not False for one in endpoints)


def autoscaling(seen: Seen) -> Step:
    """Does the autoscaler read its metrics? The operator has followed the chain to the pods."""
    found = read_conditions(seen.body.get("status") or {}).get(AUTOSCALING)
    if found is not None:
        step = of_condition("autoscaling", AUTOSCALING, found)
        return replace(step, text=f"{step.text}{_readings(seen)}")
    if isinstance(seen.model, NotKnown):
        return _not_meant("autoscaling")
    if seen.model.spec.autoscaling is None:
        return Step("autoscaling", State.OK, t("the number of pods is fixed (spec.autoscaling)"))
    return Step("autoscaling", State.NOT_KNOWN, t("the operator has not said anything about it yet."))


def _not_meant(name: str) -> Step:
    return Step(name, State.NOT_KNOWN, t("the step spec failed, so what is meant is not known."))


def _readings(seen: Seen) -> str:
    """What the autoscaler has read of each target, as the status has it."""
    targets = ((seen.body.get("status") or {}).get("autoscaling") or {}).get("targets", ())
    told = [
        t(
            "{name} {current} of {target}",
            name=one["name"],
            current=one.get("current") or t("not read"),
            target=one["target"],
        )
        for one in targets
    ]
    return t(" ({readings})", readings=t(", ").join(told)) if told else ""


def ingress(seen: Seen) -> Step:
    """Is the model reached from outside?"""
    if isinstance(seen.model, NotKnown):
        return _not_meant("ingress")
    wanted = seen.model.spec.ingress
    if wanted is None:
        return Step("ingress", State.OK, t("it has none (spec.ingress)"))
    live = seen.children.get(ChildKey(names.INGRESS, seen.model.name))
    places = [] if live is None or isinstance(live, NotKnown) else _published(live)
    if places:  # A controller has taken it, whatever the classes say.
        told = t("{host} is served at {places}", host=wanted.host, places=t(", ").join(places))
        return Step("ingress", State.OK, told)
    if fault := _class_fault(wanted.class_name, seen.classes):
        return Step("ingress", State.FAILED, fault)
    if live is None or isinstance(live, NotKnown):
        why = live.why if live else t("the object is not there, as said above.")
        return Step("ingress", State.NOT_KNOWN, why)
    return Step(
        "ingress",
        State.NOT_KNOWN,
        t(
            "no controller has published an address yet; some never do. If clients do not reach {host}: see "
            "the log of the Ingress controller.",
            host=wanted.host,
        ),
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
        there = t("there is {known}", known=t(", ").join(known)) if known else t("there is none at all")
        return t(
            "IngressClass {name} does not exist, {there}: install its controller, or correct "
            "spec.ingress.className.",
            name=name,
            there=there,
        )
    notes = [one["metadata"].get("annotations", {}) for one in classes]
    if not name and not any(one.get(_DEFAULT_CLASS) == "true" for one in notes):
        return t(
            "no IngressClass is the cluster's default: set spec.ingress.className, or install a controller."
        )
    return ""


def gateway(seen: Seen) -> Step:
    """Do its Gateways lead to the model? The operator has read what their controllers say."""
    found = read_conditions(seen.body.get("status") or {}).get(ROUTE)
    if found is not None:
        return of_condition("gateway", ROUTE, found)
    if isinstance(seen.model, NotKnown):
        return _not_meant("gateway")
    if seen.model.spec.gateway is None:
        return Step("gateway", State.OK, t("no Gateway leads to it (spec.gateway)"))
    return Step("gateway", State.NOT_KNOWN, t("the operator has not said anything about it yet."))


def answer(seen: Seen) -> Step:
    """What a pod says when it is asked for its model's metadata."""
    found = seen.answer
    if found is None:
        return Step("answer", State.NOT_KNOWN, t("no pod is ready to be asked."))
    if isinstance(found, NotKnown):
        return Step("answer", State.NOT_KNOWN, found.why)
    asked = t("GET {path} of pod {pod} answers {status}", path=found.path, pod=found.pod, status=found.status)
    if found.status == 200:
        return Step("answer", State.OK, f"{asked}{_inputs(found)}")
    closed = not isinstance(seen.model, NotKnown) and seen.model.spec.access is not None
    if found.status in {401, 403, 429} and closed:
        well = t("{asked}, as spec.access wants: it is there, and asks who you are", asked=asked)
        return Step("answer", State.OK, well)
    said = found.body[:300].decode(errors="replace")
    fault = t("{asked}: see kubectl logs {pod}. It says: {said}", asked=asked, pod=found.pod, said=said)
    return Step("answer", State.FAILED, fault)


def _inputs(found: Answer) -> str:
    try:
        inputs: Any = json.loads(found.body).get("inputs", ())
        told = [f"{one['name']} {one['datatype']}{json.dumps(one['shape'])}" for one in inputs]
    except (ValueError, KeyError, TypeError, AttributeError):
        return t(", though not with a model's metadata")
    return t(": inputs {inputs}", inputs=t(", ").join(told)) if told else ""


def of_network(seen: Seen) -> Iterator[Step]:
    """All of them: each is known, or not, by itself."""
    for one in (service, autoscaling, ingress, gateway, answer):
        yield one(seen)
