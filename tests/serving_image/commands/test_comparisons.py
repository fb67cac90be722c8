"""`verify` compares outputs and fields in the ways of `spec.verification.outputs`, and says what is off."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from paddlemodel_api.rollout.verification import Output
from paddlemodel_server.commands import verify
from paddlemodel_server.verification import rules

from tests.serving_image.support.command_line import called
from tests.serving_image.support.servers import Server


@pytest.fixture
def recording(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """One request of three numbers, whose answer was larger: only values differ, not their order."""
    path, x = tmp_path / "r.jsonl", tmp_path / "x.npy"
    np.save(x, np.array([[1, 3, 2]], np.float32))
    called(capsys, "verify", server.url, path, "--record", x)
    line = orjson.loads(path.read_bytes())
    output = line["response"]["outputs"][0]
    output["data"] = [3 * value for value in output["data"]]
    path.write_bytes(orjson.dumps(line))
    return path


@pytest.fixture
def output(recording: Path) -> str:
    name: str = orjson.loads(recording.read_bytes())["response"]["outputs"][0]["name"]
    return name


def test_places_are_compared_instead_of_values(
    server: Server, recording: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = called(capsys, "verify", server.url, recording, code=1)
    assert "request 1: 3 of 3 values are beyond the tolerance; value [0][1] is 7, recorded is 21" in shown
    called(capsys, "verify", server.url, recording, "--compare", f"{output}=TopK:2")
    line = orjson.loads(recording.read_bytes())
    line["response"]["outputs"][0]["data"] = [9, 1, 2]
    recording.write_bytes(orjson.dumps(line))
    shown = called(capsys, "verify", server.url, recording, "--compare", f"{output}=TopK:1", code=1)
    assert (
        "in 1 of 1 rows the 1 largest values are at other places; row 0 has its largest value at 1" in shown
    )


def test_a_tensor_has_no_texts(
    server: Server, recording: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = called(capsys, "verify", server.url, recording, "--compare", f"{output}=Text", code=1)
    assert "it is a tensor, which has no texts" in shown


def test_a_name_that_is_no_output_s_is_told_after_all_requests(
    server: Server, recording: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = called(capsys, "verify", server.url, recording, "--compare", "z=TopK:1", code=1)
    assert f"There is no output z, only {output}, " in shown


@pytest.mark.parametrize(
    ("option", "entry"),
    [
        (("--compare", "y=TopK:5"), {"compare": "TopK", "k": 5}),
        (("--compare", "lines=Text"), {"compare": "Text"}),
        (("--compare", "lines=Text:0.02"), {"compare": "Text", "relative": "0.02"}),
        (("--tolerance", "a=b=1e-2,0.5"), {"name": "a=b", "relative": "1e-2", "absolute": "0.5"}),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[1],
)
def test_an_option_is_what_the_gate_makes_of_the_same_entry(
    option: tuple[str, str], entry: dict[str, Any]
) -> None:
    name = option[1].rpartition("=")[0]
    asked = Output.model_validate_json(json.dumps({"name": name, **entry}))
    found = verify.parse(["model", "recording", *option]).tolerances
    assert found.default == rules.EXACT
    assert found.of == {name: rules.of_output(asked, rules.EXACT)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--compare", "y=Best"), "y=Best is none of OUTPUT=TopK:K, OUTPUT=Text or OUTPUT=Text:PART"),
        (("--compare", "TopK:1"), "TopK:1 is none of OUTPUT=TopK:K"),
        (("--compare", "y=TopK"), "with compare TopK needs k"),
        (("--compare", "y=TopK:x"), "y=TopK:x is none of"),
        (("--compare", "y=TopK:0"), "greater than or equal to 1"),
        (("--compare", "y=Text:-1"), "is a number as text"),
        (("--tolerance", "y=1"), "y=1 is no OUTPUT=RTOL,ATOL"),
        (("--tolerance", "y=1,1", "--compare", "y=Text"), "--tolerance and --compare name y twice"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_what_is_no_way_to_compare_is_refused(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in called(capsys, "verify", "model", "recording", *options, code=2)


def test_so_many_requests_have_to_agree_as_a_pod_would_ask_for(
    server: Server, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of two does."""
    other, x = recording.with_name("other.jsonl"), recording.with_name("x.npy")
    called(capsys, "verify", server.url, other, "--record", x)
    recording.write_bytes(recording.read_bytes().rstrip() + b"\n" + other.read_bytes())
    called(capsys, "verify", server.url, recording, code=1)
    called(capsys, "verify", server.url, recording, "--min-agreement", 51, code=1)
    shown = called(capsys, "verify", server.url, recording, "--min-agreement", 50)
    assert "1 of 2 requests agree; 50 % are wanted" in shown
    told = orjson.loads(called(capsys, "verify", server.url, recording, "--min-agreement", 50, "--json"))
    assert (told["agrees"], told["requests"], told["agreed"]) == (True, 2, 1)


@pytest.mark.parametrize("given", ["0", "101", "-1", "99.5", "many", "1e2", ""])
def test_a_share_of_requests_that_is_none(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    option = f"--min-agreement={given}"
    assert "is no whole number from 1 to 100" in called(
        capsys, "verify", "model", "recording", option, code=2
    )
