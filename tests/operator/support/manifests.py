"""PaddleModels for a real cluster: the smallest, one with everything; and to wait for the operator."""

from typing import Any

from paddlemodel_operator.base import names

from tests.operator.support.builders import URI, body
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.process import Operator

Object = dict[str, Any]


def manifest(namespace: str, name: str = "resnet50", **fields: Any) -> Object:
    return {**body(**fields), "metadata": {"name": name, "namespace": namespace}}


def everything(namespace: str, name: str = "resnet50") -> Object:
    """Each kind of child, and raw Kubernetes in every place that takes it."""
    return manifest(
        namespace,
        name,
        model={
            "uri": URI,
            "credentials": {"secretName": "files"},
            "updatePolicy": "Notify",
            "checkMinutes": 1440,
            "cache": {"claimName": "models", "keep": 2},
        },
        device="GPU",
        gpu={"count": 2},
        task={"imageClassification": {"labels": ["$(HOME)", "猫"]}},
        resources={"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": 2, "memory": "2.5Gi"}},
        autoscaling={
            "maxReplicas": 4,
            "gpuUtilization": 60,
            "gpuMemory": 90,
            "busyRatio": 100,
            "inflightPerReplica": 1000,
            "queueSeconds": 1.5,
            "cpuUtilization": 250,
            "metrics": [
                {
                    "type": "External",
                    "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "1500m"}},
                }
            ],
        },
        service={"type": "NodePort", "port": 8000, "annotations": {"a": "b"}},
        ingress={"host": "a.example.com", "className": "nginx", "tlsSecretName": "tls"},
        access={
            "apiKeys": {"secretName": "clients"},
            "tls": {"secretName": "tls"},
            "rateLimits": [
                {"per": "Client", "requests": 600},
                {"per": "Address", "requests": 60, "burst": 5},
            ],
            "trustedProxies": {"hops": 1},
            "network": {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"a": "b"}},
                        "podSelector": {"matchExpressions": [{"key": "c", "operator": "Exists"}]},
                    },
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                ]
            },
            "cors": {"allowedOrigins": ["https://app.example.com"], "allowedHeaders": ["X-Mine"]},
        },
        pod={
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 1,
                            "podAffinityTerm": {
                                "topologyKey": "zone",
                                "labelSelector": {"matchLabels": {"a": "b"}},
                            },
                        }
                    ]
                }
            },
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"a": "b"}},
                }
            ],
            "serviceAccountName": "default",
            "imagePullSecrets": [{"name": "registry"}],
            "labels": {"team": "vision"},
            "annotations": {"note": "x"},
            "env": [
                {"name": "EMPTY", "value": ""},
                {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            ],
        },
    )


def settled(cluster: Cluster, operator: Operator, namespace: str, name: str = "resnet50") -> Object:
    """The model, once the operator has seen its newest generation and has nothing left to do."""

    def check() -> Object:
        found = cluster.need(names.MODEL, namespace, name)
        assert found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
        assert cluster.need(names.DEPLOYMENT, namespace, name).get("status", {}).get("observedGeneration")
        assert operator.is_idle()
        return found

    return eventually(check)
