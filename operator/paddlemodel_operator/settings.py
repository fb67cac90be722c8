"""The operator's own settings: environment in, one frozen object out, read once at start.

An unknown PADDLEMODEL_OPERATOR_* name or a bad value is refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from paddlemodel_api.scaling import MetricsSource
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from paddlemodel_operator.base.errors import SettingsError
from paddlemodel_operator.language.conditions import Language

PREFIX: Final = "PADDLEMODEL_OPERATOR_"

M = TypeVar("M", bound=BaseModel)

Image = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^\S+$")]
ObjectName = Annotated[str, Field(max_length=63, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$")]

_LABEL: Final = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
LeaseName = Annotated[str, Field(max_length=253, pattern=rf"^({_LABEL}(\.{_LABEL})*)?$")]
"""Parts with dots between them, as the name of a Helm release may have."""


def _with_a_port(bind: str) -> str:
    if not 0 < int(bind.rpartition(":")[2]) <= 65_535:
        raise ValueError("the port must be between 1 and 65535")
    return bind


def _listed(text: object) -> object:
    return [one.strip() for one in text.split(",")] if isinstance(text, str) and text else text or ()


Namespaces = Annotated[
    tuple[Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")], ...],
    BeforeValidator(_listed),
]
"""Names with commas between them."""

Bind = Annotated[
    str,
    Field(max_length=262, pattern=r"^([0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$"),
    AfterValidator(_with_a_port),
]
"""Where to listen, as HOST:PORT; an IPv6 address in brackets. `[::]:PORT` serves both address families."""
ServerAddress = Annotated[str, Field(max_length=512, pattern=r"^(https?://[^\s/]\S*)?$")]


class Settings(BaseModel):
    """Every field is the environment variable PADDLEMODEL_OPERATOR_ plus its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server_image_cpu: Image = "paddlemodel/server:0.1.0-cpu"
    server_image_gpu: Image = "paddlemodel/server:0.1.0-gpu"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_level_file: Path | None = None
    """A file with one of these words, which is read every five seconds and wins."""
    log_format: Literal["json", "text"] = "json"
    resync_seconds: Annotated[float, Field(ge=5, le=86400)] = 600
    concurrency: Annotated[int, Field(ge=1, le=64)] = 8
    request_timeout_seconds: Annotated[float, Field(ge=1, le=300)] = 30
    metrics_source: MetricsSource = "builtin"
    """Where autoscalers read the pods' metrics, unless a model says otherwise."""

    language: Language = "en"
    """In which the conditions of models begin; the sentence with the particulars is in English."""

    namespace: ObjectName = ""
    """The namespace of the chart's release; empty where the operator runs outside a cluster."""

    watch_namespaces: Namespaces = ()
    """The only namespaces whose models are served; empty: those of all namespaces."""

    lease: LeaseName = ""
    """The Lease whose holder works, of the operators of one release; empty: this one always works."""

    lease_seconds: Annotated[int, Field(ge=3, le=300)] = 15
    """How long the others wait when its holder does not renew it any more."""

    adapter: ObjectName = ""
    """The chart's name for the metrics adapter: its Service, Secret, ClusterRole. Empty: none installed."""

    keda_prometheus: ServerAddress = ""
    """A Prometheus that KEDA queries; empty: KEDA reads the pods themselves."""

    custom_tasks: bool = False
    """Whether models may run the code beside them: spec.task.custom."""

    gateway_api: bool = False
    """Whether HTTPRoutes are made for spec.gateway: the rights on them are only then given."""

    ingress_namespaces: Namespaces = ()
    """Namespaces of ingress controllers and gateways, which NetworkPolicies of models with an Ingress or an
    HTTPRoute let in."""

    metrics_namespaces: Namespaces = ()
    """Namespaces that read the pods' health and metrics, for NetworkPolicies; none: all of the cluster."""

    health_bind: Bind = "[::]:8080"
    """Where /healthz and /metrics answer."""

    @field_validator("watch_namespaces")
    @classmethod
    def _needs_no_adapter(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if names and info.data.get("metrics_source") == "builtin":
            raise ValueError(
                f"an adapter would serve the whole cluster: set {PREFIX}METRICS_SOURCE to "
                "prometheusAdapter, keda or none"
            )
        return names

    @field_validator("adapter", "lease")
    @classmethod
    def _has_a_namespace(cls, name: str, info: ValidationInfo) -> str:
        if name and not info.data.get("namespace"):
            raise ValueError(f"{PREFIX}NAMESPACE has to say where the {info.field_name} is")
        return name

    @field_validator("adapter")
    @classmethod
    def _adapter_serves_the_cluster(cls, name: str, info: ValidationInfo) -> str:
        if name and info.data.get("watch_namespaces"):
            raise ValueError(f"with {PREFIX}WATCH_NAMESPACES no adapter can be registered for the cluster")
        return name


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Parse the environment.

    Raises:
        SettingsError: an unknown name or a bad value, in one sentence.
    """
    return read(Settings, PREFIX, environ)


def read(model: type[M], prefix: str, environ: Mapping[str, str]) -> M:
    """The settings of a process: every variable that begins with `prefix` is a field of `model`.

    Raises:
        SettingsError: an unknown name or a bad value, in one sentence.
    """
    given = {
        name.removeprefix(prefix).lower(): value for name, value in environ.items() if name.startswith(prefix)
    }
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = prefix + str(first["loc"][0]).upper()
        if first["type"] == "extra_forbidden":
            known = ", ".join(prefix + field.upper() for field in model.model_fields)
            raise SettingsError(f"{name} is not a setting; the settings are {known}.") from error
        raise SettingsError(f"{name}={environ[name]!r} is refused: {first['msg']}.") from error
