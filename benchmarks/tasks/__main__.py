"""`python -m benchmarks.tasks`: vectors of texts and classes of sounds over HTTP, beside loops without any.

The server has its default settings, and 32 clients that send one body each at a time. The loops are two
processes that do the same without a server, one body after the other. They take turns, so that other load
slows both. It changes the processor time of a unit least.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.tasks import report, rounds
from benchmarks.tasks.workloads import ALL


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tasks", description=__doc__)
    parser.add_argument("--only", choices=ALL, action="append", help="a workload; else all of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement")
    parser.add_argument("--write", action="store_true", help="keep the numbers and renew docs/benchmarks.md")
    args = parser.parse_args()
    found: dict[str, list[rounds.Round]] = {}
    with tempfile.TemporaryDirectory(prefix="pdm-bench-") as folder:
        for name in args.only or ALL:
            found[name] = []
            for number, one in enumerate(rounds.measured(ALL[name], args.rounds, args.seconds, Path(folder))):
                found[name].append(one)
                sys.stderr.write(f"{name}, round {number + 1}: {one.server / one.loops:.2f}\n")
    shown = report.text(found, ALL)
    sys.stdout.write(f"{shown}\n")
    if args.write:
        report.save(found, report.KEPT)
        report.PAGE.write_text(report.page(report.PAGE.read_text(), shown))


if __name__ == "__main__":
    main()
