"""Draws a recording of `test_autoscaling.py`: load, utilisation and replicas over time.

Usage, where the recording of the last run is still there: python -m tests.cluster.plot
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from devcluster.paths import REPOSITORY
from tests.cluster.recording import Recording, Sample

SMOOTH: Final = 5  # samples, about seconds
_GREY: Final = "#888"


def draw(recording: Recording, file: Path) -> None:
    """Three panels over one axis of time, with what was done to the model at the top."""
    figure = Figure(figsize=(9, 6))
    load, use, pods = figure.subplots(3, 1, sharex=True)
    _load(load, recording.samples)
    _use(use, recording)
    _pods(pods, recording.samples)
    pods.set_xlabel("seconds")
    finish(figure, recording.marks, 20, file)


def finish(figure: Figure, marks: Sequence[tuple[float, str]], rotation: int, file: Path) -> None:
    """Mark in all panels when something was done, say what above the first, and write the SVG.

    Args:
        figure: with panels one above the other.
        marks: seconds, and what was done then.
        rotation: of these words, degrees.
        file: written anew; equal numbers give an equal file.
    """
    for axis in figure.axes:
        axis.grid(alpha=0.2)
        for at, _ in marks:
            axis.axvline(at, color=_GREY, lw=0.6, ls=":")
    for at, text in marks:
        place, among = (at, 1.02), ("data", "axes fraction")
        figure.axes[0].annotate(text, place, xycoords=among, rotation=rotation, fontsize=7, color="#444")
    figure.tight_layout()
    with mpl.rc_context({"svg.hashsalt": "paddlemodel"}):
        figure.savefig(file, format="svg", metadata={"Date": None})


def _load(axis: Any, samples: list[Sample]) -> None:
    pairs = zip(samples, samples[SMOOTH:], strict=False)
    rates = [(b.at, (b.answered - a.answered) / (b.at - a.at)) for a, b in pairs]
    axis.plot(*zip(*rates, strict=True), color="#06c")
    axis.set_ylabel("requests\nanswered a second", fontsize=8)
    axis.set_ylim(bottom=0)
    text = f"{samples[-1].answered} answered, {samples[-1].lost} lost"
    axis.text(0.99, 0.9, text, transform=axis.transAxes, ha="right", va="top", fontsize=8)


def _use(axis: Any, recording: Recording) -> None:
    samples = recording.samples
    for pod in dict.fromkeys(pod for sample in samples for pod in sample.utilisation):
        values = [sample.utilisation.get(pod, float("nan")) for sample in samples]
        axis.plot([sample.at for sample in samples], values, color="#6b9", lw=0.8)
    average = [float("nan") if sample.average is None else sample.average for sample in samples]
    axis.plot([sample.at for sample in samples], average, color="#064", label="average of the pods")
    axis.axhline(recording.target, color="#c00", lw=1, ls="--", label="target")
    axis.set_ylabel("paddle_gpu_utilization\npercent", fontsize=8)
    axis.set_ylim(0, 105)
    axis.legend(fontsize=7, loc="upper right")


def _pods(axis: Any, samples: list[Sample]) -> None:
    at = [sample.at for sample in samples]
    axis.step(at, [sample.replicas for sample in samples], where="post", color="#a50", label="wanted")
    axis.fill_between(
        at, [sample.ready for sample in samples], step="post", color="#a50", alpha=0.25, label="ready"
    )
    axis.set_ylabel("pods", fontsize=8)
    axis.set_ylim(bottom=0)
    axis.yaxis.get_major_locator().set_params(integer=True)
    axis.legend(fontsize=7, loc="upper right")


if __name__ == "__main__":
    draw(Recording.read(REPOSITORY / "build" / "autoscaling.json"), REPOSITORY / "docs" / "autoscaling.svg")
