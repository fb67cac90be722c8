"""What all pods of a model have in common: those that serve it, and those that look for new content."""

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render import container
from paddlemodel_operator.render.metadata import Object, compact


def confined() -> Object:
    """The parts of a pod's spec that keep it within Pod Security level restricted."""
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": container.USER,
            "runAsGroup": container.USER,
            "fsGroup": container.USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }


def placed(model: PaddleModel) -> Object:
    """Where a pod runs, and as whom; what tells the pods of a model from each other is not in it."""
    pod = model.spec.pod
    return compact(
        {
            "nodeSelector": pod.node_selector,
            "tolerations": list(pod.tolerations) if pod.tolerations else None,
            "priorityClassName": pod.priority_class_name,
            "runtimeClassName": pod.runtime_class_name,
            "serviceAccountName": pod.service_account_name,
            "imagePullSecrets": [{"name": secret.name} for secret in pod.image_pull_secrets or ()] or None,
        }
    )
