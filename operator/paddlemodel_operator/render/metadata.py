"""Labels, ownership and identity of every child, made fresh for each object."""

from typing import Any

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel

Object = dict[str, Any]


def head(
    model: PaddleModel, kind: names.Kind, annotations: dict[str, str] | None = None, name: str = ""
) -> Object:
    """The first lines of a child: what it is, whose it is; it has the model's name unless it gets another."""
    metadata: Object = {
        "name": name or model.name,
        "namespace": model.namespace,
        "labels": names.child_labels(model.name),
        "ownerReferences": [owner_reference(model)],
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def owner_reference(model: PaddleModel) -> Object:
    """Garbage collection follows it. It blocks no deletion, so the operator needs no right on finalizers."""
    return {
        "apiVersion": contract.API_VERSION,
        "kind": contract.KIND,
        "name": model.name,
        "uid": model.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def literal(text: str) -> str:
    """Text of the user as it is: Kubernetes would replace $(NAME) in arguments and variables."""
    return text.replace("$", "$$")


def compact(fields: Object) -> Object:
    """Without what the user left out."""
    return {key: value for key, value in fields.items() if value is not None}
