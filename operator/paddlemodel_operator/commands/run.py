"""`paddlemodel run`: the model of a YAML, served on this machine without a cluster."""

import argparse
import copy
import fcntl
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from paddlemodel_api import contract, uri
from paddlemodel_api.source import Place

from paddlemodel_operator.base import names
from paddlemodel_operator.commands import local_pod, local_server, manifest
from paddlemodel_operator.commands.faults import CommandError, InputError
from paddlemodel_operator.commands.options import Parser
from paddlemodel_operator.render.container import MODEL_DIR
from paddlemodel_operator.render.recording import RECORDING_DIR
from paddlemodel_operator.settings import from_environment

DESCRIPTION = """Fetch the model of a YAML, and serve it on this machine until Ctrl-C, as its pods would.

What only a cluster does is left out, and said: replicas, autoscaling, Ingress, limits of CPU and memory. What
is fetched stays in ~/.cache/paddlemodel/run, so that a second run begins at once. The server must be beside
this program: pip install ./crds ./operator ./serving_image paddlepaddle."""

EXAMPLES = """examples:
  paddlemodel run examples/cpu-image-classification.yaml
  paddlemodel run model.yaml --port 9000 --device CPU
  paddlemodel run model.yaml --uri file://$PWD/my-model    # a folder or archive in place of spec.model.uri
  paddlemodel run model.yaml --secret store-login=./login  # ./login/accessKeyId, ... in place of a Secret

Exit codes: 0 stopped; 1 it could not be fetched or served, and the last line says why; 2 the command line or
the YAML is wrong."""

_ONLY_IN_A_CLUSTER: Final = (
    *("replicas", "autoscaling", "ingress", "gateway", "service", "rollout", "resources", "gpu"),
)
_HOST: Final = "127.0.0.1"
_MANY: Final[dict[str, Any]] = {"action": "append", "default": []}


def main(argv: Sequence[str]) -> int:
    """Fetch, serve, and stay until a signal; returns the exit code."""
    arguments = options().parse_args(argv)
    body = manifest.chosen(arguments.file, manifest.bodies(arguments.file), arguments.name)
    program = local_server.program()
    with _home(body) as home:
        machine = local_pod.Machine(
            home=home,
            claims=dict(arguments.claim),
            secrets=dict(arguments.secret),
            config_maps=dict(arguments.config_map),
            environ=os.environ,
        )
        *before, server = local_pod.processes(_pod(arguments, body), machine)
        _say_what_is_left_out(body)
        for process in before:
            local_server.finish(program, process)
        return local_server.serve(program, server, _HOST, arguments.port)


def options() -> argparse.ArgumentParser:
    """What the command line may say."""
    parser = Parser("run", DESCRIPTION, EXAMPLES)
    add = parser.add_argument
    add("file", metavar="FILE", help="a YAML with a PaddleModel, or - for standard input")
    add("--name", help="which one, where FILE has several")
    add("--uri", help="where the model is, in place of spec.model.uri and its digest")
    add(
        "--further-uri",
        **_MANY,
        type=_address,
        metavar="NAME=URI",
        help="the same of a further model of the task, such as recognition of ocr",
    )
    add("--port", type=_port, default=8080, help="where clients ask, on 127.0.0.1 (default 8080)")
    add("--device", choices=["CPU", "GPU"], help="in place of spec.device")
    given: dict[str, Any] = {**_MANY, "type": _folder, "metavar": "NAME=DIR"}
    add("--secret", **given, help="a folder in place of a Secret, a file for each key")
    add("--config-map", **given, help="a folder in place of a ConfigMap, a file for each key")
    add("--claim", **given, help="a folder in place of a PersistentVolumeClaim")
    return parser


def _port(text: str) -> int:
    if not 1 <= int(text) <= 65_535:
        raise ValueError(text)
    return int(text)


def _address(text: str) -> tuple[str, str]:
    name, mark, address = text.partition("=")
    if not (name and mark and address):
        raise argparse.ArgumentTypeError(f"not of the form NAME=URI: {text}")
    return name, address


def _folder(text: str) -> tuple[str, Path]:
    name, mark, folder = text.partition("=")
    if not (name and mark and folder):
        raise argparse.ArgumentTypeError(f"not of the form NAME=DIR: {text}")
    if not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"no folder: {folder}")
    return name, Path(folder).resolve()


def _pod(arguments: argparse.Namespace, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod that the operator would render, of a spec that this machine can serve."""
    model = manifest.parsed(arguments.file, _here(arguments, body))
    settings = from_environment(os.environ).model_copy(update={"gateway_api": True})  # No route is made here.
    children = manifest.children(arguments.file, model, settings)
    deployment = next(child for key, child in children.items() if key.kind == names.DEPLOYMENT)
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    # Which a pod leaves at their defaults.
    folders = {"model_dir": MODEL_DIR, "recording_dir": RECORDING_DIR}
    pod["containers"][0]["env"] += [
        {"name": contract.variable(setting), "value": path} for setting, path in folders.items()
    ]
    return pod


def _here(arguments: argparse.Namespace, body: Mapping[str, Any]) -> dict[str, Any]:
    """The same model with what the command line says, and kept once it is fetched.

    Where the spec itself is wrong, the untouched one is refused first.
    """
    known = manifest.parsed(arguments.file, dict(body))
    changed = copy.deepcopy(dict(body))
    spec = changed["spec"]
    spec.pop("rollout", None)  # Its mirror would ask for the Service of a canary.
    if arguments.device:
        spec["device"] = arguments.device
        for field in ("gpu", "autoscaling") if arguments.device == "CPU" else ():
            spec.pop(field, None)
    if arguments.uri:
        spec["model"] = _elsewhere(spec["model"], arguments.uri)
    if arguments.further_uri:
        (task,) = spec.get("task", {"auto": {}}).values()
        _move_further(arguments, task, known.spec.task.further_models)
    if not uri.holds(spec["model"]["uri"], uri.MOUNTED):
        spec["model"].setdefault("cache", {"claimName": "fetched"})
    return changed


def _move_further(arguments: argparse.Namespace, task: dict[str, Any], known: Mapping[str, Place]) -> None:
    """Put the further models of a task at the addresses of the command line."""
    for name, address in arguments.further_uri:
        if name not in known:
            which = f"its further models are {', '.join(known)}" if known else "it has no further models"
            raise InputError(f"--further-uri: the task has no model {name}; {which}.")
        task[name] = _elsewhere(task[name], address)


def _elsewhere(source: Mapping[str, Any], address: str) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key in {"credentials", "store"}} | {"uri": address}


def _say_what_is_left_out(body: Mapping[str, Any]) -> None:
    spec = body["spec"]
    left_out = [f"spec.{field}" for field in _ONLY_IN_A_CLUSTER if field in spec]
    if (spec.get("access") or {}).get("network"):
        left_out.append("spec.access.network")
    if left_out:
        sys.stderr.write(f"==> without a cluster, these do nothing: {', '.join(left_out)}\n")


@contextmanager
def _home(body: Mapping[str, Any]) -> Iterator[Path]:
    """The model's own folder, which one run at a time may use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    metadata = body["metadata"]
    home = cache / "paddlemodel" / "run" / f"{metadata['namespace']}.{metadata['name']}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"the model {metadata['name']} is being served from {home} already: stop that first."
            ) from None
        yield home
