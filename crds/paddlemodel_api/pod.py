"""Where the model's pods run and what they carry (`spec.pod`); raw Kubernetes passes through here."""

from typing import Annotated, ClassVar

from pydantic import Field

from paddlemodel_api import contract
from paddlemodel_api.base import Annotations, Block, Labels, Name, Raw, Rule, matches

_RESERVED = ", ".join(f"'{label}'" for label in contract.RESERVED_LABELS)
_OURS = (
    *contract.SERVER_VARIABLES,
    contract.FURTHER_MODELS_VARIABLE,
    contract.MIRROR_VARIABLE,
    *contract.ACCESS_VARIABLES,
    *contract.FIXED_VARIABLES,
)


class SecretName(Block):
    """A Secret of the model's namespace."""

    name: Name = Field(description="Name of the Secret.")


class Variable(Block):
    """One environment variable, as in a Kubernetes container."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = Field(description="Name of the variable.")
    value: Annotated[str, Field(max_length=8192)] | None = Field(default=None, description="Its value.")
    value_from: Raw | None = Field(
        default=None, description="EnvVarSource of Kubernetes, such as secretKeyRef, passed on as it is."
    )
    rules: ClassVar = (
        Rule(
            cel=f"!(self.name in [{', '.join(repr(name) for name in _OURS)}])",
            holds=lambda variable: variable.name not in _OURS,
            message="spec.pod.env must not set PADDLEMODEL_ variables that the operator sets or fixes: use "
            "the fields of spec.server, spec.task and spec.access; the port, the folder and the address are "
            "as they are",
            field="name",
        ),
        Rule(
            cel="!(has(self.value) && has(self.valueFrom))",
            holds=lambda variable: variable.value is None or variable.value_from is None,
            message="spec.pod.env takes value or valueFrom: keep one",
        ),
        matches(
            "name",
            r"[A-Za-z_][A-Za-z0-9_.-]*",
            "spec.pod.env names start with a letter or _ and hold letters, digits and _ . -",
        ),
    )


class Pod(Block):
    """Where the pods run and what they carry."""

    node_selector: Labels | None = Field(
        default=None, description="Labels that a node must have. Default: none."
    )
    tolerations: Annotated[tuple[Raw, ...], Field(max_length=16)] | None = Field(
        default=None, description="Tolerations of Kubernetes, passed on as they are. Default: none."
    )
    affinity: Raw | None = Field(
        default=None, description="Affinity of Kubernetes, passed on as it is. Default: none."
    )
    topology_spread_constraints: Annotated[tuple[Raw, ...], Field(max_length=8)] | None = Field(
        default=None,
        description="TopologySpreadConstraints of Kubernetes, passed on as they are. Default: none.",
    )
    priority_class_name: Name | None = Field(
        default=None, description="PriorityClass of the pods. Default: none."
    )
    runtime_class_name: Name | None = Field(
        default=None, description="RuntimeClass of the pods, such as nvidia. Default: the cluster's."
    )
    service_account_name: Name | None = Field(
        default=None,
        description="ServiceAccount of the pods, by which a cloud gives them an identity. Its token is not "
        "mounted. Default: the namespace's default account.",
    )
    image_pull_secrets: Annotated[tuple[SecretName, ...], Field(max_length=8)] | None = Field(
        default=None, description="Secrets for the registry of the server image. Default: none."
    )
    labels: Labels | None = Field(default=None, description="More labels of the pods. Default: none.")
    annotations: Annotations | None = Field(
        default=None, description="Annotations of the pods. Default: none."
    )
    env: Annotated[tuple[Variable, ...], Field(max_length=32)] | None = Field(
        default=None,
        description="More environment variables of the fetcher and the server, also settings of the server "
        "that have no field, such as PADDLEMODEL_LOG_LEVEL. Default: none.",
    )
    rules: ClassVar = (
        Rule(
            cel=f"!has(self.labels) || !self.labels.exists(key, key in [{_RESERVED}])",
            holds=lambda pod: not set(pod.labels or {}) & set(contract.RESERVED_LABELS),
            message=f"spec.pod.labels must not set {', '.join(contract.RESERVED_LABELS)}: "
            "the operator finds its pods by them; choose another key",
            field="labels",
        ),
        Rule(
            cel="!has(self.env) || self.env.all(one, self.env.exists_one(other, other.name == one.name))",
            holds=lambda pod: len({variable.name for variable in pod.env or ()}) == len(pod.env or ()),
            message="spec.pod.env names a variable twice: keep one",
            field="env",
        ),
    )
