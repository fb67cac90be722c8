"""`python -m benchmarks.pods`: how long a pod takes from its creation to Ready, by place, size and cache.

On the devcluster's node, with the operator as it ships. Places, claim and node are one machine, so no network
is in the numbers; all else is real: scheduling, mounts, the fetcher, Paddle, the warm-up. The model is an
embedding of so many megabytes, which a request hardly computes with. Pods start one at a time.
"""

import argparse
import datetime as dt
import json
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.pods.model import embedding
from benchmarks.pods.places import PLACES, Place
from benchmarks.serving.__main__ import processor
from devcluster import cluster
from devcluster.builders import images, programs
from devcluster.demo.paddlemodels import is_ready, wait_for
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.manifests import NAMESPACE, cpu_model
from tests.cluster.sources import claims

HERE = f"--namespace={NAMESPACE}"
NAME = "started"
CACHE = "cache"


@dataclass(frozen=True, kw_only=True)
class Start:
    """One pod, in seconds."""

    ready: float  # from its creation on; the API tells whole seconds
    fetch: float  # from the fetcher's first line in the log to its last


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no cluster is left behind
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pods", description=__doc__)
    parser.add_argument("places", nargs="*", metavar="PLACE", help=f"of {', '.join(PLACES)}; all if none")
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 500])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    busy = f"load average {os.getloadavg()[0]:.1f} before"
    print(f"{os.cpu_count()} cores ({processor()}), {busy}; medians of {args.rounds}, in seconds")
    print(f"{'place':16} {'cache':10} {'MB':>5} {'Ready':>16} {'fetch':>18}", flush=True)
    with _node() as (state, target), tempfile.TemporaryDirectory(prefix="pdm-pods-") as folder:
        for megabytes in args.megabytes:
            model = embedding(Path(folder) / f"model-{megabytes}", megabytes)
            for name in args.places or PLACES:
                room = Path(folder) / f"{name}-{megabytes}"
                room.mkdir(mode=0o755)
                with PLACES[name](target, state, room, model) as place:
                    for cached, starts in _starts(target, place, room, args.rounds):
                        print(line(place.title, cached, megabytes, starts), flush=True)


@contextmanager
def _node() -> Iterator[tuple[State, Target]]:
    """A node of our own, with the operator."""
    programs.build(programs.NODE)
    archives = [*images.build_pause(), *images.build_all()]
    name = f"pods-{os.getpid()}"
    try:
        state = cluster.up_node(name)
        images.load(state, archives)
        target = Target(kubeconfig=state.kubeconfig)
        target.install_operator()
        target.kubectl("create", "namespace", NAMESPACE)
        yield state, target
    finally:
        cluster.down(name)


def _starts(target: Target, place: Place, room: Path, rounds: int) -> Iterator[tuple[str, Sequence[Start]]]:
    """By what the cache does, a start for each round."""
    if place.secret:
        target.apply(place.secret, namespace=NAMESPACE)
    yield "none", [_start(target, place, {}) for _ in range(rounds)]
    if not place.cached:
        return
    empty, full = [], []
    for number in range(rounds):
        folder = room / f"cache-{number}"
        folder.mkdir()
        with claims.shared(target, f"{CACHE}-{number}", folder, NAMESPACE):
            cache = {"cache": {"claimName": f"{CACHE}-{number}"}}
            empty.append(_start(target, place, cache))
            full.append(_start(target, place, cache))
    yield "empty", empty
    yield "has it", full


def _start(target: Target, place: Place, cache: dict[str, Any]) -> Start:
    """One pod of a new PaddleModel, which is gone afterwards."""
    body = cpu_model("", NAME)
    body["spec"]["model"] = place.model | cache
    del body["spec"]["task"]
    target.apply(body, namespace=NAMESPACE)
    try:
        wait_for(target, NAME, NAMESPACE, is_ready, "Ready", 600)
        (pod,) = target.read("pods", HERE, "-l", f"paddlemodel.dev/model={NAME}")["items"]
        lines = target.kubectl("logs", pod["metadata"]["name"], HERE, "-c", "fetch").splitlines()
    finally:
        target.kubectl("delete", "pdm", NAME, HERE, "--timeout=120s")
        target.kubectl(
            "wait", "pods", HERE, "-l", f"paddlemodel.dev/model={NAME}", "--for=delete", "--timeout=120s"
        )
    said = [_time(json.loads(line)["time"]) for line in lines]
    ready = next(one for one in pod["status"]["conditions"] if one["type"] == "Ready")
    return Start(
        ready=(
            _time(ready["lastTransitionTime"]) - _time(pod["metadata"]["creationTimestamp"])
        ).total_seconds(),
        fetch=(said[-1] - said[0]).total_seconds(),
    )


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def line(title: str, cached: str, megabytes: int, starts: Sequence[Start]) -> str:
    """A row of the table."""
    ready, fetch = ([getattr(start, name) for start in starts] for name in ("ready", "fetch"))
    return f"{title:16} {cached:10} {megabytes:5} {_spread(ready, 0):>16} {_spread(fetch, 1):>18}"


def _spread(values: Sequence[float], digits: int) -> str:
    low, middle, high = (round(of(values), digits) for of in (min, statistics.median, max))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


if __name__ == "__main__":
    main()
