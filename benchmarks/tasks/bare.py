"""The ceiling: a loop in a process of its own that answers one body after the other, without any HTTP.

Started as `python -m benchmarks.tasks.bare WORKLOAD MODEL_DIR`. The line "answers …" holds its answers to the
first bodies, and each line "SECONDS" on standard input is answered with "rate …", units a second. It takes
oneDNN or leaves it, whichever is faster. Paddle says other things in between.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.tasks.workload import Loop
from benchmarks.tasks.workloads import ALL

COMPARED = 8
_STRIDE = 37  # far apart, so that a short measurement sees every length


def main(name: str, folder: str) -> None:
    workload = ALL[name]
    weights = [body.weight for body in workload.bodies()]
    loops = [workload.loop(Path(folder), onednn=onednn) for onednn in (False, True)]
    for loop in loops:  # every shape once
        for number in range(len(weights)):
            loop.run(number)
    loop = min(loops, key=lambda one: _seconds(one, len(weights)))
    del loops
    print("answers", json.dumps([loop.run(number) for number in range(COMPARED)]), flush=True)
    at = 0
    for line in sys.stdin:
        began, done = time.perf_counter(), 0.0
        while time.perf_counter() < began + float(line):
            loop.run(at)
            done += weights[at]
            at = (at + _STRIDE) % len(weights)
        print("rate", done / (time.perf_counter() - began), flush=True)


def _seconds(loop: Loop, bodies: int) -> float:
    """Of a run through some bodies; the processor's, as others may use the machine."""
    began = time.process_time()
    for at in range(60):
        loop.run(at * _STRIDE % bodies)
    return time.process_time() - began


if __name__ == "__main__":
    main(*sys.argv[1:])
