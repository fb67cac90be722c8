"""What a worker hands over: all outputs, what the task leaves of them, and boxes by their counts.

A worker's loop runs here with a predictor of numpy; whoever is alone must get what he gets in company.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from paddlemodel_server.engine.interface import Array, Engine
from paddlemodel_server.engine.warmup import Prepared
from paddlemodel_server.ipc import counters, slots
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.metrics import catalog
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Ragged, Reduction
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import reducers
from paddlemodel_server.worker import gather
from paddlemodel_server.worker.batching import Job
from paddlemodel_server.worker.loop import Loop
from paddlemodel_server.worker.runner import Answers, Runner

CLASSES = 300
MODEL = Model(
    format="PIR",
    inputs=(Tensor(name="x", dtype="float32", shape=(-1, 4)),),
    outputs=(Tensor(name="y", dtype="float32", shape=(-1, 4, CLASSES)),),
)
BEST = Answers(reduce=reducers.reducer(Reduction(function="best"), MODEL))
BOXES = Answers(ragged=Ragged(counts=1, outputs=[0]))


class Logits:
    """Four steps of 300 classes for each row, by its values."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        return [np.sin(arrays[0][:, :, None] * np.arange(1, CLASSES + 1, dtype=np.float32))]

    def shrink(self) -> None: ...


class Detector:
    """Of each row as many boxes as its first number says, and then how many these are."""

    def __init__(self, wrong: int = 0) -> None:
        self.wrong = wrong  # by how much the counts say too many

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        counts = arrays[0][:, 0].astype(np.int32)
        return [np.repeat(arrays[0], counts, axis=0), counts + self.wrong]

    def shrink(self) -> None: ...


class Worker:
    """A loop, and the requests of one HTTP worker."""

    def __init__(
        self, predictor: Logits | Detector, answers: Answers, ours: socket.socket, fitted: int
    ) -> None:
        block = scoreboards.Scoreboard(scoreboards.create()).worker(0)
        sizes = {1: 1.0, 2: 1.1, 4: 1.2}
        prepared = Prepared(predictor=predictor, engine=Engine(), sizes=sizes, fitted=fitted)
        metered = catalog.Worker(counters.create(), 0)
        self.loop = Loop([Runner(prepared, answers)], Settings(), block, metered)
        self.http_worker = gather.HttpWorker(ours)

    def answers(self, requests: Sequence[Array], *, reduced: bool) -> list[list[list[float]]]:
        """Run them together; the outputs of each."""
        memory = self.http_worker.slots
        jobs = []
        for slot, array in enumerate(requests):
            layout = memory.write(slot, [array], (1 << 62, 1), reduced=reduced)
            jobs.append(Job((self.http_worker, layout), [slot], layout.kind, layout.rows, 0.0, slot))
        self.loop._answer(self.loop._runners[0], jobs)
        return [
            [v.tolist() for v in memory.views(at, memory.announced(at).layout)] for at in range(len(jobs))
        ]


@contextmanager
def worker(predictor: Logits | Detector, answers: Answers, fitted: int = 0) -> Iterator[Worker]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fd = slots.create(8, 1 << 20)
        socket.send_fds(theirs, [slots.HELLO.pack(8, 1 << 20)], [fd])
        os.close(fd)
        yield Worker(predictor, answers, ours, fitted)


def requests(rows: Sequence[int]) -> list[Array]:
    random = np.random.default_rng(3)
    return [random.integers(0, 4, (count, 4)).astype(np.float32) for count in rows]


@pytest.mark.parametrize("rows", [[1], [1, 1, 1], [2, 1, 3], [9], [9, 1]])
def test_a_reduced_answer_is_made_of_the_whole_one(rows: list[int]) -> None:
    """Alone, in company, filled up and in several runs; and it is a hundredth of it."""
    sent = requests(rows)
    with worker(Logits(), BEST) as running:
        whole = [np.array(outputs[0]) for outputs in running.answers(sent, reduced=False)]
        together = running.answers(sent, reduced=True)
        alone = [running.answers([one], reduced=True)[0] for one in sent]
    assert together == alone
    assert together == [[full.argmax(-1).tolist(), full.max(-1).tolist()] for full in whole]


@pytest.mark.parametrize("rows", [[1], [1, 1, 1, 1], [2, 1, 3], [9], [9, 1]])
def test_boxes_are_those_of_the_request_alone(rows: list[int]) -> None:
    sent = requests(rows)
    with worker(Detector(), BOXES) as running:
        together = running.answers(sent, reduced=False)
        alone = [running.answers([one], reduced=False)[0] for one in sent]
    assert together == alone
    assert together == [[v.tolist() for v in Detector().run([one])] for one in sent]


def test_counts_that_are_wrong_end_batching() -> None:
    """Nobody gets a neighbour's boxes: each request runs alone from then on."""
    sent = requests([1, 1, 1])
    with worker(Detector(wrong=1), BOXES) as running:
        together = running.answers(sent, reduced=False)
        assert running.loop._runners[0].sizes == {}
    assert together == [[v.tolist() for v in Detector(wrong=1).run([one])] for one in sent]


class Adding:
    """Adds a number of its own, and keeps how many rows each run had."""

    def __init__(self, number: float) -> None:
        self.number = number
        self.rows: list[int] = []

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        self.rows.append(len(arrays[0]))
        return [arrays[0] + self.number]

    def shrink(self) -> None: ...


def test_requests_to_different_models_never_share_a_run() -> None:
    """They have the same shapes, and came in turn: each model gets its own, together."""
    adding = [Adding(100), Adding(200)]
    with worker(Logits(), BEST) as running:
        loop, memory = running.loop, running.http_worker.slots
        loop._runners = [
            Runner(Prepared(predictor=one, engine=Engine(), sizes={1: 1.0, 2: 1.1, 4: 1.2})) for one in adding
        ]
        for slot in range(6):
            sent = [np.full((1, 4), slot, np.float32)]
            layout = memory.write(slot, sent, (1 << 62, 1), model=slot % 2)
            loop._waiting.add((running.http_worker, layout), [slot], layout.kind, layout.rows, 0.0)
        while loop._waiting.count:
            loop._run(loop._waiting.take(loop._sizes))
        answers = [memory.views(slot, memory.announced(slot).layout)[0][0, 0] for slot in range(6)]
    assert answers == [100, 201, 102, 203, 104, 205]
    assert [one.rows for one in adding] == [[4], [4]]  # three, filled up


class Large(Logits):
    """Notes the shape of each run."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes.append(arrays[0].shape)
        return [arrays[0] + 1]


@pytest.mark.parametrize(
    ("width", "sized", "runs"),
    [
        pytest.param(4, True, [(4, 4), (1, 4)], id="as-the-warm-up"),
        pytest.param(2, True, [(4, 2), (1, 2)], id="smaller-ones"),
        pytest.param(8, True, [(2, 8), (2, 8), (1, 8)], id="twice-as-large"),
        pytest.param(60, True, [(1, 60)] * 5, id="larger-than-any-run"),
        pytest.param(60, False, [(4, 60), (1, 60)], id="a-task-of-one-size"),
    ],
)
def test_a_run_of_large_rows_takes_no_more_memory_than_was_tried(
    width: int, sized: bool, runs: list[tuple[int, int]]
) -> None:
    """The warm-up ran four rows of 16 bytes. One row always runs, and all get their own answers."""
    predictor = Large()
    rows = [np.full((1, width), at, np.float32) for at in range(5)]
    with worker(predictor, Answers(sized=sized), fitted=16) as running:
        found = running.answers(rows, reduced=False)
        layout = running.http_worker.slots.announced(0).layout
        assert max(running.loop._runners[0].sizes_for(layout)) == runs[0][0]
    assert predictor.shapes == runs
    for outputs, row in zip(found, rows, strict=True):
        assert np.array_equal(outputs[0], row + 1)
