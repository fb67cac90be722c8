"""The shape of `status`: crd.py prints it as schema, status.py fills it."""

from typing import Annotated, Literal

from pydantic import Field

from paddlemodel_operator.spec.base import Block

Short = Annotated[str, Field(max_length=1024)]


class Condition(Block):
    """One statement about the model, in the form that kubectl wait and Argo CD read."""

    type: Annotated[str, Field(max_length=64)] = Field(
        description="Ready, Progressing, ModelFetched or AutoscalingActive."
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
    format: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="PIR (.json) or Legacy (.pdmodel)."
    )


class Columns(Block):
    """Texts for the columns of kubectl get; not for machines."""

    replicas: Annotated[str, Field(max_length=32)] = Field(description="Ready and wished pods, as 1/3.")
    digest: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="The first digits of the digest."
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
    columns: Columns | None = Field(default=None, description="Texts for the columns of kubectl get.")
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(),
        description="Ready, Progressing, ModelFetched and AutoscalingActive, each with reason and message.",
    )
