"""An HTTPRoute as the controllers of its Gateways see it, read once into frozen records; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paddlemodel_operator.observe.conditions import Conditions, read_conditions


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """What one controller says about the route at one Gateway."""

    name: str
    namespace: str
    section: str
    """The listener; empty for the Gateway as a whole."""
    conditions: Conditions
    """Of the route as it is now: what was said of an earlier one is left out."""


def read_route(route: Mapping[str, Any] | None) -> tuple[Parent, ...] | None:
    """What controllers say; None where there is no route, nothing where nobody has said anything."""
    if route is None:
        return None
    metadata = route["metadata"]
    return tuple(
        Parent(
            name=one["parentRef"]["name"],
            namespace=one["parentRef"].get("namespace", metadata["namespace"]),
            section=one["parentRef"].get("sectionName", ""),
            conditions=read_conditions({"conditions": _present(one, metadata.get("generation", 0))}),
        )
        for one in (route.get("status") or {}).get("parents") or ()
    )


def _present(parent: Mapping[str, Any], generation: int) -> list[Mapping[str, Any]]:
    found = parent.get("conditions") or ()
    return [one for one in found if one.get("observedGeneration", generation) >= generation]
