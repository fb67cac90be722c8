"""The command line: python -m devcluster --help."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from devcluster import cluster, paths
from devcluster.builders import images, programs
from devcluster.demo import play as demo
from devcluster.errors import DevclusterError
from devcluster.neighbours import prometheus
from devcluster.nodes import gpus, node
from devcluster.nodes.addresses import IPV4, IPV6
from devcluster.paths import State
from devcluster.progress import say

DEFAULT = "default"


def main(argv: list[str]) -> int:
    """Run one command; a fault a person can mend is one message and exit code 1."""
    arguments, rest = _parser().parse_known_args(argv)
    passes_words_on = arguments.command in ("kubectl", "helm")
    if rest and not passes_words_on:
        _parser().error(f"unknown words: {' '.join(rest)}")
    run: Callable[[argparse.Namespace], int] = arguments.run
    if passes_words_on:
        arguments.words = rest
    try:
        return run(arguments)
    except DevclusterError as error:
        sys.stderr.write(f"devcluster: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="devcluster", description="A real Kubernetes node on this machine.")
    parser.add_argument(
        "--name", default=DEFAULT, help="which cluster, when there are several (default: %(default)s)"
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=text, add_help=name not in ("kubectl", "helm")
        )
        added.set_defaults(run=run)
        added.add_argument("--name", default=argparse.SUPPRESS, help="which cluster")
        return added

    up = command("up", _up, "start a cluster: a whole node (root), or --control-plane alone (no root)")
    up.add_argument(
        "--control-plane", action="store_true", help="etcd, API server and controller manager only"
    )
    up.add_argument(
        "--nodes", type=int, default=1, choices=range(1, node.MOST_NODES + 1), help="how many (default: 1)"
    )
    up.add_argument("--gpus", type=int, default=0, help="simulate nvidia.com/gpu devices on the first node")
    up.add_argument("--ipv6", action="store_true", help="a node with IPv6 addresses and no others")
    command("down", _down, "end a cluster and remove everything it left")
    command("status", _status, "list the clusters and their components")
    command("kubectl", _kubectl, "run kubectl against the cluster")
    command("helm", _helm, "run helm against the cluster")
    builds = command(
        "build", _build, "compile the programs (about 13 minutes once) and, as root, build the images"
    )
    builds.add_argument(
        "--neighbours",
        action="store_true",
        help="also the neighbours (about 35 minutes more), and fetch Prometheus",
    )
    builds.add_argument("--programs", action="store_true", help="only the programs: no images")
    command(
        "images", _images, "build the operator's and the server's images, and import them if the node is up"
    )
    logs = command("logs", _logs, "print the log of a component")
    logs.add_argument("component", help="etcd, kube-apiserver, kubelet, containerd, coredns, init, …")
    forward = command("forward", _forward, "reach a Service on 127.0.0.1 until interrupted")
    forward.add_argument("service", help="NAMESPACE/NAME, or NAME in the namespace default")
    forward.add_argument("--port", default=":80", help="LOCAL:REMOTE, or :REMOTE for a free local port")
    play = command("demo", _demo, "one YAML becomes a served model that scales, step by step")
    play.add_argument("--keep", action="store_true", help="leave everything running afterwards")
    play.add_argument("--kubeconfig", type=Path, help="run on this cluster instead of a fresh node")
    play.add_argument(
        "--images", default="", help="with --kubeconfig: where our images were pushed, registry/prefix"
    )
    return parser


def _up(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    if arguments.control_plane:
        if arguments.nodes != 1 or arguments.gpus or arguments.ipv6:
            raise DevclusterError("--nodes, --gpus and --ipv6 go with a node: leave out --control-plane")
        state = cluster.up_control_plane(arguments.name)
    else:
        programs.build(programs.NODE)
        archives = images.build_pause()
        started = time.monotonic()
        state = cluster.up_node(arguments.name, arguments.nodes, IPV6 if arguments.ipv6 else IPV4)
        images.load(state, archives)
        if arguments.gpus:
            gpus.plug(state, arguments.gpus)
    took = time.monotonic() - started
    say(f"cluster {state.name!r} is up after {took:.1f} s: export KUBECONFIG={state.kubeconfig}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    existed = cluster.down(arguments.name)
    say(f"cluster {arguments.name!r} " + ("is gone" if existed else "was not there"))
    return 0


def _status(_: argparse.Namespace) -> int:
    states = cluster.all_up()
    for state in states:
        condition = "up" if state.is_up() else "dead (devcluster down removes it)"
        say(f"{state.name}: {condition}  {state.kubeconfig}")
        for name, facts in cluster.components(state).items():
            say(f"  {name:<24} pid {facts['pid'] or '-':<8} restarts {facts['restarts']}")
    if not states:
        say("no cluster is up: `devcluster up` starts one")
    return 0


def _run_with_kubeconfig(state: State, program: str, words: list[str]) -> int:
    environment = os.environ | {"KUBECONFIG": str(state.kubeconfig)}
    return subprocess.run([program, *words], env=environment, check=False).returncode


def _kubectl(arguments: argparse.Namespace) -> int:
    return _run_with_kubeconfig(
        cluster.find(arguments.name), programs.program("kubernetes", "kubectl"), arguments.words
    )


def _helm(arguments: argparse.Namespace) -> int:
    programs.build(("helm",))
    return _run_with_kubeconfig(
        cluster.find(arguments.name), programs.program("helm", "helm"), arguments.words
    )


def _build(arguments: argparse.Namespace) -> int:
    programs.build(
        (*programs.NODE, *((*programs.NEIGHBOURS, *programs.OLDER) if arguments.neighbours else ()))
    )
    if arguments.neighbours:
        prometheus.program("prometheus")
    if os.geteuid() == 0 and not arguments.programs:
        images.build_pause()
        images.build_all()
    return 0


def _images(arguments: argparse.Namespace) -> int:
    archives = [*images.build_pause(), *images.build_all()]
    if State.of(arguments.name).pid.exists():
        images.load(cluster.find(arguments.name), archives)
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    state = State.of(arguments.name)
    log = state.logs / f"{arguments.component}.log"
    if not log.exists():
        known = (
            ", ".join(sorted(item.stem for item in state.logs.glob("*.log"))) or "none: the cluster is not up"
        )
        raise DevclusterError(f"no log of {arguments.component!r}; there are: {known}")
    sys.stdout.write(log.read_text(errors="replace"))
    return 0


def _forward(arguments: argparse.Namespace) -> int:
    namespace, _, name = arguments.service.rpartition("/")
    words = ["port-forward", f"--namespace={namespace or 'default'}", f"service/{name}", arguments.port]
    return _run_with_kubeconfig(
        cluster.find(arguments.name), programs.program("kubernetes", "kubectl"), words
    )


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.images and not arguments.kubeconfig:
        raise DevclusterError(
            "--images (IMAGES=…) goes with --kubeconfig (KUBECONFIG=…): a fresh node builds its own"
        )
    return demo.main(keep=arguments.keep, kubeconfig=arguments.kubeconfig, image_prefix=arguments.images)


if __name__ == "__main__":
    os.chdir(paths.REPOSITORY)
    sys.exit(main(sys.argv[1:]))
