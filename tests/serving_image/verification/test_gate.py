"""The gate with a predictor whose answers are given: what passes, what is refused, and in which words."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.engine.interface import Array
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Ragged
from paddlemodel_server.verification import rules
from paddlemodel_server.verification.differences import Tolerance, Tolerances

from tests.serving_image.verification import gates
from tests.serving_image.verification.gates import (
    FAILED,
    MODEL,
    REQUESTS,
    asked,
    gated,
    recorded,
    refused,
    row,
    twice,
)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return recorded(tmp_path / "verify.jsonl", *REQUESTS)


def test_what_answers_as_recorded_passes_alone_and_in_full_runs(recording: Path) -> None:
    report, predictor = gated(twice, asked(recording), rows=8)
    assert (report.requests, report.agreed, report.worst) == (3, 3, None)
    assert predictor.rows == [1, 1, 1, 8]


def test_where_rows_share_no_run_each_request_runs_alone(recording: Path) -> None:
    assert gated(twice, asked(recording))[1].rows == [1, 1, 1]


def test_requests_of_other_shapes_and_of_many_rows_have_runs_of_their_own(tmp_path: Path) -> None:
    many = np.ones((5, 2), np.float32)
    path = recorded(tmp_path / "verify.jsonl", row(1, 2), row(1, 2, 3), many, row(1, 2))
    report, predictor = gated(twice, asked(path), rows=4)
    assert (report.requests, report.agreed) == (4, 4)
    assert predictor.rows == [1, 4, 1, 4, 5, 1, 4]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda x: [x * np.float32(2.1)],
            (
                "3 of 3 recorded requests are answered differently (verify.jsonl beside the model). The "
                "worst: request 3, run alone, output y: 2 of 2 values are beyond the tolerance; value "
                "[0][1] is 12.6, recorded is 12. Correct the model"
            ),
        ),
        (
            lambda x: [x.T * 2],
            (
                "output y: its shape is [2, 1], expected was [1, 2], and all agree with its axes in the "
                "order [1, 0]: it is transposed. Correct"
            ),
        ),
        (lambda x: [x.T * 3], "output y: its shape is [2, 1], expected was [1, 2]. Correct"),
        (
            lambda x: [np.where(x == 4, np.nan, x * 2).astype(np.float32)],
            (
                "1 of 3 recorded requests is answered differently (verify.jsonl beside the model). The "
                "worst: request 2, run alone, output y: 1 of 2 values are NaN or infinite, where numbers are "
                "recorded; value [0][1] is nan, recorded is 8."
            ),
        ),
        (  # JSON has one word for both.
            lambda x: [np.where(x == 4, np.inf, x * 2).astype(np.float32)],
            "NaN or infinite, where numbers are recorded; value [0][1] is nan, recorded is 8.",
        ),
        (lambda x: [(x * 2).astype(np.float64)], "output y: it is float64, expected was float32."),
    ],
    ids=["other weights", "transposed", "of another shape", "NaN", "infinite", "another dtype"],
)
def test_what_answers_otherwise_is_told_by_its_worst_value(
    recording: Path, answer: Callable[[Array], Sequence[Array]], words: str
) -> None:
    error = refused(answer, asked(recording))
    assert error.reason == FAILED
    assert words in error.message


def test_a_fault_of_full_runs_alone_is_found(recording: Path) -> None:
    """As of a program that adds up over the rows, among which are those that fill up."""
    error = refused(lambda x: [x * 2 + (len(x) > 1)], asked(recording), rows=8)
    assert error.reason == FAILED
    assert "run in a run of 8 rows, output y: 2 of 2 values are beyond" in error.message


def test_an_answer_within_the_tolerance_agrees_and_beyond_it_does_not(recording: Path) -> None:
    def off(x: Array) -> list[Array]:
        return [x * np.float32(2.01)]

    wide = asked(recording, tolerances=Tolerances(default=Tolerance(rtol=6e-3, atol=0)))
    assert gated(off, wide)[0].agreed == 3
    assert refused(off, asked(recording)).reason == FAILED


def test_the_largest_values_may_move_but_not_change_places(tmp_path: Path) -> None:
    path = recorded(tmp_path / "verify.jsonl", row(1, 5, 3), row(7, 0, 7))
    places = asked(
        path, tolerances=Tolerances(default=rules.EXACT, of={"y": Tolerance(rtol=0, atol=0, top_k=1)})
    )
    assert gated(lambda x: [x * np.float32(3) + 1], places)[0].agreed == 2
    error = refused(lambda x: [np.where(x == 5, 0, x * 2).astype(np.float32)], places)
    assert "in 1 of 1 rows the 1 largest values are at other places; row 0 has its largest value at 2" in (
        error.message
    )


def test_some_requests_may_disagree_where_the_spec_says_so(recording: Path) -> None:
    def wrong_once(x: Array) -> list[Array]:
        return [np.where(x == 3, 0, x * 2).astype(np.float32)]

    report, _ = gated(wrong_once, asked(recording, least=0.66))
    assert (report.requests, report.agreed) == (3, 2)
    assert report.worst is not None
    assert refused(wrong_once, asked(recording, least=0.67)).reason == FAILED


def test_a_detector_s_boxes_are_parted_by_their_counts(tmp_path: Path, monkeypatch: Any) -> None:
    """In a full run the boxes of all requests are one output."""
    model = Model(
        format="PIR",
        inputs=MODEL.inputs,
        outputs=(
            Tensor(name="boxes", dtype="float32", shape=(-1, 1)),
            Tensor(name="counts", dtype="int32", shape=(-1,)),
        ),
    )

    def boxes(x: Array) -> list[Array]:
        counts = x[:, 0].astype(np.int32)
        return [np.repeat(x[:, 1], counts)[:, None], counts]

    monkeypatch.setattr(gates, "MODEL", model)
    path = recorded(tmp_path / "verify.jsonl", row(2, 7), row(0, 8), row(1, 9), answer=boxes)
    ragged = Ragged(outputs=[0], counts=1)
    report, predictor = gated(boxes, asked(path), rows=4, ragged=ragged, model=model)
    assert (report.requests, report.agreed) == (3, 3)
    assert predictor.rows[-1] == 4


@pytest.mark.parametrize(
    ("most", "how"), [(0, "recorded request 1, run alone"), (1, "recorded request 3, run in a run of 8 rows")]
)
def test_a_run_that_fails_is_told_with_its_request(recording: Path, most: int, how: str) -> None:
    def fails(x: Array) -> list[Array]:
        if len(x) > most:
            raise RuntimeError("(InvalidArgument) shapes do not match")
        return twice(x)

    error = refused(fails, asked(recording), rows=8)
    assert error.reason == FAILED
    assert f"The model fails on {how} (verify.jsonl beside the model): " in error.message
    assert "shapes do not match" in error.message


def test_what_takes_too_long_is_refused(recording: Path) -> None:
    error = refused(twice, asked(recording, seconds=1.5))
    assert error.reason == "VerificationTooSlow"
    assert "raise spec.verification.maxSeconds" in error.message


def _no_file(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _empty(path: Path) -> None:
    path.write_bytes(b"\n")


def _of_another(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"name":"x"', b'"name":"image"'))


def _of_another_rank(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"shape":[1,2]', b'"shape":[2]'))


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (_no_file, "RecordingMissing", "There is no verify.jsonl beside the model: put the recording"),
        (_cut, "RecordingInvalid", "Line 3 of verify.jsonl beside the model is not a request with"),
        (_empty, "RecordingInvalid", "verify.jsonl beside the model holds no requests"),
        (_of_another, "RecordingInvalid", "has the inputs image, the model wants x: the recording is of"),
        (_of_another_rank, "RecordingInvalid", "has x of float32 [2], the model wants float32 [-1, -1]"),
    ],
    ids=["missing", "cut", "empty", "of another model", "of another rank"],
)
def test_a_recording_that_cannot_be_used_is_told(
    recording: Path, change: Callable[[Path], None], reason: str, words: str
) -> None:
    change(recording)
    error = refused(twice, asked(recording))
    assert error.reason == reason
    assert words in error.message


def test_a_compressed_recording_is_read_and_one_that_only_says_so_is_told(recording: Path) -> None:
    packed = recording.with_suffix(".jsonl.gz")
    packed.write_bytes(gzip.compress(recording.read_bytes()))
    assert gated(twice, asked(packed))[0].agreed == 3
    packed.write_bytes(recording.read_bytes())
    assert refused(twice, asked(packed)).reason == "RecordingInvalid"


def test_an_output_that_is_not_there_is_named(recording: Path) -> None:
    wanted = asked(recording, tolerances=Tolerances(default=rules.EXACT, of={"z": rules.EXACT}))
    error = refused(twice, wanted)
    assert (error.reason, error.message) == ("UnknownOutput", "There is no output z, only y.")
