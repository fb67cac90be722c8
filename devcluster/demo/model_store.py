"""Model archives served over HTTP from inside the cluster, in place of a public model store.

For clusters without the internet: demo and tests fetch the same archives, by the same kind of URL, as
`examples/` names. The pod runs the server image, whose Python can serve a folder; the archives are copied
into it, whatever their size, so that nothing of the cluster's but the pod is needed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devcluster.target import Target

NAME = "model-store"
_SCRIPT = """
serve="python3 -m http.server 8000 --directory /archives"
$serve --bind :: || exec $serve  # by default it listens on IPv4 alone; a kernel may have no IPv6
"""


def start(target: Target, namespace: str, image: str, archives: Sequence[Path]) -> None:
    """Start the store and fill it; what it serves is gone with its pod."""
    target.apply(*_objects(image), namespace=namespace)
    here = f"--namespace={namespace}"
    target.kubectl("rollout", "status", f"deployment/{NAME}", here, "--timeout=180s")
    for archive in archives:
        target.copy(archive, namespace, f"deployment/{NAME}", f"/archives/{archive.name}")


def url(archive: Path, namespace: str) -> str:
    """Where pods of the cluster find an archive."""
    return f"http://{NAME}.{namespace}.svc/{archive.name}"


def _objects(image: str) -> list[dict[str, Any]]:
    """Deployment and Service."""
    labels = {"app": NAME}
    container = {
        "name": "http",
        "image": image,
        "command": ["/bin/sh", "-ec", _SCRIPT],
        "ports": [{"containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
        "volumeMounts": [{"name": "archives", "mountPath": "/archives"}],
    }
    volumes = [{"name": "archives", "emptyDir": {}}]
    pod = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": NAME},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]},
        },
    ]
