"""The shape of `status`, which only the operator writes."""

from typing import Annotated, Literal

from pydantic import Field

from paddlemodel_api.base import Block
from paddlemodel_api.rollout.progress import RolloutStatus
from paddlemodel_api.rollout.verified import VerificationStatus

Short = Annotated[str, Field(max_length=1024)]


class Condition(Block):
    """One statement about the model, in the form that kubectl wait and Argo CD read."""

    type: Annotated[str, Field(max_length=64)] = Field(
        description="Ready, Available, Progressing, ModelFetched, ModelVerified, ModelUpdateAvailable, "
        "AutoscalingActive, AccessConfigured, RouteAccepted, Paused, Reconciling or Stalled."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: Annotated[str, Field(max_length=128)] = Field(description="The fault, or the state, in one word.")
    message: Annotated[str, Field(max_length=2048)] = Field(
        description="One sentence: the cause and the cure."
    )
    observed_generation: int = Field(description="The metadata.generation that this statement is about.")
    last_transition_time: Annotated[str, Field(max_length=32)] = Field(
        description="When status last changed."
    )


class ServedModel(Block):
    """What the pods have fetched."""

    uri: Short = Field(description="Where it was fetched from.")
    digest: Annotated[str, Field(max_length=128)] = Field(
        description="Digest of the fetched model, to be copied to spec.model.digest."
    )
    revision: Annotated[str, Field(max_length=256)] | None = Field(
        default=None,
        description="What the URI resolved to: a commit, a manifest's digest, an ETag. Left out where the "
        "place tells none.",
    )
    format: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="PIR (.json) or Legacy (.pdmodel)."
    )


class FurtherModel(ServedModel):
    """What the pods have fetched of a further model of the task."""

    name: Annotated[str, Field(max_length=64)] = Field(
        description="The name of its field, such as recognition."
    )


class ScalingTarget(Block):
    """One metric of the autoscaler, as numbers in the units of the target."""

    name: Annotated[str, Field(max_length=64)] = Field(
        description="The field of spec.autoscaling, or metrics[0] and so on."
    )
    metric: Annotated[str, Field(max_length=253)] = Field(description="The metric's name.")
    target: Annotated[str, Field(max_length=32)] = Field(description="The average to be kept.")
    current: Annotated[str, Field(max_length=32)] | None = Field(
        default=None,
        description="What the autoscaler has read, renewed once a minute and only for a change of a tenth of "
        "the target; left out while it cannot read it.",
    )


class ScalingStatus(Block):
    """What the autoscaler aims at, and how far it is."""

    source: Annotated[str, Field(max_length=32)] = Field(description="Who serves the pods' metrics.")
    targets: Annotated[tuple[ScalingTarget, ...], Field(max_length=16)] = Field(
        description="The metrics of the autoscaler; the highest recommendation wins."
    )


class GpuStatus(Block):
    """GPUs that the model keeps from others, and how busy they are."""

    requested: int = Field(description="GPUs that the model's pods hold, busy or not.")
    utilization: int | None = Field(
        default=None,
        description="Percent, averaged over the pods and 30 s; renewed once a minute and only for a change "
        "of 10. Left out while no pod reports it.",
    )


class Columns(Block):
    """Texts for the columns of kubectl get; not for machines."""

    replicas: Annotated[str, Field(max_length=32)] = Field(
        description="Ready/desired pods, for example 1/3; and whether the model is paused."
    )
    digest: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="The first digits of the digest."
    )
    gpus: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="GPUs and how busy they are, as 2 at 63 %."
    )
    access: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="What a client meets: Open, or some of Keys, TLS, Limits."
    )


class Status(Block):
    """What the operator has seen; written by the operator only."""

    observed_generation: int = Field(description="The metadata.generation that this status is about.")
    url: Short | None = Field(default=None, description="Where the model is reached.")
    replicas: int | None = Field(default=None, description="Pods that exist.")
    ready_replicas: int | None = Field(default=None, description="Pods that answer.")
    selector: Short | None = Field(
        default=None, description="Label selector of the pods, for the scale subresource."
    )
    model: ServedModel | None = Field(default=None, description="What the pods have fetched.")
    further_models: Annotated[tuple[FurtherModel, ...], Field(max_length=8)] | None = Field(
        default=None, description="The same of the further models of a task, such as ocr's recognition."
    )
    autoscaling: ScalingStatus | None = Field(
        default=None, description="What the autoscaler aims at, and how far it is."
    )
    gpu: GpuStatus | None = Field(default=None, description="GPUs that the model holds, and their use.")
    verification: VerificationStatus | None = Field(
        default=None,
        description="How far off a pod is that does not agree with the recorded requests; left out while all "
        "agree.",
    )
    rollout: RolloutStatus | None = Field(
        default=None, description="The version that serves, and the one that is tried out."
    )
    columns: Columns | None = Field(default=None, description="Texts for the columns of kubectl get.")
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(),
        description="Ready, Available, Progressing, ModelFetched, ModelVerified, ModelUpdateAvailable, "
        "AutoscalingActive, AccessConfigured, RouteAccepted, Paused, Reconciling and Stalled, each with "
        "reason and message.",
    )
