"""The adapter's settings: environment in, one frozen object out, read once at start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from paddlemodel_operator.settings import Bind, read

PREFIX: Final = "PADDLEMODEL_ADAPTER_"


class Settings(BaseModel):
    """Every field is the environment variable PADDLEMODEL_ADAPTER_ plus its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bind: Bind = "[::]:6443"
    """Where the Kubernetes API server reaches the adapter."""

    tls_dir: Path = Path("/tls")
    """Where tls.crt and tls.key are mounted."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_level_file: Path | None = None
    """A file with one of these words, which is read every five seconds and wins."""
    log_format: Literal["json", "text"] = "json"
    request_timeout_seconds: Annotated[float, Field(ge=1, le=30)] = 5
    """Deadline of one request to the Kubernetes API."""

    trust_seconds: Annotated[float, Field(ge=1, le=3600)] = 30
    """Between two reads of whom the API server says to trust."""

    fresh_seconds: Annotated[float, Field(ge=0, le=15)] = 3
    """How long a pod's page serves further requests: less than the period of the autoscalers."""

    drain_seconds: Annotated[float, Field(ge=0, le=300)] = 5
    """Between a signal to end and the last connection taken, while the Service forgets this pod."""


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Parse the environment.

    Raises:
        SettingsError: an unknown name or a bad value, in one sentence.
    """
    return read(Settings, PREFIX, environ)
