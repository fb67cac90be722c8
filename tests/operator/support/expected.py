"""The smallest Deployment, Service and their parts as they must be rendered, word for word."""

from tests.operator.support.builders import UID, URI

OWNER = {
    "apiVersion": "paddlemodel.dev/v1alpha1",
    "kind": "PaddleModel",
    "name": "resnet50",
    "uid": UID,
    "controller": True,
    "blockOwnerDeletion": False,
}
NAME = {"app.kubernetes.io/name": "paddlemodel-server", "paddlemodel.dev/model": "resnet50"}
LABELS = {**NAME, "app.kubernetes.io/managed-by": "paddlemodel-operator"}
SERVICE_SELECTOR = {**NAME, "paddlemodel.dev/pool": "main"}
SELECTOR = {**SERVICE_SELECTOR, "paddlemodel.dev/track": "stable"}
POD_LABELS = {**LABELS, **SELECTOR, "service.istio.io/canonical-name": "resnet50"}
"""But for the revision, of which there are two labels."""

CLIENTS_PORT = {
    "name": "http",
    "port": 80,
    "targetPort": "http",
    "protocol": "TCP",
    "appProtocol": "http",
}
METADATA = {"name": "resnet50", "namespace": "ml", "labels": LABELS, "ownerReferences": [OWNER]}

HARDENED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
RESOURCES = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}}

FETCH = {
    "name": "fetch",
    "image": "server:cpu",
    "imagePullPolicy": "IfNotPresent",
    "securityContext": HARDENED,
    "args": ["fetch", "--uri", URI, "--into", "/models/model"],
    "resources": RESOURCES,
    "volumeMounts": [{"name": "models", "mountPath": "/models"}, {"name": "tmp", "mountPath": "/tmp"}],
    "terminationMessagePolicy": "File",
}

SERVER = {
    "name": "server",
    "image": "server:cpu",
    "imagePullPolicy": "IfNotPresent",
    "securityContext": HARDENED,
    "args": ["serve"],
    "env": [
        {"name": "PADDLEMODEL_NAME", "value": "resnet50"},
        {"name": "PADDLEMODEL_DEVICE", "value": "cpu"},
        {"name": "PADDLEMODEL_TASK", "value": '{"auto":{}}'},
    ],
    "ports": [
        {"name": "http", "containerPort": 8080, "protocol": "TCP"},
        {"name": "admin", "containerPort": 8081, "protocol": "TCP"},
    ],
    "resources": RESOURCES,
    "volumeMounts": [
        {"name": "models", "mountPath": "/models", "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
    ],
    "startupProbe": {
        "httpGet": {"path": "/healthz", "port": "admin"},
        "timeoutSeconds": 2,
        "periodSeconds": 2,
        "failureThreshold": 300,
    },
    "livenessProbe": {
        "httpGet": {"path": "/healthz", "port": "admin"},
        "timeoutSeconds": 2,
        "periodSeconds": 10,
        "failureThreshold": 3,
    },
    "readinessProbe": {
        "httpGet": {"path": "/readyz", "port": "admin"},
        "timeoutSeconds": 2,
        "periodSeconds": 2,
        "failureThreshold": 3,
    },
    "terminationMessagePolicy": "FallbackToLogsOnError",
}

POD_SPEC = {
    "initContainers": [FETCH],
    "containers": [SERVER],
    "volumes": [
        {"name": "models", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ],
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "terminationGracePeriodSeconds": 50,
}
