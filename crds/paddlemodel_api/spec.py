"""`spec` as a whole: the blocks of the other files put together, and the rules between them."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from paddlemodel_api.access import Access
from paddlemodel_api.base import Block, Rule
from paddlemodel_api.network import Gateway, Ingress, Service, network_rules
from paddlemodel_api.pod import Pod
from paddlemodel_api.rollout.strategy import Rollout
from paddlemodel_api.rollout.verification import Verification
from paddlemodel_api.scaling import Autoscaling, scaling_rules
from paddlemodel_api.serving import Gpu, Resources, Server, device_rules
from paddlemodel_api.source import ModelSource
from paddlemodel_api.tasks import Task

NAME_PATTERN: Final = r"[a-z](?:[-a-z0-9]{0,50}[a-z0-9])?"
NAME_MESSAGE: Final = (
    "metadata.name must start with a letter, hold at most 52 lower-case letters, digits and '-', "
    "and end with a letter or digit: choose such a name, the Service gets it as its DNS name"
)
TASK_BYTES_MAX: Final = 100_000
"""The task travels in one environment variable; Linux refuses one of 128 KiB."""


def _pin_of_further_model(name: str) -> Rule:
    """What spec.model's own rule is for its digest."""
    place = f"self.task.ocr.{name}"
    return Rule(
        cel="!has(self.model.updatePolicy) || self.model.updatePolicy != 'Auto' || !has(self.task) || "
        f"!has(self.task.ocr) || !has({place}) || !has({place}.digest)",
        holds=lambda spec: (
            spec.model.update_policy != "Auto"
            or name not in spec.task.further_models
            or spec.task.further_models[name].digest is None
        ),
        message=f"spec.model.updatePolicy Auto and spec.task.ocr.{name}.digest contradict each other: remove "
        "the digest, or set updatePolicy to Notify",
        field="task",
    )


class Spec(Block):
    """Desired state: the model to serve and how to serve it."""

    model: ModelSource = Field(description="The model files.")
    task: Task = Field(
        default_factory=Task.default,
        description="What POST /predict takes and answers; exactly one of the following. Default: auto.",
    )
    device: Literal["GPU", "CPU"] = Field(default="GPU", description="What the model runs on.")
    gpu: Gpu | None = Field(
        default=None, description="GPUs per pod; only with device GPU. Default: one nvidia.com/gpu."
    )
    resources: Resources | None = Field(
        default=None,
        description="Processor and memory per pod; replaces the defaults as a whole. Default on CPU: "
        "requests 500m and 1Gi, limits 2 and 4Gi; on GPU: requests 1 and 4Gi, limits 4 and 16Gi.",
    )
    server: Server = Field(
        default_factory=Server, description="How the server in each pod runs the model, and its limits."
    )
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        default=None,
        description="Pods; 0 stops serving. Excludes autoscaling. Default: 1 without autoscaling.",
    )
    autoscaling: Autoscaling | None = Field(
        default=None, description="Let the load decide the number of pods. Excludes replicas. Default: off."
    )
    service: Service = Field(default_factory=Service, description="The Service in front of the pods.")
    ingress: Ingress | None = Field(
        default=None, description="Reach the model from outside. Default: no Ingress."
    )
    gateway: Gateway | None = Field(
        default=None,
        description="Reach the model through Gateways of the Gateway API. Only where the chart's value "
        "gatewayAPI.enabled is true. Default: no HTTPRoute.",
    )
    verification: Verification | None = Field(
        default=None,
        description="Recorded requests that every new pod must answer as recorded before it gets traffic. "
        "Default: none.",
    )
    rollout: Rollout = Field(
        default_factory=Rollout, description="How a new version takes the place of the one that serves."
    )
    access: Access | None = Field(
        default=None, description="Who may ask. Default: everybody who reaches the Service."
    )
    pod: Pod = Field(default_factory=Pod, description="Where the pods run and what they carry.")
    rules: ClassVar[tuple[Rule, ...]] = (
        *scaling_rules(),
        *device_rules(),
        *network_rules(),
        *(_pin_of_further_model(name) for name in ("recognition", "orientation")),
        Rule(
            cel="!has(self.verification) || !has(self.server) || !has(self.server.precision) || "
            "self.server.precision != 'INT8' || has(self.verification.tolerance) || "
            "has(self.verification.outputs)",
            holds=lambda spec: (
                spec.verification is None
                or spec.server.precision != "INT8"
                or bool(spec.verification.model_fields_set & {"tolerance", "outputs"})
            ),
            message="spec.verification with precision INT8 needs a tolerance, or outputs with compare TopK: "
            "how far whole numbers move depends on the model",
            field="verification",
        ),
    )
