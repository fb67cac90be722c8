"""What the gate tells in numbers: `status.verification` of the PaddleModel."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from paddlemodel_api.rollout.verified import VerificationStatus, WorstDifference

from tests.serving_image.verification.gates import REQUESTS, asked, recorded, refused


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return recorded(tmp_path / "verify.jsonl", *REQUESTS)


def test_the_worst_value_is_told_in_numbers_as_well(recording: Path) -> None:
    """They are status.verification, whose numbers with fractions are texts."""
    found = refused(lambda x: [x * np.float32(2.5)], asked(recording)).details["verification"]
    told = VerificationStatus.model_validate(found)
    assert (told.requests, told.agreed) == (3, 0)
    assert told.worst == WorstDifference(
        request=3,
        run="alone",
        output="y",
        index="[0][1]",
        expected="12",
        actual="15",
        absolute="3",
        relative="0.25",
    )
    orjson.dumps(found)


def test_what_is_no_number_is_infinitely_far_off(recording: Path) -> None:
    error = refused(lambda x: [np.where(x == 4, np.nan, x * 2).astype(np.float32)], asked(recording))
    told = VerificationStatus.model_validate(error.details["verification"]).worst
    assert told is not None
    assert (told.actual, told.expected, told.absolute, told.relative) == ("nan", "8", "inf", "inf")


def test_an_output_of_another_shape_has_no_worst_value(recording: Path) -> None:
    error = refused(lambda x: [x.T * 2], asked(recording))
    told = VerificationStatus.model_validate(error.details["verification"]).worst
    assert told == WorstDifference(request=1, run="alone", output="y")
