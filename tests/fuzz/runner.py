"""Examines many seeds: exports them, and shares them out to children, one for each core.

The process that runs it never loads Paddle.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import child, generator

ROOT = Path(__file__).parents[2]
BATCH = 25  # seeds of one child: enough that loading Paddle hardly counts


@dataclass(frozen=True)
class Verdict:
    """What became of a seed."""

    seed: int
    format: str
    blocks: tuple[str, ...]
    result: str  # same | wrong | skipped
    why: str = ""

    def __str__(self) -> str:
        said = f": {self.why}" if self.why else ""
        return f"seed {self.seed} ({self.format}; {', '.join(self.blocks)}) {self.result}{said}"


def examine(
    seeds: Sequence[int],
    folder: Path,
    progress: Callable[[Verdict], None] = lambda _: None,
    *words: str,
) -> list[Verdict]:
    """Export and examine seeds, in their order.

    Args:
        seeds: which.
        folder: where the models go; each keeps its text, its model, the bare answers and the logs. What
            `prepare` has left there is taken as it is.
        progress: hears of every verdict at once.
        words: for the children; see child.py.
    """
    batches = [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]
    if len(batches) == 1:
        batches = [seeds[::2], seeds[1::2]]

    def one(batch: Sequence[int]) -> list[Verdict]:
        _export_all([seed for seed in batch if not (folder / str(seed)).exists()], folder)
        found = []
        for verdict in _examined(batch, folder, *words):
            progress(verdict)
            found.append(verdict)
        return found

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [verdict for verdicts in pool.map(one, batches) for verdict in verdicts]


def prepare(seeds: Sequence[int], folder: Path) -> None:
    """Leave for `examine` what no worker decides about: the models, and the bare predictor's answers.

    Raises:
        RuntimeError: Some are missing; what is kept for the next time must be whole.
    """
    _export_all(seeds, folder)
    with _child("child", folder, [child.BARE, *seeds]) as process:
        _finish(process)
    if missing := [seed for seed in seeds if not child.answered(folder / str(seed))]:
        raise RuntimeError(f"the bare predictor has not answered to the programs {missing}")


def _export_all(seeds: Sequence[int], folder: Path) -> None:
    _export([seed for seed in seeds if generator.program(seed).pir], folder, pir=True)
    _export([seed for seed in seeds if not generator.program(seed).pir], folder, pir=False)


def _export(seeds: Sequence[int], folder: Path, *, pir: bool) -> None:
    if seeds:
        with _child("exporting", folder, seeds, FLAGS_enable_pir_api=str(int(pir))) as process:
            _finish(process)


def _examined(seeds: Sequence[int], folder: Path, *words: str) -> Iterator[Verdict]:
    if not seeds:
        return
    with _child("child", folder, [*words, *seeds]) as process:
        assert process.stdout
        for line in process.stdout:
            found = json.loads(line)
            yield Verdict(**found | {"blocks": tuple(found["blocks"])})
        _finish(process)


def _child(module: str, folder: Path, seeds: Sequence[int | str], **more: str) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PADDLEMODEL_")}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # as a worker on one core has them
    environment |= dict.fromkeys(names, "1") | more | {"GLOG_minloglevel": "2"}
    command = [sys.executable, "-W", "ignore", "-m", f"tests.fuzz.{module}", str(folder), *map(str, seeds)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def _finish(process: "subprocess.Popen[str]") -> None:
    if process.stdout:
        process.stdout.read()
    if process.wait():
        raise RuntimeError(f"the fuzzer's own child ended with {process.returncode}: {process.args!r}")
