"""What `spec.verification` may say."""

import pytest
from paddlemodel_api.rollout.verification import Verification
from pydantic import ValidationError

RECORDING = {"fromModel": "verify.jsonl.gz"}


def test_a_recording_is_all_that_must_be_said() -> None:
    found = Verification.model_validate({"recording": RECORDING})
    assert (found.min_agreement_percent, found.max_seconds, found.outputs) == (100, 60, ())
    assert (found.tolerance.relative, found.tolerance.absolute) == (None, None)


@pytest.mark.parametrize("text", ["0", "1", "0.05", "1e-3", "1E-12", "12.5e-1"])
def test_a_tolerance_is_a_number_as_text(text: str) -> None:
    found = Verification.model_validate({"recording": RECORDING, "tolerance": {"relative": text}})
    assert float(found.tolerance.relative or "") >= 0


@pytest.mark.parametrize("text", ["", "-1", ".5", "1e", "nan", "inf", "1e999", "0x1", "1 ", 0.1])
def test_anything_else_is_none(text: object) -> None:
    with pytest.raises(ValidationError):
        Verification.model_validate({"recording": RECORDING, "tolerance": {"relative": text}})


@pytest.mark.parametrize("name", ["verify.jsonl", "verify-2.jsonl.gz", "verify_a.b.jsonl"])
def test_a_recording_lies_beside_the_program(name: str) -> None:
    assert Verification.model_validate({"recording": {"fromModel": name}}).recording.from_model == name


@pytest.mark.parametrize(
    "name", ["", "a.jsonl", "verify.json", "../verify.jsonl", "verify/a.jsonl", "verify.jsonl.zip"]
)
def test_a_recording_lies_nowhere_else(name: str) -> None:
    with pytest.raises(ValidationError):
        Verification.model_validate({"recording": {"fromModel": name}})
