"""The gate in a real server, with real Paddle: a model that answers otherwise never becomes ready."""

import gzip
import http.client
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_api.rollout.verified import VerificationStatus

from tests.models import trained_model
from tests.serving_image.engine.test_precision import can_bf16
from tests.serving_image.support.command_line import command
from tests.serving_image.support.models import exporter
from tests.serving_image.support.servers import cannot, end, eventually, serving, start

VERIFY = json.dumps({"recording": {"fromModel": "verify.jsonl.gz"}})


@pytest.fixture(scope="module")
def recorded(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a recording of its own answers beside it."""
    folder = tmp_path_factory.mktemp("recorded") / "model"
    shutil.copytree(exported("pir", "mixed"), folder)
    command("verify", folder, folder / "verify.jsonl.gz", "--record", "--count", 4, "--shape", "x=1,5")
    return folder


def test_a_model_that_answers_as_recorded_becomes_ready_and_says_so(recorded: Path, tmp_path: Path) -> None:
    with serving(recorded, tmp_path, verification=VERIFY, workers=2) as server:
        eventually(lambda: '"all workers are ready"' in server.logged(), "two workers")
        lines = [json.loads(line) for line in server.logged().splitlines()]
    (line,) = [one for one in lines if one["message"] == "verified"]
    assert (line["recording"], line["requests"], line["agreed"]) == ("verify.jsonl.gz beside the model", 4, 4)


def refused(model: Path, folder: Path, verification: str = VERIFY, **settings: Any) -> dict[str, Any]:
    """The last words of a server that ends and was never ready."""
    server = start(model, folder, verification=verification, **settings)
    answers: set[int] = set()

    def ended() -> bool:
        try:
            answers.add(server.get("/readyz")[0])
        except (OSError, http.client.HTTPException):  # It does not listen yet, or any more.
            answers.add(0)
        return server.process.poll() is not None

    try:
        eventually(ended, "the server ends")
    finally:
        end(server)
    assert server.process.returncode == 1
    assert 200 not in answers
    last: dict[str, Any] = json.loads(server.logged().splitlines()[-1])
    return last


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (b"\x00\x00\x40\x40", "values are beyond the tolerance; value "),  # 3 where 2 was
        (b"\x00\x00\xc0\x7f", "5 of 5 values are NaN or infinite, where numbers are recorded"),
    ],
    ids=["other weights", "NaN among the weights"],
)
def test_another_model_of_the_same_shape_is_never_ready(
    recorded: Path, tmp_path: Path, weight: bytes, words: str
) -> None:
    other = tmp_path / "other"
    shutil.copytree(recorded, other)
    params = other / "inference.pdiparams"
    params.write_bytes(params.read_bytes()[:-4] + weight)
    last = refused(other, tmp_path)
    assert "4 of 4 recorded requests are answered differently" in last["message"]
    assert words in last["message"]
    told = VerificationStatus.model_validate(last["verification"])
    assert (told.requests, told.agreed) == (4, 0)
    assert told.worst is not None
    assert (
        f"value {told.worst.index} is {told.worst.actual}, recorded is {told.worst.expected}"
        in (last["message"])
    )


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (
            "x=1,2,3",
            (
                "output fetch_name_0: its shape is [1, 3, 2], expected was [1, 2, 3], and all agree with its "
                "axes in the order [0, 2, 1]: it is transposed. Correct the model"
            ),
        ),
        (  # Nothing but the values tells it.
            "x=1,3,3",
            (
                "output fetch_name_0: 6 of 9 values are beyond the tolerance, and all agree with its axes in "
                "the order [0, 2, 1]: it is transposed; value [0]"
            ),
        ),
    ],
    ids=["of another shape", "square"],
)
def test_a_transposed_output_is_told_as_such(tmp_path: Path, shape: str, words: str) -> None:
    exporter.export(tmp_path, "pir", Path(__file__).with_name("turned_models.py"))
    turned = tmp_path / "turned"
    recording = turned / "verify.jsonl.gz"
    command("verify", tmp_path / "straight", recording, "--record", "--count", 2, "--shape", shape)
    last = refused(turned, tmp_path)
    assert last["reason"] == "VerificationFailed"
    assert "2 of 2 recorded requests are answered differently" in last["message"]
    assert words in last["message"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content[:-20], "is not a request with its response; record it again"),
        (
            lambda content: gzip.compress(gzip.decompress(content).replace(b'"name":"x"', b'"name":"image"')),
            "has the inputs image, the model wants x: the recording is of another model",
        ),
    ],
    ids=["truncated", "foreign"],
)
def test_a_recording_that_cannot_be_used_is_no_reason_to_serve(
    recorded: Path, tmp_path: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(recorded, model)
    recording = model / "verify.jsonl.gz"
    recording.write_bytes(change(recording.read_bytes()))
    last = refused(model, tmp_path)
    assert last["reason"] == "RecordingInvalid"
    assert words in last["message"]


def test_another_precision_agrees_within_a_wide_tolerance_and_not_within_a_narrow_one(tmp_path: Path) -> None:
    """Recorded in FP32, verified in BF16."""
    if not can_bf16():
        raise cannot("BF16 needs a CPU with AVX-512")
    model = tmp_path / "model"
    shutil.copytree(trained_model("textline-orientation"), model)
    recording = model / "verify.jsonl.gz"
    command("verify", model, recording, "--record", "--count", 2, "--shape", "x=1,3,48,192")
    settings = {"precision": "BF16"}
    wide = {**json.loads(VERIFY), "tolerance": {"relative": "0.1"}}
    with serving(model, tmp_path, verification=json.dumps(wide), **settings) as server:
        assert '"agreed": 2' in server.logged()
    narrow = {**json.loads(VERIFY), "tolerance": {"relative": "1e-6", "absolute": "1e-7"}}
    last = refused(model, tmp_path, json.dumps(narrow), **settings)
    assert last["reason"] == "VerificationFailed"
    assert "values are beyond the tolerance; value [0]" in last["message"]
