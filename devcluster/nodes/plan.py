"""What a cluster's init process starts, in which order: plain data, written by `cluster`, read by `init`."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Component:
    """One long-running program.

    Attributes:
        name: Also the name of its log file.
        argv: Program and arguments.
        ready: An `https://` or `http://` URL that answers 200, to wait for before the next component
            starts; empty starts the next one at once.
    """

    name: str
    argv: list[str]
    ready: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything `init` needs to know.

    Attributes:
        logs: Folder for the log files.
        report: File in which init keeps each component's pid and number of restarts.
        admin: Client certificate, key and authority for `https` readiness checks.
        hostname: The node's name; empty without a node.
        kubelet: The kubelet's root, shared with its mounts; empty without a node.
        mounts: Folders to hide under fresh tmpfs, because programs write to these fixed places.
        network: Commands that make interfaces and routes.
        listener: The gateway's listening socket, for no other component; negative without a gateway.
        components: In starting order.
    """

    logs: str
    report: str
    admin: tuple[str, str, str]
    hostname: str = ""
    kubelet: str = ""
    mounts: list[str] = field(default_factory=list)
    network: list[list[str]] = field(default_factory=list)
    listener: int = -1
    components: list[Component]

    def write(self, path: Path) -> None:
        """Save as JSON, for `read` in the init process."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Load what `write` saved."""
        content = json.loads(path.read_text())
        content["components"] = [Component(**item) for item in content["components"]]
        content["admin"] = tuple(content["admin"])
        return cls(**content)
