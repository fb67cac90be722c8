"""What the gate says of recorded requests to the task, whose answers are JSON."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.errors import BadRequestError, StartError
from paddlemodel_server.model.formats.program import Tensor
from paddlemodel_server.verification import recording, rules
from paddlemodel_server.verification.differences import Tolerance, Tolerances
from paddlemodel_server.verification.recording import Exchange, TaskExchange
from paddlemodel_server.verification.v2_client import Metadata

from tests.serving_image.verification.gates import FAILED, MODEL, asked, gated, refused, row, twice

PAGE = {"lines": [{"text": "Invoice 2026", "score": 0.9}], "text": "Invoice 2026"}
TEXT = Tolerance(rtol=0, atol=0, text=True)


@dataclass
class Answers:
    """A task that always answers the same, or otherwise in full runs."""

    alone: Any
    full: Any = None
    rows: int = 1
    asked: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def answer(self, media: str, body: bytes, *, full: bool) -> Any:
        self.asked.append((media, body, full))
        found = self.full if full and self.full is not None else self.alone
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """One request to the task, whose answer is PAGE."""
    path = tmp_path / "verify.jsonl"
    known = Metadata(name="pages", inputs=MODEL.inputs, outputs=MODEL.outputs, binary=False)
    recording.write(path, known, [TaskExchange(media="image/png", body=b"\x89PNG", answer=PAGE)])
    return path


def named(**of: Tolerance) -> Tolerances:
    return Tolerances(default=rules.EXACT, of=of)


def test_the_body_is_sent_as_it_was_recorded_alone_and_in_full_runs(page: Path) -> None:
    task = Answers(PAGE, rows=8)
    report, predictor = gated(twice, asked(page), rows=4, task=lambda: task)
    assert (report.requests, report.agreed, predictor.rows) == (1, 1, [])
    assert task.asked == [("image/png", b"\x89PNG", False), ("image/png", b"\x89PNG", True)]


def test_where_nothing_shares_a_run_it_is_asked_once(page: Path) -> None:
    task = Answers(PAGE)
    gated(twice, asked(page), task=lambda: task)
    assert len(task.asked) == 1


def test_another_text_is_told_with_its_place(page: Path) -> None:
    other = {"lines": [{"text": "Invoice 2O26", "score": 0.9}], "text": "Invoice 2026"}
    with pytest.raises(StartError) as caught:
        gated(twice, asked(page), task=lambda: Answers(other))
    assert caught.value.reason == FAILED
    assert caught.value.message.startswith(
        "1 of 1 recorded requests is answered differently (verify.jsonl beside the model). The worst: "
        "request 1, run alone, the answer: 1 of 6 values differ; value lines[0].text is Invoice 2O26, "
        "recorded is Invoice 2026. Correct the model"
    ), caught.value.message
    details: Any = caught.value.details["verification"]
    assert details["worst"] == {
        "request": 1, "run": "alone", "output": "the answer", "index": "lines[0].text",
        "expected": "Invoice 2026", "actual": "Invoice 2O26",
    }  # fmt: skip


def test_with_text_the_texts_alone_count(page: Path) -> None:
    other = {"lines": [{"text": "Invoice 2026", "score": 0.2}], "text": "Invoice 2026"}
    task = lambda: Answers(other)  # noqa: E731 - a maker
    assert gated(twice, asked(page, tolerances=named(lines=TEXT)), task=task)[0].agreed == 1
    assert refused_by(page, Answers(other)).reason == FAILED


def test_a_fault_of_full_runs_alone_is_found(page: Path) -> None:
    error = refused_by(page, Answers(PAGE, full=PAGE | {"text": ""}, rows=4))
    assert "request 1, run in runs of 4 rows, the answer: " in error.message


def test_a_request_that_is_refused_is_told_in_the_server_s_own_words(page: Path) -> None:
    error = refused_by(page, Answers(BadRequestError("The body is no picture.")))
    assert error.reason == FAILED
    assert "fails on recorded request 1, run alone" in error.message
    assert "The body is no picture. Correct the model or the spec" in error.message


def test_a_task_that_cannot_be_asked_says_why(page: Path) -> None:
    def cannot() -> Any:
        raise StartError("RecordingInvalid", "its code runs elsewhere")

    with pytest.raises(StartError, match="its code runs elsewhere"):
        gated(twice, asked(page), task=cannot)


def test_tensors_and_pages_in_one_recording(tmp_path: Path) -> None:
    """Each kind has names of its own; what neither has is told."""
    path = tmp_path / "verify.jsonl"
    known = Metadata(
        name="m", inputs=MODEL.inputs, outputs=(Tensor(name="y", dtype="float32", shape=(-1, -1)),),
        binary=False,
    )  # fmt: skip
    tensors = [Exchange(inputs={"x": x}, outputs={"y": twice(x)[0]}) for x in (row(1, 2), row(3, 4))]
    task_line = TaskExchange(media="image/png", body=b"1", answer=PAGE)
    recording.write(path, known, [tensors[0], task_line, tensors[1]])
    of = {"y": Tolerance(rtol=1e-3, atol=1e-3), "lines": TEXT}
    report, predictor = gated(twice, asked(path, tolerances=named(**of)), rows=2, task=lambda: Answers(PAGE))
    assert (report.requests, report.agreed, predictor.rows) == (3, 3, [1, 2, 1, 2])
    with pytest.raises(StartError, match=r"There is no output z, only y, .*text") as caught:
        gated(twice, asked(path, tolerances=named(z=TEXT)), task=lambda: Answers(PAGE))
    assert caught.value.reason == "UnknownOutput"


def test_a_tensor_has_no_texts(tmp_path: Path) -> None:
    path = tmp_path / "verify.jsonl"
    known = Metadata(name="m", inputs=MODEL.inputs, outputs=MODEL.outputs, binary=False)
    x = row(1, 2)
    recording.write(path, known, [Exchange(inputs={"x": x}, outputs={"y": twice(x)[0]})])
    error = refused(twice, asked(path, tolerances=named(y=TEXT)))
    assert "output y: it is a tensor, which has no texts: compare it by Values or TopK" in error.message


@pytest.mark.parametrize(
    "line",
    [
        b'{"request":{"content_type":"image/png","body":"no base64!"},"response":{}}',
        b'{"request":{"body":"aGk="},"response":{}}',
        b'{"request":{"content_type":"image/png","body":"aGk="}}',
    ],
    ids=["no base64", "no Content-Type", "no response"],
)
def test_a_line_that_is_no_request_to_a_task(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "verify.jsonl"
    path.write_bytes(line)
    error = refused_by(path, Answers(PAGE))
    assert error.reason == "RecordingInvalid"
    assert "Line 1 of verify.jsonl beside the model is not a request with its response" in error.message


def refused_by(path: Path, task: Answers) -> StartError:
    with pytest.raises(StartError) as caught:
        gated(twice, asked(path), task=lambda: task)
    return caught.value
