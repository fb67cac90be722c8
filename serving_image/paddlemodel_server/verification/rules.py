"""What PADDLEMODEL_VERIFICATION asks for: which recording, how far an answer may be off, how many must agree.

The text is a paddlemodel_api.rollout.verification.Verification as JSON, validated by its own types.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddlemodel_server.engine.interface import Engine
from paddlemodel_server.errors import StartError
from paddlemodel_server.settings import Settings
from paddlemodel_server.verification.differences import Tolerance, Tolerances

EXACT = Tolerance(rtol=1e-3, atol=1e-4)
COARSE = Tolerance(rtol=1e-2, atol=1e-3)
"""Of half the bits: FP16 and BF16 keep 11 and 8 bits of a number, and TensorRT may compute so."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a model has to show before it gets traffic.

    Attributes:
        recording: the file of requests and answers.
        where: the same for people.
        tolerances: of the outputs.
        least: the part of the requests, over 0 and up to 1, that must be answered as recorded.
        seconds: how long all of it may take.
    """

    recording: Path
    where: str
    tolerances: Tolerances
    least: float
    seconds: float


def read(settings: Settings, engine: Engine) -> Rules | None:
    """Validate PADDLEMODEL_VERIFICATION; None where nothing is asked.

    Raises:
        StartError: `InvalidSettings`, with the first fault.
    """
    if not settings.verification:
        return None
    from paddlemodel_api import faults  # noqa: PLC0415 - 0.1 s, which other servers need not pay
    from paddlemodel_api.rollout import verification  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        wanted = verification.Verification.model_validate_json(settings.verification)
    except ValidationError as error:
        sentence = faults.sentence(error, "spec.verification")
        raise StartError("InvalidSettings", f"PADDLEMODEL_VERIFICATION cannot be used: {sentence}.") from None
    coarse = engine.tensorrt == "on" or engine.precision != "FP32"
    default = tolerance(wanted.tolerance, COARSE if coarse else EXACT)
    path, where = _place(settings, wanted.recording)
    return Rules(
        recording=path,
        where=where,
        tolerances=Tolerances(
            default=default, of={one.name: of_output(one, default) for one in wanted.outputs}
        ),
        least=wanted.min_agreement_percent / 100,
        seconds=wanted.max_seconds,
    )


def _place(settings: Settings, recording: Any) -> tuple[Path, str]:
    if recording.from_model is not None:
        return settings.model_dir / recording.from_model, f"{recording.from_model} beside the model"
    found = recording.config_map
    return settings.recording_dir / found.key, f"key {found.key} of ConfigMap {found.name}"


def of_output(output: Any, default: Tolerance) -> Tolerance:
    """That of an entry of `outputs`."""
    if output.compare == "Text":
        return Tolerance(rtol=float(output.relative or 0), atol=0, text=True)
    return tolerance(output, default) if output.k is None else Tolerance(rtol=0, atol=0, top_k=output.k)


def tolerance(given: Any, default: Tolerance) -> Tolerance:
    """That of a block with `relative` and `absolute`, which may be missing."""
    return Tolerance(
        rtol=default.rtol if given.relative is None else float(given.relative),
        atol=default.atol if given.absolute is None else float(given.absolute),
    )
