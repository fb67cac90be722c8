"""What a pod of the model needs (`device`, `gpu`, `resources`) and how its server behaves (`server`)."""

from typing import Annotated, ClassVar, Literal, Protocol

from pydantic import Field

from paddlemodel_api.base import Block, Quantity, Rule, matches

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
            "spec.gpu.resourceName must be DOMAIN/NAME as a device plugin announces it, "
            "such as nvidia.com/gpu",
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
        "previous run. Default: 0.",
    )


class TensorRT(Block):
    """NVIDIA's TensorRT runs the parts of the model that it knows."""

    enabled: bool = Field(
        description="Build TensorRT engines when a pod starts, which can take minutes; only on device GPU "
        "and for models in the legacy format.",
    )


class Optimizations(Block):
    """What makes the model faster or smaller, where its answers stay the same; each can be switched off."""

    one_dnn: bool | None = Field(
        default=None,
        alias="oneDNN",
        description="On device CPU and in FP32: run the model by oneDNN, if that is faster. Default: true.",
    )
    keep_tensors: bool | None = Field(
        default=None,
        description="On device CPU: keep the tensors of a tiny model in PIR format from run to run, which "
        "spares it their release. Default: true.",
    )
    reuse_memory: bool | None = Field(
        default=None,
        description="Let the tensors of a run of a model in legacy format share memory. Default: true.",
    )


class Server(Block):
    """How the server in each pod runs the model, and its limits."""

    batching: Batching | None = Field(
        default=None, description="How requests that wait together are run together."
    )
    precision: Literal["FP32", "FP16", "BF16", "INT8"] | None = Field(
        default=None,
        description="What the model computes in. FP16 needs device GPU, BF16 on device CPU a processor with "
        "AVX-512, INT8 a quantised model and on device GPU tensorRT. Default: FP32.",
    )
    tensor_rt: TensorRT | None = Field(
        default=None, alias="tensorRT", description="Run the model by NVIDIA's TensorRT. Default: off."
    )
    optimizations: Optimizations | None = Field(
        default=None,
        description="What may be switched on at the start of a pod, once it was compared with the plain "
        "model. Runs that requests share have a field of their own: batching.maxBatchSize 1 switches "
        "them off.",
    )
    queue_size: Annotated[int, Field(ge=1, le=65_536)] | None = Field(
        default=None, description="Requests that may wait per pod; one more is answered 429. Default: 256."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] | None = Field(
        default=None,
        description="Seconds after which a request is answered 504. Default: 30.",
    )
    drain_seconds: Annotated[int, Field(ge=0, le=600)] | None = Field(
        default=None,
        description="Seconds for which a pod that shuts down still accepts requests, and asks clients to "
        "reconnect: as long as it takes until no client sends to it any more. Then it gets timeoutSeconds "
        "and 15 more to finish. Raise it for load balancers that are slow to notice. Default: 5.",
    )
    max_request_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] | None = Field(
        default=None,
        description="Bytes of the largest accepted body; a larger one is answered 413. Default: 10485760.",
    )


class HasServer(Protocol):
    """The part of the spec that the rules read."""

    device: str
    gpu: Gpu | None
    server: Server


def device_rules() -> tuple[Rule, ...]:
    """Belong to the spec, where the device is in sight."""
    return (
        Rule(
            cel="!has(self.gpu) || self.device == 'GPU'",
            holds=lambda spec: spec.gpu is None or spec.device == "GPU",
            message="spec.gpu needs spec.device GPU: remove spec.gpu, or set spec.device to GPU",
            field="gpu",
        ),
        Rule(
            cel=f"!({_CEL_TENSORRT}) || self.device == 'GPU'",
            holds=lambda spec: not _tensorrt(spec) or spec.device == "GPU",
            message="spec.server.tensorRT needs spec.device GPU: remove it, or set spec.device to GPU",
            field="server",
        ),
        *_precision_rules(),
    )


def _precision_rules() -> tuple[Rule, ...]:
    return (
        Rule(
            cel=f"!({_CEL_PRECISION} && self.server.precision == 'FP16') || self.device == 'GPU'",
            holds=lambda spec: _precision(spec) != "FP16" or spec.device == "GPU",
            message="spec.server.precision FP16 needs spec.device GPU: use FP32 or BF16 on device CPU",
            field="server",
        ),
        Rule(
            cel=f"!({_CEL_PRECISION} && self.server.precision == 'INT8') || self.device == 'CPU' || "
            f"({_CEL_TENSORRT})",
            holds=lambda spec: _precision(spec) != "INT8" or spec.device == "CPU" or _tensorrt(spec),
            message="spec.server.precision INT8 on device GPU needs TensorRT: set "
            "spec.server.tensorRT.enabled to true, or use another precision",
            field="server",
        ),
        Rule(
            cel=f"!({_CEL_NO_ONEDNN} && {_CEL_PRECISION} && self.server.precision != 'FP32') || "
            "self.device == 'GPU'",
            holds=lambda spec: _onednn(spec) or _precision(spec) in {None, "FP32"} or spec.device == "GPU",
            message="spec.server.optimizations.oneDNN false needs precision FP32 on device CPU, where only "
            "oneDNN computes in another one: remove either",
            field="server",
        ),
    )


_CEL_NO_ONEDNN = (
    "has(self.server) && has(self.server.optimizations) && has(self.server.optimizations.oneDNN) && "
    "!self.server.optimizations.oneDNN"
)
_CEL_PRECISION = "has(self.server) && has(self.server.precision)"
_CEL_TENSORRT = "has(self.server) && has(self.server.tensorRT) && self.server.tensorRT.enabled"


def _onednn(spec: HasServer) -> bool:
    return spec.server.optimizations is None or spec.server.optimizations.one_dnn is not False


def _precision(spec: HasServer) -> str | None:
    return spec.server.precision


def _tensorrt(spec: HasServer) -> bool:
    return bool(spec.server.tensor_rt and spec.server.tensor_rt.enabled)
