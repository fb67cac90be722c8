"""The files beside a model, read on demand, and what a task found in them; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model
from paddlemodel_server.tasks.auto.branch import Branch

FILES = (
    *("inference.yml", "infer_cfg.yml", "deploy.yaml", "config.json"),
    *("conf.yaml", "model.yaml", "panns.yaml"),  # PaddleSpeech's
)
"""What exports write beside a model, the most telling first; the same tree may stand in config.json."""
MOST_BYTES = 4 * 1024 * 1024  # of such a file; PP-OCRv5's has 148 KB
_KEYS = ("PreProcess", "Preprocess", "Deploy", "feature", "preprocess_config")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A task, as the files beside the model describe it.

    Attributes:
        task: the member of spec.task.
        source: the file that tells it.
        fields: what it says, by Python's names.
        origins: where in the file each of them stands.
        groups: fields that belong together: one that the spec sets puts the file's others aside.
    """

    task: str
    source: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[frozenset[str], ...] = (frozenset({"labels", "labels_file"}),)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A model's folder and signature.

    Attributes:
        folder: of the model's files.
        model: its inputs and outputs.
    """

    folder: Path
    model: Model

    @cached_property
    def config(self) -> Branch | None:
        """The first known configuration; None where there is none.

        Raises:
            StartError: `ConfigurationUnreadable`.
        """
        for name in FILES:
            if (self.folder / name).is_file():
                tree = _read(self.folder / name)
                if isinstance(tree, dict) and any(key in tree for key in _KEYS):
                    return Branch(tree=tree, file=name)
        return None

    def has(self, name: str) -> bool:
        """Whether a file lies there."""
        return (self.folder / name).is_file()

    def table(self, name: str) -> Branch:
        """A further file, which the configuration names.

        Raises:
            StartError: `ConfigurationUnreadable`.
        """
        return Branch(tree=_read(self.folder / name), file=name)


def _read(path: Path) -> Any:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise _unreadable(path.name, f"it has {size} bytes, more than {MOST_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path.name, str(error.strerror)) from None
    if path.suffix == ".json":
        return _json(path.name, content)
    from paddlemodel_server.tasks.auto import yaml_file  # noqa: PLC0415 - only where there is YAML

    try:
        return yaml_file.load(content)
    except yaml_file.YamlError as error:
        raise _unreadable(path.name, str(error)) from None


def _json(name: str, content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _unreadable(name, f"it is not JSON: {error}") from None


def _unreadable(name: str, why: str) -> StartError:
    return StartError(
        "ConfigurationUnreadable",
        f"{name} beside the model cannot be used: {why}; export it anew, or name the task with its fields in "
        "spec.task, and the file is not needed.",
    )
