"""The part of the table of specs that is about `spec.rollout`."""

from typing import Any

from tests.operator.support.builders import spec
from tests.operator.support.source_specs import Refused


def _canary(**fields: Any) -> dict[str, Any]:
    return spec(rollout={"strategy": "Canary", **fields})


ACCEPTED = {
    "a rolling update without a spare pod": spec(rollout={"surge": 0}),
    "a canary by default": _canary(),
    "a shadow": _canary(steps=[{"weight": 0, "minutes": 1}], mirror={"percent": 100}, approval="Manual"),
    "a canary that is judged strictly": _canary(
        abortOn={"errorPercentAbove": "0.5", "minRequests": 10}, onNoTraffic="Abort", traffic="Auto"
    ),
    "a canary that a Gateway leads requests to": _canary(traffic="Gateway")
    | {"gateway": {"parentRefs": [{"name": "public"}]}},
    "a canary that an Ingress leads requests to": _canary(traffic="IngressNginx")
    | {"ingress": {"host": "a.example.com"}},
}
RULES = (
    Refused(
        "requests that a Gateway is to divide, without one",
        _canary(traffic="Gateway"),
        "spec.rollout.traffic Gateway needs spec.gateway, by which the requests are divided",
    ),
    Refused(
        "requests that an Ingress is to divide, without one",
        _canary(traffic="IngressNginx"),
        "spec.rollout.traffic IngressNginx needs spec.ingress, by which the requests are divided",
    ),
    Refused(
        "steps of a rolling update",
        spec(rollout={"steps": [{"weight": 10, "minutes": 1}]}),
        "are of a canary: set strategy to Canary, or remove them",
    ),
    Refused(
        "approval of a rolling update",
        spec(rollout={"strategy": "RollingUpdate", "approval": "Manual"}),
        "are of a canary: set strategy to Canary, or remove them",
    ),
    Refused(
        "disagreement that nobody sees",
        _canary(abortOn={"disagreementPercentAbove": "1"}),
        "needs spec.rollout.mirror, which compares the answers: set mirror, or remove it",
    ),
    Refused(
        "a shadow without a mirror",
        _canary(steps=[{"weight": 0, "minutes": 1}, {"weight": 10, "minutes": 1}]),
        "with weight 0 need spec.rollout.mirror, or the canary gets no request at all",
    ),
    Refused(
        "a percentage that is no number",
        _canary(abortOn={"errorPercentAbove": "1 %"}),
        "spec.rollout.abortOn.errorPercentAbove is a number as text, such as '1.5'",
    ),
    Refused(
        "a ratio below 0",
        _canary(abortOn={"p95RatioAbove": "-2"}),
        "spec.rollout.abortOn.p95RatioAbove is a number as text, such as '1.5'",
    ),
    Refused(
        "a mirror's tolerance that is no number",
        _canary(mirror={"relative": "much"}),
        "spec.rollout.mirror.relative is a number as text, such as '1e-3'",
    ),
    Refused(
        "a mirrored output's largest of how many",
        _canary(mirror={"outputs": [{"name": "y", "compare": "TopK"}]}),
        "spec.rollout.mirror.outputs with compare TopK needs k",
    ),
)
