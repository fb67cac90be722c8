"""The environment of `serve`, parsed once into a frozen Settings.

Every process of the server parses the same environment, and reads it nowhere else. A wrong value or an
unknown PADDLEMODEL_ name is refused with one sentence: a typing error must not become a default.
"""

import ipaddress
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from paddlemodel_api import contract

from paddlemodel_server.errors import StartError

Precision = Literal["FP32", "FP16", "BF16", "INT8"]
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class _ValueError(Exception):
    """What the value should have been; `_read` adds the variable's name and the value found."""


def _integer(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise _ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise _ValueError(f"a number from {least:g} to {most:g}")
        return number

    return read


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise _ValueError(f"one of {', '.join(allowed)}")
        return text

    return read


def _flag(text: str) -> bool:
    return _one_of("true", "false")(text) == "true"


def _model_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise _ValueError("a name of lower-case letters, digits, '-' and '.'")
    return text


def _text(text: str) -> str:
    if not text:
        raise _ValueError("a value; leave the variable out for the default")
    return text


def _address(text: str) -> str:
    """An IP address, an IPv6 one with or without brackets."""
    try:
        return str(ipaddress.ip_address(re.sub(r"^\[(.*:.*)\]$", r"\1", text)))
    except ValueError:
        raise _ValueError("an IP address of this machine, or :: for all of them") from None


def _path(text: str) -> Path:
    return Path(_text(text))


def _folders(text: str) -> dict[str, Path]:
    """Folders of further models by the names that the task has for them, relative to that of the first."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(path, str) and path for path in found.values()):
        raise _ValueError('JSON of names and folders, such as {"recognition": "/models/recognition"}')
    return {name: Path(path) for name, path in found.items()}


def _prefix(text: str) -> str:
    if not re.fullmatch(r"(?:/[A-Za-z0-9._~%/-]*)?", text):
        raise _ValueError("a path of letters, digits and . _ ~ % -, such as /resnet50")
    return text.rstrip("/")


def _optional_count(text: str) -> int | None:
    return None if text == "auto" else _integer(1, 64)(text)


def _optional_bytes(text: str) -> int | None:
    return None if text == "auto" else _integer(1024**2, 1 << 44)(text)


def _setting(default: Any, read: Callable[[str], Any]) -> Any:
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of `serve`; `contract.variable` names the environment variable of a field."""

    name: str = _setting("model", _model_name)
    model_dir: Path = _setting(Path("/models/model"), lambda text: Path(_text(text)))  # noqa: RUF009 - a field
    device: Literal["cpu", "gpu"] = _setting("cpu", _one_of("cpu", "gpu"))
    precision: Precision = _setting("FP32", _one_of("FP32", "FP16", "BF16", "INT8"))  # noqa: RUF009 - a field
    tensorrt: bool = _setting(False, _flag)
    tensorrt_workspace_mb: int | None = _setting(None, _integer(1, 1_048_576))
    gpu_pool_mb: int | None = _setting(None, _integer(1, 1_048_576))  # what Paddle reserves at first
    cache_dir: Path | None = _setting(None, _path)  # noqa: RUF009 - a field; TensorRT's engines
    load_timeout_seconds: float = _setting(1800.0, _number(1, 86_400))  # of a worker, until it is ready
    onednn: bool = _setting(True, _flag)  # whether it may be tried; on CPU, in FP32
    keep_tensors: bool = _setting(True, _flag)  # whether tiny models may keep theirs from run to run
    reuse_memory: bool = _setting(True, _flag)  # whether tensors of a run may share memory
    warmup_seconds: float = _setting(1.6, _number(0, 600))  # for all that is probed at the start
    task: str = _setting(contract.DEFAULT_TASK, _text)
    further_models: dict[str, Path] = field(default_factory=dict, metadata={"read": _folders})  # by name
    verification: str = _setting("", _text)  # what a model must show before it gets traffic
    recording_dir: Path = _setting(Path("/mnt/recording"), _path)  # noqa: RUF009 - a field; of a ConfigMap
    custom_tasks: bool = _setting(False, _flag)  # whether the task custom may run code beside the model
    max_batch_size: int = _setting(16, _integer(1, 4096))  # rows of one run
    max_delay_ms: float = _setting(0.0, _number(0, 10_000))  # extra wait for a fuller batch
    queue_size: int = _setting(256, _integer(1, 65_536))  # waiting requests of the whole pod
    timeout_seconds: float = _setting(30.0, _number(0.001, 3600))
    max_request_bytes: int = _setting(10 * 1024 * 1024, _integer(1, 1024**3))
    head_timeout_seconds: float = _setting(10.0, _number(0.1, 3600))
    body_timeout_seconds: float = _setting(120.0, _number(0.1, 3600))
    max_connections: int = _setting(16_384, _integer(1, 1_000_000))  # of each HTTP worker
    port: int = _setting(8080, _integer(1, 65_535))  # the clients'
    admin_port: int = _setting(8081, _integer(1, 65_535))  # the cluster's: health and metrics
    bind: str = _setting("::", _address)  # all addresses of both families: a pod serves its whole network
    path_prefix: str = _setting("", _prefix)  # clients' routes answer below it, too
    api_keys_dir: Path | None = _setting(None, _path)  # noqa: RUF009 - a field; of the Secret with clients' keys
    jwt: str = _setting("", _text)  # see access.tokens.issuer
    jwt_keys_dir: Path | None = _setting(None, _path)  # noqa: RUF009 - a field; of the ConfigMap with its keys
    tls_dir: Path | None = _setting(None, _path)  # noqa: RUF009 - a field; of the Secret with the certificate
    rate_limits: str = _setting("", _text)  # see access.limits
    shared_limits: str = _setting("", _text)  # see access.shared.place
    shared_limits_dir: Path | None = _setting(None, _path)  # noqa: RUF009 - a field; of its password
    trusted_proxies: str = _setting("", _text)  # see access.addresses
    cors: str = _setting("", _text)  # see access.cors
    mirror: str = _setting("", _text)  # see mirror.wanted
    http_workers: int | None = _setting(None, _optional_count)  # None: sized from the CPU limit
    workers: int | None = _setting(None, _optional_count)
    worker_memory_limit_bytes: int | None = _setting(None, _optional_bytes)  # None: from the memory limit
    drain_seconds: float = _setting(5.0, _number(0, 600))  # from SIGTERM until connections are refused
    slow_request_seconds: float = _setting(5.0, _number(0, 3600))  # longer is a warning; 0: none
    log_level: str = _setting("INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR"))
    log_format: Literal["json", "text"] = _setting("json", _one_of("json", "text"))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every PADDLEMODEL_ variable, and no other."""
        known = {contract.variable(f.name): f for f in fields(cls)}
        values: dict[str, Any] = {}
        for variable, text in environ.items():
            if variable.startswith(contract.VARIABLE_PREFIX):
                if variable not in known:
                    raise StartError("InvalidSettings", _unknown(variable, known))
                values[known[variable].name] = _read(variable, text, known[variable].metadata["read"])
        settings = cls(**values)
        if settings.admin_port == settings.port:
            both = f"{contract.variable('port')} and {contract.variable('admin_port')}"
            cure = "set one of them to another port"
            raise StartError("InvalidSettings", f"{both} are both {settings.port}; {cure}.")
        return settings


def _unknown(variable: str, known: Iterable[str]) -> str:
    if variable == contract.API_KEY_VARIABLE:
        files = contract.variable("api_keys_dir")
        return (
            f"{variable} is a client's key, which no server may have; the keys that it takes are in {files}."
        )
    return f"{variable} is not a setting; the settings are {', '.join(sorted(known))}."


def _read(variable: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except _ValueError as error:
        shown = text if len(text) <= 80 else text[:80] + "…"
        raise StartError("InvalidSettings", f"{variable} is {shown!r}; set it to {error}.") from None
