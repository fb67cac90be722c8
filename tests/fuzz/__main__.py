"""`make fuzz`: new seeds each time, all printed; `make fuzz SEED=17` repeats one, and shows its program."""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz import generator, over_http, runner

HTTP_EVERY = 20  # of the seeds with an answer to compare, so many go through a whole server besides


def main() -> int:
    """Examine seeds; 1 where an answer is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="programs of a run")
    parser.add_argument("--seed", type=int, help="only this one, through a whole server, too")
    parser.add_argument("--first", type=int, help="the first seed; without it a random one")
    parser.add_argument("--keep", type=Path, help="keep models, texts, answers and logs in this new folder")
    given = parser.parse_args()
    if given.seed is not None:
        print(generator.program(given.seed).source, flush=True)
        seeds: Sequence[int] = [given.seed]
    else:
        first = given.first if given.first is not None else random.SystemRandom().randrange(10**9)
        seeds = range(first, first + given.count)
    print(f"==> seeds {seeds[0]} to {seeds[-1]}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        return 1 if _run(seeds, given.keep or Path(temporary)) else 0


def _run(seeds: Sequence[int], folder: Path) -> int:
    began = time.monotonic()
    verdicts = runner.examine(seeds, folder, _shown)
    answered = [one.seed for one in verdicts if one.result != "skipped"]
    through = [over_http.examine(seed, folder) for seed in answered[::HTTP_EVERY]]
    for verdict in through:
        _shown(verdict)
    _sum_up("by a worker", verdicts)
    _sum_up("by a whole server", through)
    print(f"==> {time.monotonic() - began:.0f} s", flush=True)
    return sum(one.result == "wrong" for one in (*verdicts, *through))


def _sum_up(how: str, verdicts: Sequence[runner.Verdict]) -> None:
    counts = Counter(one.result for one in verdicts)
    wrong = [one.seed for one in verdicts if one.result == "wrong"]
    print(f"==> {how}: {dict(counts)}; wrong: {wrong or 'none'}")


def _shown(verdict: runner.Verdict) -> None:
    if verdict.result != "same":
        print(str(verdict)[:500].replace("\n", " "), flush=True)


if __name__ == "__main__":
    sys.exit(main())
