"""The gate in a real server, with real Paddle: a model that answers otherwise never becomes ready."""

import http.client
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from paddlemodel_api.rollout.verified import VerificationStatus

from tests.serving_image.support.command_line import command
from tests.serving_image.support.servers import end, eventually, serving, start

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
    server = start(other, tmp_path, verification=VERIFY)
    answers: set[int] = set()

    def ended() -> bool:
        try:
            answers.add(server.get("/readyz")[0])
        except (OSError, http.client.HTTPException):  # It does not listen yet, or any more.
            answers.add(0)
        return server.process.poll() is not None

    try:
        eventually(ended, "the server ends", 120)
    finally:
        end(server)
    assert server.process.returncode == 1
    assert 200 not in answers
    last = json.loads(server.logged().splitlines()[-1])
    assert "4 of 4 recorded requests are answered differently" in last["message"]
    assert words in last["message"]
    told = VerificationStatus.model_validate(last["verification"])
    assert (told.requests, told.agreed) == (4, 0)
    assert told.worst is not None
    assert (
        f"value {told.worst.index} is {told.worst.actual}, recorded is {told.worst.expected}"
        in (last["message"])
    )
