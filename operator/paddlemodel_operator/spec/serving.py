"""What a pod of the model needs (`device`, `gpu`, `resources`) and how its server behaves (`server`)."""

from typing import Annotated, ClassVar

from pydantic import Field

from paddlemodel_operator.spec.base import Block, Quantity, Rule, matches

Quantities = Annotated[dict[str, Quantity], Field(max_length=16)]


class Gpu(Block):
    """How many GPUs each pod gets, and what the cluster calls them."""

    count: Annotated[int, Field(ge=1, le=16)] = Field(default=1, description="GPUs per pod.")
    resource_name: Annotated[str, Field(max_length=253)] = Field(
        default="nvidia.com/gpu",
        description="The resource that the device plugin of the nodes announces; for a MIG slice for example "
        "nvidia.com/mig-1g.10gb.",
    )
    rules: ClassVar = (
        matches(
            "resource_name",
            r"[a-z0-9][-a-z0-9.]*/[A-Za-z0-9][-A-Za-z0-9_.]*",
            "spec.gpu.resourceName must be DOMAIN/NAME as a device plugin announces it, such as "
            "nvidia.com/gpu",
        ),
    )


class Resources(Block):
    """Processor and memory of each pod, as in a Kubernetes container."""

    requests: Quantities | None = Field(
        default=None, description="What the scheduler reserves per pod, such as cpu: 500m and memory: 1Gi."
    )
    limits: Quantities | None = Field(
        default=None,
        description="What a pod may use at most. The server sizes its processes from limits.cpu; beyond "
        "limits.memory the pod is killed.",
    )


class Batching(Block):
    """How requests that wait together are run together."""

    max_batch_size: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None, description="Rows of input per run of the model. Default: 16."
    )
    max_delay_ms: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        default=None,
        description="Milliseconds that a run waits for more requests; 0 takes what queued up during the "
        "previous run. "
        "Default: 0.",
    )


class Server(Block):
    """Limits of the HTTP server in each pod."""

    batching: Batching | None = Field(
        default=None, description="How requests that wait together are run together."
    )
    queue_size: Annotated[int, Field(ge=1, le=65_536)] | None = Field(
        default=None, description="Requests that may wait per pod; one more is answered 429. Default: 256."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] | None = Field(
        default=None,
        description="Seconds after which a request is answered 504. A pod that shuts down gets this and 15 "
        "more to "
        "finish. Default: 30.",
    )
    max_request_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] | None = Field(
        default=None,
        description="Bytes of the largest accepted body; a larger one is answered 413. Default: 10485760.",
    )


def gpus_only_on_gpu() -> Rule:
    """Belongs to the spec, where both fields are in sight."""
    return Rule(
        cel="!has(self.gpu) || self.device == 'GPU'",
        holds=lambda spec: spec.gpu is None or spec.device == "GPU",
        message="spec.gpu needs spec.device GPU: remove spec.gpu, or set spec.device to GPU",
        field="gpu",
    )
