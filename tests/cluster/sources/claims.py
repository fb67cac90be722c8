"""A claim that pods of all nodes can use: a folder of the host, which is one for all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devcluster.target import Target


@contextmanager
def shared(
    target: Target, name: str, folder: Path, namespace: str, mode: str = "ReadWriteMany"
) -> Iterator[None]:
    """A volume and its claim, both called `name`.

    Args:
        target: the cluster.
        name: of both.
        folder: on the host; everybody may write it, and read what is in it, from now on.
        namespace: the claim's.
        mode: how it is accessed.
    """
    folder.chmod(0o777)  # the kubelet gives a hostPath to no group
    for parent in folder.parents[:2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    size = {"storage": "1Gi"}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": size,
            "accessModes": [mode],
            "hostPath": {"path": str(folder)},
            "claimRef": {"namespace": namespace, "name": name},
        },
    }
    claimed = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": [mode],
            "storageClassName": "",
            "volumeName": name,
            "resources": {"requests": size},
        },
    }
    target.apply(volume, claimed, namespace=namespace)
    try:
        yield
    finally:
        target.kubectl("delete", "pvc", name, f"--namespace={namespace}", "--wait=false")
        target.kubectl("delete", "pv", name, "--wait=false")
