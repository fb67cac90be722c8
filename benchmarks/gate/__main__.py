"""`python -m benchmarks.gate`: what recorded requests cost a pod's start, beside the requests themselves.

The server writes down how long its gate took; then each recorded request is sent to it alone, one after the
other. The gate runs each alone and again in full runs, without HTTP: at most twice as long is the goal.
"""

import argparse
import json
import statistics
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from paddlemodel_server.commands import verify

from benchmarks.serving import contenders, workloads
from benchmarks.serving.workloads import Workload
from devcluster import ports

FILE = "verify.jsonl"
VERIFICATION = {"recording": {"configMap": {"name": "benchmark", "key": FILE}}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=sorted(workloads.MODELS), help="one of the models")
    args = parser.parse_args()
    for workload, folder in workloads.chosen(args.only):
        made = ["--record", "--count", str(args.requests), "--rows", "1"]
        if workload.name == "convnet":
            made += ["--shape", "x=1,3,224,224"]
        verify.main([str(workload.model), str(folder / FILE), *made])
        found = [_round(workload, folder) for _ in range(args.rounds)]
        gate, asked = (1e3 * statistics.median(one[at] for one in found) for at in (0, 1))
        ratios = sorted(one[0] / one[1] for one in found)
        print(
            f"{workload.name}: the gate takes {gate:.1f} ms, its {args.requests} requests {asked:.1f} ms: "
            f"{statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


def _round(workload: Workload, folder: Path) -> tuple[float, float]:
    """Seconds of the gate, and of its requests one after the other."""
    port, admin_port = ports.free(2)
    settings = contenders.our_settings(workload.model, port, admin_port)
    settings |= {
        "PADDLEMODEL_LOG_LEVEL": "INFO",
        "PADDLEMODEL_VERIFICATION": json.dumps(VERIFICATION),
        "PADDLEMODEL_RECORDING_DIR": str(folder),
    }
    log = folder / "server.log"
    with contenders.ready("gate", settings, log):
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        (gate,) = [float(one["seconds"]) for one in lines if one["message"] == "verified"]
        bodies = list(_bodies(folder / FILE))
        _seconds(port, bodies)  # connections, threads, caches
        return gate, _seconds(port, bodies)


def _bodies(recording: Path) -> Iterator[bytes]:
    for line in recording.read_text().splitlines():
        yield json.dumps(json.loads(line)["request"]).encode()


def _seconds(port: int, bodies: list[bytes]) -> float:
    url, headers = f"http://127.0.0.1:{port}/v2/models/bench/infer", {"Content-Type": "application/json"}
    began = time.perf_counter()
    for body in bodies:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            answer.read()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
