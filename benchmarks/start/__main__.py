"""`python -m benchmarks.start`: from nothing to the first answer, of our server and of the bare predictor.

CPU seconds are those of all its processes until the answer is there, and PSS is theirs then. They take turns,
so that what else the machine does hits all alike. With --before CHECKOUT, made ready there by
make, the server of that checkout takes part as well.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.serving import beside, contenders, workloads
from benchmarks.serving.workloads import Workload
from devcluster import ports

BARE, OURS, BEFORE = "bare predictor", "server", "of --before"


@dataclass(frozen=True)
class Start:
    cpu: float  # seconds
    wall: float  # seconds
    pss: float | None = None  # MB; of the server alone


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=sorted(workloads.MODELS), help="one of the models")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, made ready")
    args = parser.parse_args()
    for workload, folder in workloads.chosen(args.only):
        _show(workload.name, _measured(workload, folder, args))


def _measured(workload: Workload, folder: Path, args: argparse.Namespace) -> dict[str, list[Start]]:
    servers = {OURS: None} | ({BEFORE: args.before.resolve()} if args.before else {})
    names = [BARE, *servers]
    found: dict[str, list[Start]] = {name: [] for name in names}
    for number in range(args.rounds):
        for at in range(len(names)):
            name = names[(number + at) % len(names)]
            one = _bare(workload, folder) if name == BARE else _server(workload, folder, servers[name])
            found[name].append(one)
    return found


def _bare(workload: Workload, folder: Path) -> Start:
    tensor = folder / f"{workload.name}.npy"
    np.save(tensor, workload.tensor)
    command = [sys.executable, "-m", "benchmarks.serving.bare", str(workload.model), str(tensor), "once"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOG_minloglevel": "2"}
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - began, os.times()
    assert "answered" in done.stdout
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Start(cpu=cpu, wall=wall)


def _server(workload: Workload, folder: Path, checkout: Path | None) -> Start:
    (port, admin_port), log = ports.free(2), folder / "start.log"
    settings = os.environ | contenders.our_settings(workload.model, port, admin_port)
    ask = workload.asks["raw"]["ours"]
    began = time.perf_counter()
    with contenders.running(contenders.our_command(checkout), settings, log) as process:
        contenders.until_ok(port, "/v2/health/ready", process, log)
        while not beside.answers(port, ask):
            if not process.is_running():
                raise RuntimeError(f"the server ended:\n{log.read_text()[-2000:]}")
        wall = time.perf_counter() - began
        server = contenders.Server(name="ours", process=process, port=port, admin_port=admin_port)
        gone = process.cpu_times()  # what it has buried already; the others are alive
        cpu = server.cpu_seconds() + gone.children_user + gone.children_system
        return Start(cpu=cpu, wall=wall, pss=server.memory_mb())


def _show(model: str, found: dict[str, list[Start]]) -> None:
    cores = len(psutil.Process().cpu_affinity())
    print(f"{model}, on {cores} cores; medians of {len(found[BARE])} starts (least to most)")
    for name, starts in found.items():
        late = [one.wall - bare.wall for one, bare in zip(starts, found[BARE], strict=True)]
        more = [one.cpu - bare.cpu for one, bare in zip(starts, found[BARE], strict=True)]
        cpu, wall = _of([one.cpu for one in starts]), _of([one.wall for one in starts])
        pss = [one.pss for one in starts if one.pss is not None]
        print(
            f"  {name:15} CPU {cpu} s, {_of(more)} more than bare; wall {wall} s, {_of(late)} later"
            + (f"; PSS {statistics.median(pss):.0f} MB" if pss else "")
        )


def _of(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
