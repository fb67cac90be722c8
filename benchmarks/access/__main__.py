"""`python -m benchmarks.access`: what keys and limits cost, and how exact limits are that pods share.

Cost: the same server without spec.access, with keys and a limit, and with that limit shared by a Valkey. They
take turns under the same load, so that what else the machine does hits all alike. Goal: keys and limits cost
at most 3 % of the throughput.

Shared: three servers of several HTTP workers and one real Valkey. How many requests do they take together in
some time, beside what the limit allows (goal: within 2 %)? And what is the p99 of requests while the Valkey
answers, from the moment on at which it is killed, and from that at which it is frozen (goal: 10 ms more)?

Rotation: 500 requests a second, while a key is renewed. How many are refused (goal: none), and how soon is
the old key (goal: 90 s, of which the kubelet takes most)?
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from benchmarks.access import paced, rotation
from benchmarks.serving import contenders, load, workloads
from benchmarks.serving.contenders import Server
from benchmarks.serving.load import Target
from benchmarks.serving.workloads import Workload
from devcluster import ports
from tests.serving_image.support.access import valkeys
from tests.serving_image.support.access.mounts import mount
from tests.serving_image.support.access.valkeys import Valkey

KEY = "benchmark-0123456789abcdef"
OPEN, LIMITED, SHARED = "without access", "keys, and a limit", "keys, and a shared limit"
PODS, HTTP_WORKERS = 3, 2
RATE = 100  # requests per second that the limit allows; at once as many


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.access", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement of the cost")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--part", choices=["cost", "shared", "rotation"], help="one of them")
    args = parser.parse_args()
    for workload, folder in workloads.chosen("mlp"):
        (folder / "keys").mkdir()
        (folder / "keys" / "alice").write_text(KEY)
        if args.part in {None, "rotation"}:
            _rotation(workload, folder)
        if args.part == "rotation":
            continue
        with valkeys.serving(folder) as valkey:
            if args.part != "shared":
                _cost(workload, folder, valkey, args)
            if args.part != "cost":
                with _pods(workload, folder, valkey) as pods:
                    _exact(workload, pods, 4 * args.seconds * args.rounds)
                    _late(workload, pods, valkey, args)


def _cost(workload: Workload, folder: Path, valkey: Valkey, args: argparse.Namespace) -> None:
    with ExitStack() as stack:
        servers = {}
        for name in (OPEN, LIMITED, SHARED):
            settings = {} if name == OPEN else _access(folder, requests=1_000_000, seconds=1)
            settings |= _shared(valkey) if name == SHARED else {}
            servers[name] = stack.enter_context(_server(workload, folder, name, settings))
        rates: dict[str, list[float]] = {name: [] for name in servers}
        costs: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(args.rounds):
            for name, server in servers.items():
                server.settle()
                before = server.cpu_seconds()
                measured = load.measure(_target(workload, server), args.connections, args.seconds)
                server.settle()
                rates[name].append(measured.rate)
                costs[name].append(1e6 * (server.cpu_seconds() - before) / measured.answered)
    for name in servers:
        print(
            f"{name:24} {statistics.median(rates[name]):7.0f} requests a second, "
            f"{_ratios(rates[name], rates[OPEN])}; "
            f"{statistics.median(costs[name]):5.0f} us of CPU a request, {_ratios(costs[name], costs[OPEN])}"
        )


def _ratios(ours: list[float], plain: list[float]) -> str:
    found = sorted(one / other for one, other in zip(ours, plain, strict=True))
    return f"{statistics.median(found):.3f} times ({found[0]:.3f} to {found[-1]:.3f})"


def _exact(workload: Workload, pods: list[Server], seconds: float) -> None:
    """Twice as many requests as the limit allows."""
    found = paced.asked([_target(workload, pod) for pod in pods], 2 * RATE / PODS, 2 * HTTP_WORKERS, seconds)
    allowed = RATE + RATE * found.seconds
    print(
        f"{PODS} pods of {HTTP_WORKERS} HTTP workers took {found.taken} of {len(found.statuses)} requests in "
        f"{found.seconds:.1f} s; {allowed:.0f} were allowed: {found.taken / allowed:.4f} times"
    )


def _late(workload: Workload, pods: list[Server], valkey: Valkey, args: argparse.Namespace) -> None:
    """Fewer requests than the limit allows, and a Valkey that goes."""
    found: dict[str, list[float]] = {"answers": [], "killed": [], "frozen": []}
    targets, rate = [_target(workload, pod) for pod in pods], RATE / PODS / 2
    for _ in range(args.rounds):
        for state, latencies in found.items():
            if state == "killed":
                valkey.stop()
            with valkey.frozen() if state == "frozen" else nullcontext():
                asked = paced.asked(targets, rate, 2 * HTTP_WORKERS, 2 * args.seconds)
            latencies.extend(asked.latencies_ms)
            if state == "killed":
                valkey.start()
            paced.asked(targets, rate, 2 * HTTP_WORKERS, 3)  # until all have found it again
    for state, latencies in found.items():
        p50, p99 = (statistics.quantiles(latencies, n=100)[at] for at in (49, 98))
        print(f"Valkey {state:8} p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(latencies)} requests")


def _rotation(workload: Workload, folder: Path) -> None:
    keys = mount(folder / "mounted", alice=rotation.OLD, bob=rotation.OTHER)
    settings = {"PADDLEMODEL_API_KEYS_DIR": str(keys), "PADDLEMODEL_HTTP_WORKERS": str(HTTP_WORKERS)}
    with _server(workload, folder, "rotation", settings) as server:
        found = rotation.rotated(workload.asks["raw"]["ours"].at(server.port), keys, 500, 20)
    count, refused = len(found.statuses), len(found.statuses) - found.statuses.count(200)
    print(
        f"rotation: {count} requests with valid keys in {found.seconds:.1f} s, {count / found.seconds:.0f} a "
        f"second, {refused} refused; the removed key was refused after {found.until_refused:.1f} s"
    )


def _target(workload: Workload, server: Server) -> Target:
    target = workload.asks["raw"]["ours"].at(server.port)
    return replace(target, headers={**target.headers, "X-API-Key": KEY})


def _access(folder: Path, **limit: int) -> dict[str, str]:
    limits = json.dumps([{"per": "Client", **limit}])
    return {"PADDLEMODEL_API_KEYS_DIR": str(folder / "keys"), "PADDLEMODEL_RATE_LIMITS": limits}


def _shared(valkey: Valkey) -> dict[str, str]:
    return {"PADDLEMODEL_SHARED_LIMITS": json.dumps({"uri": valkey.uri, "prefix": "benchmarks/access"})}


@contextmanager
def _pods(workload: Workload, folder: Path, valkey: Valkey) -> Iterator[list[Server]]:
    settings = _access(folder, requests=RATE, seconds=1) | _shared(valkey)
    settings["PADDLEMODEL_HTTP_WORKERS"] = str(HTTP_WORKERS)
    with ExitStack() as stack:
        servers = [_server(workload, folder, f"pod {number}", settings) for number in range(PODS)]
        yield [stack.enter_context(server) for server in servers]


@contextmanager
def _server(workload: Workload, folder: Path, name: str, more: dict[str, str]) -> Iterator[Server]:
    port, admin_port = ports.free(2)
    settings = contenders.our_settings(workload.model, port, admin_port) | more
    log = folder / f"{name}.log".replace(" ", "-").replace(",", "")
    with contenders.ready(name, settings, log) as running:
        yield running


if __name__ == "__main__":
    main()
