"""`python -m benchmarks.pictures [ocr|detection]`: pictures a second and p99, beside the reference.

ocr: pages, by this server and by PaddleX' own (`paddlex --serve`), with the same two models. detection:
pictures of objects, by this server and by Flask around the Python that PaddleDetection ships for deployment.
Both sides are up all the time and are asked in turn, round after round, so that other load slows both. Before
anything is measured, both must give the same answer.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.pictures import detection, ocr
from benchmarks.pictures.contender import Contender
from benchmarks.serving import load

WORKLOADS: dict[str, Callable[[ExitStack, Path], list[Contender]]] = {
    "ocr": ocr.started,
    "detection": detection.started,
}
GOALS = {"ocr": 3.0, "detection": 1.5}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("workload", nargs="?", choices=WORKLOADS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--clients", type=int, default=16)
    args = parser.parse_args()
    print(f"load: {load.tool()}, {args.clients} clients, {args.rounds} rounds of {args.seconds:g} s each")
    for name in [args.workload] if args.workload else WORKLOADS:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            ours, theirs = WORKLOADS[name](stack, Path(folder))
            _compare(name, ours, theirs, args)


def _compare(name: str, ours: Contender, theirs: Contender, args: argparse.Namespace) -> None:
    ratios, work = [], []
    for turn in range(args.rounds):
        order = (ours, theirs) if turn % 2 == 0 else (theirs, ours)
        found = {one.title: one.measured(args.clients, args.seconds) for one in order}
        for title, (measured, cpu) in found.items():
            print(
                f"{name:10} round {turn + 1}  {title:28} {measured.rate:7.2f} a second, "
                f"p50 {measured.p50_ms:6.0f} ms, p99 {measured.p99_ms:6.0f} ms, "
                f"CPU {cpu * 1e3:6.1f} ms each, {measured.errors} errors",
                flush=True,
            )
        (mine, my_cpu), (other, other_cpu) = found[ours.title], found[theirs.title]
        ratios.append(mine.rate / other.rate)
        work.append(other_cpu / my_cpu)
    print(
        f"{name:10} ours is {statistics.median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f}) of "
        f"{theirs.title}, and answers {statistics.median(work):.2f}x as many with a second of CPU "
        f"({min(work):.2f}-{max(work):.2f}); the goal is {GOALS[name]:g}x",
        flush=True,
    )


if __name__ == "__main__":
    main()
