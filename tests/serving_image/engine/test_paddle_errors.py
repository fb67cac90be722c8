"""What Paddle itself says of models that it cannot load, and what becomes of it.

The server's own checks find most of these before Paddle does (test_start_faults.py); here Paddle is asked, so
that a version with other words is noticed.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from paddlemodel_server.engine.paddle_errors import explain

PROGRAM = """
import json, sys
from paddle import inference
said = {}
for name, program, params in json.loads(sys.argv[1]):
    try:
        inference.create_predictor(inference.Config(program, params))
        said[name] = ""
    except Exception as error:
        said[name] = str(error)
print(json.dumps(said))
"""
PIR, LEGACY, PARAMS = "inference.json", "inference.pdmodel", "inference.pdiparams"
Change = Callable[[bytes], bytes]


def replaced(old: bytes, new: bytes) -> Change:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new)

    return change


# What is done to which file of which format, and the reason that is told then.
FAULTS: dict[str, tuple[str, str, Change, str]] = {
    "a legacy operator that is gone": (
        *("legacy", LEGACY, replaced(b"\x1a\x0felementwise_mul", b"\x1a\x0fdensity_prior_x")),
        "UnknownOperator",
    ),
    "an operator of another Paddle": (
        *("pir", PIR, replaced(b'"1.multiply"', b'"1.frobnicate"')),
        "OtherPaddle",
    ),
    "a type of another Paddle": ("pir", PIR, replaced(b'"1.a_dtype"', b'"1.a_newtype"'), "OtherPaddle"),
    "an attribute of another Paddle": (
        *("pir", PIR, replaced(b'"N":"bias_after_scale"', b'"N":"bias_later"')),
        "OtherPaddle",
    ),
    "half the parameters": ("legacy", PARAMS, lambda content: content[: len(content) // 2], "MixedFiles"),
    # Not cut off there: Paddle fills a description up with what lies in memory, at times with the very rest.
    "a damaged description": ("pir", PARAMS, lambda content: content[:22] + b"\xff" * 6, "MixedFiles"),
    "more parameters than wanted": ("pir", PARAMS, lambda content: content * 2, "MixedFiles"),
    "something else": ("legacy", PARAMS, lambda _: b"no parameters" * 9, "MixedFiles"),
}


@pytest.fixture(scope="module")
def said(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Paddle says of each, asked in one process."""
    asked = []
    for at, (name, (model_format, file, change, _)) in enumerate(FAULTS.items()):
        folder = tmp_path_factory.mktemp(f"fault-{at}")
        shutil.copytree(exported(model_format, "pair"), folder, dirs_exist_ok=True)
        (folder / file).write_bytes(change((folder / file).read_bytes()))
        program = PIR if model_format == "pir" else LEGACY
        asked.append((name, str(folder / program), str(folder / PARAMS)))
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_what_paddle_says_becomes_a_sentence_with_its_cure(said: dict[str, str], name: str) -> None:
    fault = explain(said[name])
    assert fault.reason == FAULTS[name][-1], said[name]
    assert "; " in fault.message
    assert "\n" not in fault.message
    assert "/paddle/" not in fault.message


def test_what_nobody_has_foreseen_is_quoted() -> None:
    fault = explain("C++ Traceback\n\nPreconditionNotMetError: the moon is full.\n  (at /paddle/x.cc:1)\n")
    assert (fault.reason, fault.message) == (
        "ModelDoesNotLoad",
        "Paddle cannot load the model: PreconditionNotMetError: the moon is full.",
    )
