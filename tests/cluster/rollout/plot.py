"""Draws docs/rollouts.svg: what the canaries of a recorded run of `test_canaries.py` did.

Usage: python -m tests.cluster.rollout.plot [RECORDING]; by default the one that is kept in this folder.
"""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from devcluster.paths import REPOSITORY
from tests.cluster.plot import finish
from tests.cluster.rollout.watched import Recording, Sample

KEPT: Final = Path(__file__).with_name("recorded.json")


def draw(recording: Recording, file: Path) -> None:
    """Three panels over one axis of time, with the edits at the top."""
    figure = Figure(figsize=(9, 5.5))
    weight, errors, agreement = figure.subplots(3, 1, sharex=True)
    samples = recording.samples
    at = [one.at for one in samples]
    weight.fill_between(at, [one.weight for one in samples], step="post", color="#a50", alpha=0.4)
    weight.set_ylabel("weight of\nthe canary, %", fontsize=8)
    weight.set_ylim(0, 60)
    _line(errors, samples, [one.errors for one in samples], "#c00")
    errors.set_ylabel("its errors, %", fontsize=8)
    errors.set_ylim(-0.1, 2)
    _line(agreement, samples, [one.agreement for one in samples], "#064")
    agreement.set_ylabel("answers that\nagree, %", fontsize=8)
    agreement.set_ylim(-5, 105)
    agreement.set_xlabel("seconds")
    _ends(weight, samples)
    finish(figure, recording.marks, 12, file)


def _line(axis: Any, samples: list[Sample], values: list[float | None], color: str) -> None:
    shown = [float("nan") if value is None else value for value in values]
    axis.step([one.at for one in samples], shown, where="post", color=color, lw=1.5)


def _ends(axis: Any, samples: list[Sample]) -> None:
    """Where a canary was promoted or aborted."""
    for before, now in pairwise(samples):
        if now.phase in {"Promoting", "Aborting"} and now.phase != before.phase:
            axis.annotate(now.phase.lower(), (now.at, 54), fontsize=7, color="#444")
            axis.axvline(now.at, color="#444", lw=0.8)


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT
    draw(Recording.read(source), REPOSITORY / "docs" / "rollouts.svg")
