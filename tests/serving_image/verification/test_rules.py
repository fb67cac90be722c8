"""What PADDLEMODEL_VERIFICATION says, and what it is by default."""

from pathlib import Path

import orjson
import pytest
from paddlemodel_server.engine.interface import Engine
from paddlemodel_server.errors import StartError
from paddlemodel_server.settings import Settings
from paddlemodel_server.verification import rules
from paddlemodel_server.verification.differences import Tolerance, Tolerances


def settings(text: str) -> Settings:
    return Settings.from_env({"PADDLEMODEL_VERIFICATION": text, "PADDLEMODEL_MODEL_DIR": "/m"})


def test_nothing_is_verified_where_nothing_is_asked() -> None:
    assert rules.read(Settings(), Engine()) is None


@pytest.mark.parametrize(
    ("engine", "tolerance"),
    [
        (Engine(), rules.EXACT),
        (Engine(precision="BF16"), rules.COARSE),
        (Engine(device="gpu", tensorrt="on"), rules.COARSE),
    ],
    ids=["FP32", "BF16", "TensorRT"],
)
def test_the_tolerance_follows_the_precision(engine: Engine, tolerance: Tolerance) -> None:
    found = rules.read(settings('{"recording":{"fromModel":"verify.jsonl.gz"}}'), engine)
    assert found
    assert (found.tolerances.default, found.least, found.seconds) == (tolerance, 1.0, 60.0)
    assert (found.recording, found.where) == (Path("/m/verify.jsonl.gz"), "verify.jsonl.gz beside the model")


def test_every_field_counts() -> None:
    text = orjson.dumps(
        {
            "recording": {"configMap": {"name": "golden", "key": "r.jsonl"}},
            "tolerance": {"relative": "1e-2"},
            "outputs": [
                {"name": "a", "compare": "TopK", "k": 3},
                {"name": "b", "absolute": "0.5"},
                {"name": "lines", "compare": "Text"},
                {"name": "text", "compare": "Text", "relative": "0.02"},
            ],
            "minAgreementPercent": 90,
            "maxSeconds": 5,
        }
    ).decode()
    assert rules.read(settings(text), Engine()) == rules.Rules(
        recording=Path("/mnt/recording/r.jsonl"),
        where="key r.jsonl of ConfigMap golden",
        tolerances=Tolerances(
            default=Tolerance(rtol=1e-2, atol=1e-4),
            of={
                "a": Tolerance(rtol=0, atol=0, top_k=3),
                "b": Tolerance(rtol=1e-2, atol=0.5),
                "lines": Tolerance(rtol=0, atol=0, text=True),
                "text": Tolerance(rtol=0.02, atol=0, text=True),
            },
        ),
        least=0.9,
        seconds=5,
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"recording":{}}', '{"recording":{"fromModel":"../x"}}'])
def test_a_wrong_setting_is_one_sentence(text: str) -> None:
    with pytest.raises(StartError, match=r"^PADDLEMODEL_VERIFICATION cannot be used: ") as caught:
        rules.read(settings(text), Engine())
    assert caught.value.reason == "InvalidSettings"
