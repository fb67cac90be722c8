"""A model archive served over HTTP from inside the cluster, in place of a public model store.

For clusters without the internet: demo and tests fetch the same archive, by the same kind of URL, as
`examples/` names. The pod runs the server image, whose Python can serve a folder.
"""

import base64
import gzip
from pathlib import Path
from typing import Any

NAME = "model-store"
_SCRIPT = """
for file in /packed/*.gz; do gzip -dc "$file" > "/archives/$(basename "$file" .gz)"; done
serve="python3 -m http.server 8000 --directory /archives"
$serve --bind :: || exec $serve  # by default it listens on IPv4 alone; a kernel may have no IPv6
"""


def objects(image: str, archives: list[Path]) -> list[dict[str, Any]]:
    """ConfigMap (with the archives, packed, under 1 MiB together), Deployment and Service."""
    labels = {"app": NAME}
    content = {f"{archive.name}.gz": _packed(archive) for archive in archives}
    container = {
        "name": "http",
        "image": image,
        "command": ["/bin/sh", "-ec", _SCRIPT],
        "ports": [{"containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "packed", "mountPath": "/packed"},
            {"name": "archives", "mountPath": "/archives"},
        ],
    }
    volumes = [{"name": "packed", "configMap": {"name": NAME}}, {"name": "archives", "emptyDir": {}}]
    pod = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "binaryData": content},
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


def url(archive: Path, namespace: str) -> str:
    """Where pods of the cluster find an archive."""
    return f"http://{NAME}.{namespace}.svc/{archive.name}"


def _packed(archive: Path) -> str:
    return base64.b64encode(gzip.compress(archive.read_bytes(), mtime=0)).decode()
