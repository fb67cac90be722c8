"""What a pod would run, as processes of this machine: its containers' arguments, environment and folders.

Reads the rendered pod as a kubelet does, so whatever the operator renders runs here as well. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from paddlemodel_operator.commands.faults import InputError

Object = Mapping[str, Any]

_REFERENCE: Final = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_FILE: Final = "file://"
_TEMPORARY: Final = "/tmp"  # noqa: S108 - where it is in the container


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What this machine has in place of a cluster.

    Attributes:
        home: the folder of the model's empty volumes.
        claims: folders in place of PersistentVolumeClaims, by name.
        secrets: folders in place of Secrets, a file for each key, by name.
        config_maps: the same in place of ConfigMaps.
        environ: where values are looked for that a cluster would fill in.
    """

    home: Path
    claims: Mapping[str, Path]
    secrets: Mapping[str, Path]
    config_maps: Mapping[str, Path]
    environ: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Process:
    """One container of the pod: what follows the program's name, and what its environment adds."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]

    def with_environment(self, **variables: str) -> "Process":
        """The same with other values of some variables."""
        return replace(self, environment={**self.environment, **variables})


@dataclass(frozen=True)
class Volume:
    """A folder of this machine in place of a volume; `is_claim` if it stands for a PersistentVolumeClaim."""

    folder: Path
    is_claim: bool = False


def processes(pod: Object, machine: Machine) -> list[Process]:
    """The init containers in their order, then the server.

    Raises:
        InputError: the pod needs something that only a cluster has, and the command line does not give it.
    """
    volumes = {one["name"]: _volume(one, machine) for one in pod.get("volumes", ())}
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    return [_process(one, volumes, machine) for one in containers]


def _volume(volume: Object, machine: Machine) -> Volume:
    own = machine.home / volume["name"]
    if "persistentVolumeClaim" in volume:
        claim = volume["persistentVolumeClaim"]
        name = claim["claimName"]
        if name not in machine.claims and claim.get("readOnly"):
            raise InputError(
                f"the PersistentVolumeClaim {name} is in a cluster; name a folder in its place: "
                f"--claim {name}=DIR."
            )
        return Volume(machine.claims.get(name, own), is_claim=True)
    if "secret" in volume:
        return _keys("Secret", volume["secret"]["secretName"], machine.secrets, "--secret")
    if "configMap" in volume:
        return _keys("ConfigMap", volume["configMap"]["name"], machine.config_maps, "--config-map")
    if "emptyDir" not in volume:
        raise InputError(f"the volume {volume['name']} of the pod is of a kind that only a cluster has.")
    return Volume(own)


def _keys(kind: str, name: str, given: Mapping[str, Path], flag: str) -> Volume:
    if name not in given:
        raise InputError(
            f"the {kind} {name} is in a cluster; name a folder in its place, with a file for each key: "
            f"{flag} {name}=DIR."
        )
    return Volume(given[name])


def _process(container: Object, volumes: Mapping[str, Volume], machine: Machine) -> Process:
    mounts = {one["mountPath"]: volumes[one["name"]] for one in container.get("volumeMounts", ())}
    mounts.pop(_TEMPORARY, None)  # This machine has one itself.
    environment: dict[str, str] = {}
    for one in container.get("env", ()):
        value = _value(one, machine.environ)
        environment[one["name"]] = _moved(_expanded(value, environment), mounts)
    arguments = tuple(_moved(_expanded(word, environment), mounts) for word in container["args"])
    return Process(arguments=arguments, environment=environment)


def _value(variable: Object, environ: Mapping[str, str]) -> str:
    name = variable["name"]
    if "valueFrom" not in variable:
        return str(variable.get("value") or "")
    if name not in environ:
        raise InputError(
            f"the variable {name} of spec.pod.env is filled in by a cluster: here, {name}=… paddlemodel run."
        )
    return environ[name].replace("$", "$$")


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """As a kubelet does: $(NAME) becomes a variable's value if there is one, $$ becomes $.

    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    return _REFERENCE.sub(
        lambda found: "$" if found[0] == "$$" else known.get(found[1], found[0]),
        text,
    )


def _moved(text: str, mounts: Mapping[str, Volume]) -> str:
    """A path below a mount becomes one of this machine; of URIs only those that lead into a claim."""
    is_uri = text.startswith(_FILE)
    path = text.removeprefix(_FILE)
    for mount, volume in mounts.items():
        if (volume.is_claim or not is_uri) and (path == mount or path.startswith(mount + "/")):
            folder = _FILE + quote(str(volume.folder)) if is_uri else str(volume.folder)
            return folder + path[len(mount) :]
    return text
