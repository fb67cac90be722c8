"""Do the Gateways of spec.gateway lead to the model? The condition RouteAccepted; pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from paddlemodel_api.network import ParentRef

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.observe.route import Parent

MISSING: Final = Condition(
    "False",
    "GatewayAPIMissing",
    "The cluster does not know the kind HTTPRoute: install the definitions of the Gateway API and a "
    "controller for it, or use spec.ingress. Inside the cluster the model is served all the same.",
)
_ASKED: Final = {
    "Accepted": "does not take the HTTPRoute",
    "ResolvedRefs": "does not find the Service behind the HTTPRoute",
}
"""The conditions of a route at a Gateway, and what their being False means."""


def route(model: PaddleModel, observed: Observed) -> Condition | None:
    """The condition RouteAccepted; None without spec.gateway."""
    gateway = model.spec.gateway
    if gateway is None:
        return None
    if names.HTTP_ROUTE in observed.missing:
        return MISSING
    if observed.route is None:
        return _pending("There is no HTTPRoute yet. If that stays so, the condition Ready says why.")
    found = [said for one in gateway.parent_refs for said in _at(model, one, _of(model, one, observed.route))]
    worst = next((one for one in found if one.status == "False"), None) or next(iter(found), None)
    return worst or Condition("True", "Accepted", _accepted(model))


def _of(model: PaddleModel, wanted: ParentRef, parents: Sequence[Parent]) -> list[Parent]:
    """Several controllers may speak about one Gateway: the one whose class it is, and one that errs."""
    place = (wanted.namespace or model.namespace, wanted.name, wanted.section_name or "")
    return [one for one in parents if (one.namespace, one.name, one.section) == place]


def _at(model: PaddleModel, wanted: ParentRef, said: Sequence[Parent]) -> Iterator[Condition]:
    """What keeps a Gateway from leading to the model; nothing where it does."""
    where = _place(model, wanted)
    if not any(one.conditions for one in said):
        yield _pending(
            f"No controller has said anything about the HTTPRoute at {where}: the Gateway has to exist, "
            "and the controller of its class to run."
        )
        return
    for one in said:
        for kind, means in _ASKED.items():
            found = one.conditions.get(kind, Condition())
            if found.status == "False":
                reason = found.reason or "NotAccepted"
                words = f": {found.message.rstrip('.')}" if found.message else ""
                yield Condition(
                    "False",
                    reason,
                    f"{where} {means} ({reason}){words}. Correct spec.gateway, or what the Gateway admits.",
                )


def _place(model: PaddleModel, wanted: ParentRef) -> str:
    listener = f", listener {wanted.section_name}" if wanted.section_name else ""
    return f"Gateway {wanted.namespace or model.namespace}/{wanted.name}{listener}"


def _accepted(model: PaddleModel) -> str:
    gateway = model.spec.gateway
    if gateway is None:
        raise AssertionError("only with spec.gateway")
    path = gateway.path.rstrip("/")
    hosts = [f"{name}{path}" for name in gateway.hostnames] or [f"every host of its listeners{path}"]
    places = " and ".join(_place(model, one) for one in gateway.parent_refs)
    return f"The model is reached by {places} at {', '.join(hosts)}."


def _pending(message: str) -> Condition:
    return Condition("Unknown", "Pending", message)
