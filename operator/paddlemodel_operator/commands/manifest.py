"""Reads PaddleModels from a file, as the operator would see them after `kubectl apply`."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from paddlemodel_api import contract

from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.base.model import PaddleModel, from_body
from paddlemodel_operator.commands.faults import InputError
from paddlemodel_operator.render import Children, Rollout, render
from paddlemodel_operator.render.deployment import NONE
from paddlemodel_operator.render.rollout import AT_ONCE
from paddlemodel_operator.settings import Settings

BYTES_MAX: Final = 3 * 1024 * 1024
"""More than etcd stores of one object."""
UNKNOWN_UID: Final = "00000000-0000-0000-0000-000000000000"
"""The API server gives the real one."""


def bodies(file: str, namespace: str = "") -> list[dict[str, Any]]:
    """Every PaddleModel of a YAML or JSON file; other kinds are passed over.

    Args:
        file: its name, or - for standard input.
        namespace: of models that name none; empty: default.

    Raises:
        InputError: there is none, or the file is no YAML.
        OSError: it cannot be read.
    """
    text = _text(file)
    try:
        documents = [one for one in yaml.load_all(text, yaml.CSafeLoader) if one is not None]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        reason = getattr(error, "problem", None) or "it is nested too deeply, or has a value that is none"
        raise InputError(f"{_name(file)}{line} is no YAML: {reason}.") from None
    found = [_completed(file, one, namespace) for one in _flat(documents) if one.get("kind") == contract.KIND]
    if not found:
        raise InputError(f"{_name(file)} has no object of kind {contract.KIND}; name the file of one.")
    return found


def parsed(file: str, body: dict[str, Any]) -> PaddleModel:
    """The model of a body.

    Raises:
        InputError: the operator would refuse it, with the sentence that would stand in its status.
    """
    try:
        return from_body(body)
    except SpecError as error:
        raise InputError(f"{_name(file)}, {body['metadata']['name']}: {error}") from None


def children(
    file: str,
    model: PaddleModel,
    settings: Settings,
    contents: Mapping[str, str] = NONE,
    rollout: Rollout = AT_ONCE,
) -> Children:
    """What the operator would apply by its settings; `contents` and `rollout` are those of `render`.

    Raises:
        InputError: the operator would refuse it, with the sentence that would stand in its status.
    """
    try:
        return render(model, settings, contents, rollout)
    except SpecError as error:
        raise InputError(f"{_name(file)}, {model.name}: {error}") from None


def chosen(file: str, found: list[dict[str, Any]], name: str | None) -> dict[str, Any]:
    """The one model that is meant.

    Raises:
        InputError: several could be, or none has the name.
    """
    names = [one["metadata"]["name"] for one in found]
    matching = [one for one in found if name in (None, one["metadata"]["name"])]
    if len(matching) != 1:
        listed = ", ".join(names)
        raise InputError(f"{_name(file)} has the models {listed}: choose one of them with --name.")
    return matching[0]


def _text(file: str) -> str:
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
        content = stream.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise InputError(f"{_name(file)} is larger than {BYTES_MAX} bytes, more than a cluster takes.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError(f"{_name(file)} is not text in UTF-8.") from None


def _flat(documents: list[Any]) -> Iterator[dict[str, Any]]:
    """Objects, also those inside a List, as `kubectl get -o yaml` prints several."""
    for one in documents:
        if isinstance(one, dict):
            items = one.get("items")
            yield from _flat(items) if isinstance(items, list) else iter((one,))


def _completed(file: str, body: dict[str, Any], namespace: str) -> dict[str, Any]:
    if body.get("apiVersion") != contract.API_VERSION:
        raise InputError(
            f"{_name(file)}: apiVersion is {body.get('apiVersion')!r}; "
            f"a {contract.KIND} has {contract.API_VERSION}."
        )
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise InputError(f"{_name(file)}: a {contract.KIND} has no metadata.name; give it one.")
    if not isinstance(body.get("spec"), dict):
        raise InputError(
            f"{_name(file)}, {metadata['name']}: there is no spec; it needs spec.model.uri at least."
        )
    place = metadata.get("namespace") or namespace or "default"
    return {**body, "metadata": {"uid": UNKNOWN_UID, **metadata, "namespace": place}}


def _name(file: str) -> str:
    return "standard input" if file == "-" else file
