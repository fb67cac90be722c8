"""`python -m benchmarks.mirror`: what mirroring costs the server that mirrors, on the benchmark's two models.

The same server three times: without a mirror; with one of 5 % beside which there is no canary; with one of
5 % to a canary. They take turns under the same load, so that what else the machine does hits all alike. In a
cluster a canary has cores of its own, here it has none: so the CPU time of a request is compared, that of all
processes of the server which answers clients, and the requests per second are only shown.

With --before CHECKOUT, made ready there by make, the server of that checkout takes part as well, without a
mirror and with one of 5 % to the same canary.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.serving import contenders, load, workloads
from benchmarks.serving.contenders import Server
from benchmarks.serving.workloads import Workload
from devcluster import ports

PERCENT = 5
OFF, NO_CANARY, CANARY, BEFORE = "without a mirror", "5 %, no canary", "5 % to a canary", "of --before"
BEFORE_CANARY = f"{CANARY}, {BEFORE}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mirror", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", choices=sorted(workloads.MODELS), help="one of the models")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, made ready")
    args = parser.parse_args()
    for workload, folder in workloads.chosen(args.only):
        _show(workload.name, _measured(workload, folder, args))


def _measured(
    workload: Workload, folder: Path, args: argparse.Namespace
) -> dict[str, list[tuple[float, float]]]:
    """Microseconds of CPU of a request, and requests per second, by the server and round."""
    found: dict[str, list[tuple[float, float]]] = {}
    ask = workload.asks["raw"]["ours"]
    with _servers(workload, folder, args.before) as servers:
        for _ in range(args.rounds):
            for name, server in servers.items():
                server.settle()
                before = server.cpu_seconds()
                measured = load.measure(ask.at(server.port), args.connections, args.seconds)
                server.settle()
                spent = server.cpu_seconds() - before
                found.setdefault(name, []).append((1e6 * spent / measured.answered, measured.rate))
    return found


@contextmanager
def _servers(workload: Workload, folder: Path, before: Path | None) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        nobody, canary = ports.free(2)
        token = "benchmark"

        def server(name: str, port: int, mirror: dict[str, object], checkout: Path | None = None) -> Server:
            (admin_port,) = ports.free(1)
            settings = contenders.our_settings(workload.model, port, admin_port)
            if mirror:
                settings["PADDLEMODEL_MIRROR"] = json.dumps(mirror)
            log = folder / f"{name}.log".replace(" ", "-")
            return stack.enter_context(contenders.ready(name, settings, log, checkout))

        def to(port: int) -> dict[str, object]:
            return {"url": f"http://127.0.0.1:{port}", "percent": PERCENT, "token": token}

        server("canary", canary, {"token": token})
        off, lonely, mirroring, other, others_mirror = ports.free(5)
        servers = {
            OFF: server(OFF, off, {}),
            NO_CANARY: server(NO_CANARY, lonely, to(nobody)),
            CANARY: server(CANARY, mirroring, to(canary)),
        }
        if before is not None:
            checkout = before.resolve()
            servers[BEFORE] = server(BEFORE, other, {}, checkout)
            servers[BEFORE_CANARY] = server(BEFORE_CANARY, others_mirror, to(canary), checkout)
        yield servers


def _show(model: str, found: dict[str, list[tuple[float, float]]]) -> None:
    cores = len(psutil.Process().cpu_affinity())
    print(f"{model}, on {cores} cores that servers, canary and load share:")
    for name, rounds in found.items():
        ratios = [ours[0] / plain[0] for ours, plain in zip(rounds, found[OFF], strict=True)]
        cpu, rate = (statistics.median(one[at] for one in rounds) for at in (0, 1))
        print(
            f"  {name:28} {cpu:8.0f} us of CPU a request, {statistics.median(ratios):.3f} times "
            f"({min(ratios):.3f} to {max(ratios):.3f}) that without; {rate:8.0f} requests a second"
        )


if __name__ == "__main__":
    main()
