"""The user's YAML becomes frozen types, once, at the edge; after `from_body` nobody reads a raw dict.

`reconcile` calls `from_body`; `crd` prints the same types as the CustomResourceDefinition.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, ValidationError

from paddlemodel_operator.errors import SpecError
from paddlemodel_operator.spec.base import Block, Rule
from paddlemodel_operator.spec.network import Ingress, Service
from paddlemodel_operator.spec.pod import Pod
from paddlemodel_operator.spec.scaling import Autoscaling, scaling_rules
from paddlemodel_operator.spec.serving import Gpu, Resources, Server, device_rules
from paddlemodel_operator.spec.source import ModelSource, Task

NAME_PATTERN: Final = r"[a-z](?:[-a-z0-9]{0,50}[a-z0-9])?"
NAME_MESSAGE: Final = (
    "metadata.name must start with a letter, hold at most 52 lower-case letters, digits and '-', "
    "and end with a letter or digit: choose such a name, the Service gets it as its DNS name"
)
TASK_BYTES_MAX: Final = 100_000
"""The task travels in one environment variable; Linux refuses one of 128 KiB."""


class Spec(Block):
    """The wish: a Paddle model, and how it is to be served."""

    model: ModelSource = Field(description="The model files.")
    task: Task = Field(
        default_factory=Task,
        description="How the body of POST /predict becomes tensors, and outputs an answer. Default: type "
        "Tensors.",
    )
    device: Literal["GPU", "CPU"] = Field(default="GPU", description="What the model runs on.")
    gpu: Gpu | None = Field(
        default=None, description="GPUs per pod; only with device GPU. Default: one nvidia.com/gpu."
    )
    resources: Resources | None = Field(
        default=None,
        description="Processor and memory per pod; replaces the defaults as a whole. Default on CPU: "
        "requests 500m and "
        "1Gi, limits 2 and 4Gi; on GPU: requests 1 and 4Gi, limits 4 and 16Gi.",
    )
    server: Server | None = Field(
        default=None, description="How the server in each pod runs the model, and its limits."
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
    pod: Pod = Field(default_factory=Pod, description="Where the pods run and what they carry.")
    rules: ClassVar[tuple[Rule, ...]] = (*scaling_rules(), *device_rules())


@dataclass(frozen=True, kw_only=True, slots=True)
class PaddleModel:
    """One wish with its identity."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: Spec

    @property
    def fixed_replicas(self) -> int | None:
        """The number of pods that the spec states; None when an autoscaler decides."""
        if self.spec.autoscaling is not None:
            return None
        return 1 if self.spec.replicas is None else self.spec.replicas

    @property
    def gpu(self) -> Gpu | None:
        """The GPUs of each pod, with defaults; None on CPU."""
        return (self.spec.gpu or Gpu()) if self.spec.device == "GPU" else None

    @property
    def task_json(self) -> str:
        """The task as the server reads it: only what the user set."""
        return self.spec.task.model_dump_json(by_alias=True, exclude_none=True)


def from_body(body: Mapping[str, Any]) -> PaddleModel:
    """Parse an object of the API; raises SpecError with the first fault."""
    metadata = body["metadata"]
    if not re.fullmatch(NAME_PATTERN, metadata["name"]):
        raise SpecError(NAME_MESSAGE)
    try:
        spec = Spec.model_validate(body.get("spec", {}))
    except ValidationError as error:
        raise SpecError(_sentence(error)) from error
    model = PaddleModel(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        spec=spec,
    )
    if len(model.task_json.encode()) > TASK_BYTES_MAX:
        raise SpecError(
            f"spec.task is larger than {TASK_BYTES_MAX} bytes: put the class names into a file of the model "
            f"folder "
            "and name it in spec.task.labelsFile"
        )
    return model


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "rule":
        return first["msg"]
    path = ".".join(str(part) for part in ("spec", *first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"{path} is not a field: remove it (kubectl explain pdm.spec lists the fields)"
    if first["type"] == "missing":
        return f"{path} is missing: set it (kubectl explain pdm.{path} describes it)"
    return f"{path} is wrong: {first['msg']}"
