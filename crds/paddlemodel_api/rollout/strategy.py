"""How a new version takes the place of the one that serves (`spec.rollout`)."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Rule, matches
from paddlemodel_api.rollout.mirror import Mirror

Percent = Annotated[str, Field(max_length=8)]
"""A decimal as text: the API server's floats do not survive every client."""

CANARY_FIELDS: Final = ("steps", "traffic", "mirror", "abortOn", "onNoTraffic", "approval")


class Step(Block):
    """One share of the traffic, and how long it is tried."""

    weight: Annotated[int, Field(ge=0, le=99)] = Field(
        description="Percent of the requests that the canary gets; 0: only mirrored ones."
    )
    minutes: Annotated[int, Field(ge=0, le=10_080)] = Field(
        description="At least this long; 0: until the canary can be judged."
    )


DEFAULT_STEPS: Final = (Step(weight=10, minutes=10), Step(weight=50, minutes=10))


class AbortOn(Block):
    """Beyond which limits a canary is ended; each has to be passed for certain, and not by chance."""

    error_percent_above: Percent = Field(
        default="1",
        description="Percent of the canary's requests that it answers with 500 or above; an error rate that "
        "the stable version has as well does not count.",
    )
    p95_ratio_above: Percent = Field(
        default="1.5",
        description="The time below which 95 of 100 requests are answered, by that of the stable version.",
    )
    disagreement_percent_above: Percent = Field(
        default="1",
        description="Percent of the mirrored requests that the canary answers otherwise; only with mirror.",
    )
    min_requests: Annotated[int, Field(ge=10, le=1_000_000)] = Field(
        default=200, description="In each step, before anything is judged."
    )
    rules: ClassVar = tuple(
        matches(
            field,
            r"[0-9]{1,4}(?:\.[0-9]{1,3})?",
            f"spec.rollout.abortOn.{name} is a number as text, such as '1.5': write it in quotes, and not "
            "negative",
        )
        for field, name in (
            ("error_percent_above", "errorPercentAbove"),
            ("p95_ratio_above", "p95RatioAbove"),
            ("disagreement_percent_above", "disagreementPercentAbove"),
        )
    )


class Rollout(Block):
    """What happens between an edit that reaches the pods, and its serving all requests."""

    strategy: Literal["RollingUpdate", "Canary"] = Field(
        default="RollingUpdate",
        description="RollingUpdate: pods are replaced as soon as their successors are ready. Canary: the new "
        "version gets a share of the traffic first, and is ended if it does worse.",
    )
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)] | None = Field(
        default=None, description="Of a canary, one after the other. Default: 10 % and 50 %, 10 minutes each."
    )
    traffic: Literal["Auto", "Replicas", "Gateway", "IngressNginx"] | None = Field(
        default=None,
        description="What divides the requests. Replicas: the Service, by the numbers of pods, so that the "
        "least share of a canary is one pod's. Gateway: the weights of the HTTPRoute of spec.gateway. "
        "IngressNginx: a second Ingress with ingress-nginx's annotations, beside that of spec.ingress. With "
        "the last two the Service has stable pods alone, so the canary gets nothing of what comes by it. "
        "Auto: Gateway with spec.gateway, else Replicas. Default: Auto.",
    )
    mirror: Mirror | None = Field(
        default=None,
        description="Compare the canary's answers with the stable version's. Default: they are not.",
    )
    abort_on: AbortOn | None = Field(default=None, description="When a canary is ended. Default: its own.")
    on_no_traffic: Literal["Wait", "Promote", "Abort"] | None = Field(
        default=None,
        description="What follows a step in which too few requests came to judge by. Default: Wait.",
    )
    approval: Literal["Automatic", "Manual"] | None = Field(
        default=None,
        description="Manual: after the last step the canary waits for the annotation "
        "paddlemodel.dev/rollout: promote@REVISION. Default: Automatic.",
    )
    surge: Annotated[int, Field(ge=0, le=1)] = Field(
        default=1,
        description="Pods beside the wanted ones while pods are replaced. 0: none, for a cluster without a "
        "spare GPU; then one pod fewer answers meanwhile, and of one pod none.",
    )
    rules: ClassVar = (
        Rule(
            cel="(has(self.strategy) && self.strategy == 'Canary') || !("
            + " || ".join(f"has(self.{field})" for field in CANARY_FIELDS)
            + ")",
            holds=lambda block: block.strategy == "Canary" or not block.canary_fields,
            message=f"spec.rollout.{', '.join(CANARY_FIELDS[:-1])} and {CANARY_FIELDS[-1]} are of a canary: "
            "set strategy to Canary, or remove them",
            field="strategy",
        ),
        Rule(
            cel="!has(self.abortOn) || !has(self.abortOn.disagreementPercentAbove) || has(self.mirror)",
            holds=lambda block: (
                block.abort_on is None
                or "disagreement_percent_above" not in block.abort_on.model_fields_set
                or block.mirror is not None
            ),
            message="spec.rollout.abortOn.disagreementPercentAbove needs spec.rollout.mirror, which compares "
            "the answers: set mirror, or remove it",
            field="abortOn",
        ),
        Rule(
            cel="has(self.mirror) || !has(self.steps) || self.steps.all(step, step.weight > 0)",
            holds=lambda block: (
                block.mirror is not None or all(step.weight > 0 for step in block.steps or ())
            ),
            message="spec.rollout.steps with weight 0 need spec.rollout.mirror, or the canary gets no "
            "request at all: set mirror, or raise the weight",
            field="steps",
        ),
    )

    @property
    def canary_fields(self) -> tuple[str, ...]:
        """The fields that are set and mean nothing to a rolling update."""
        given = self.model_dump(by_alias=True, exclude_none=True)
        return tuple(field for field in CANARY_FIELDS if field in given)
