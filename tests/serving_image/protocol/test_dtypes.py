"""Every dtype that Paddle can take and give, through a real server, in both formats."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import bfloat16, files, formats
from paddlemodel_server.model.formats.program import DATATYPES

from tests import bare_predictor, cleartext
from tests.serving_image.support.servers import Server, serving

SIZE = "Inference-Header-Content-Length"
# Of each dtype numbers that it holds exactly and that another would not.
VALUES: dict[str, list[Any]] = {
    "bool": [True, False, True],
    "uint8": [0, 200, 255],
    "int8": [-128, 0, 127],
    "int16": [-32768, 5, 32767],
    "int32": [-(2**31), 5, 2**31 - 1],
    "int64": [-(2**53), 5, 2**53],  # the model calculates in float64
    "float16": [0.5, -65504.0, 0.0009765625],
    "float32": [0.1, -3.0e38, 1e-30],
    "float64": [0.1, -1e300, 1e-300],
    "bfloat16": [0.5, -3.0, 3.3895313892515355e38],
}


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_ten_inputs_of_ten_dtypes_come_back_in_theirs(
    exported: Callable[[str, str], Path], tmp_path: Path, model_format: str
) -> None:
    """Paddle's own handles take int16 and bfloat16 for int32, and answer garbage without a word."""
    body = {
        "inputs": [
            {"name": f"x_{dtype}", "datatype": DATATYPES[dtype], "shape": [1, 3], "data": values}
            for dtype, values in VALUES.items()
        ]
    }
    with serving(exported(model_format, "every"), tmp_path, name="every") as server:
        answer = cleartext.post(f"{server.url}/v2/models/every/infer", json=body, timeout=180)
        assert answer.status_code == 200, answer.text
        outputs = answer.json()["outputs"]
        assert [output["datatype"] for output in outputs] == [DATATYPES[dtype] for dtype in VALUES] + ["FP32"]
        for output, (dtype, values) in zip(outputs, VALUES.items(), strict=False):
            exact = "float32" if dtype == "bfloat16" else dtype
            found = np.array(output["data"])
            if "float" in dtype:
                found = found.astype(exact)  # the shortest text that means this number
            assert (dtype, found.tolist()) == (dtype, np.array([*values, *values], exact).tolist())
        assert "no batching" not in server.logged()
        check_bytes(server)


def check_bytes(server: Server) -> None:
    """The same server, everything as bytes: of BOOL one each, of BF16 its bits."""
    sent = {dtype: bits(dtype) for dtype in VALUES}
    entries = [
        {
            "name": f"x_{dtype}",
            "datatype": DATATYPES[dtype],
            "shape": [1, 3],
            "parameters": {"binary_data_size": len(data)},
        }
        for dtype, data in sent.items()
    ]
    head = json.dumps({"inputs": entries, "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", SIZE: str(len(head))}
    content = head + b"".join(sent.values())
    answer = cleartext.post(
        f"{server.url}/v2/models/every/infer", content=content, headers=headers, timeout=180
    )
    assert answer.status_code == 200, answer.text
    size = int(answer.headers[SIZE])
    tail = answer.content[size:]
    for output, (dtype, data) in zip(
        json.loads(answer.content[:size])["outputs"], sent.items(), strict=False
    ):
        length = output["parameters"]["binary_data_size"]
        assert (dtype, output["datatype"], tail[:length]) == (dtype, DATATYPES[dtype], data * 2)
        tail = tail[length:]
    assert len(tail) == 12  # the eleventh output, twice x_float32


def bits(dtype: str) -> bytes:
    """The values of a dtype as the binary extension has them."""
    if dtype == "bfloat16":
        return bfloat16.bits(np.array(VALUES[dtype])).tobytes()
    return np.array(VALUES[dtype], dtype).tobytes()


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_an_output_that_v2_cannot_carry_is_refused(
    exported: Callable[[str, str], Path], model_format: str
) -> None:
    """Paddle exports complex numbers too; V2 has no name for them."""
    with pytest.raises(
        StartError, match=r"^Output .* is complex64, which HTTP cannot carry; export the model"
    ):
        formats.checked(files.locate(exported(model_format, "complex")))


def test_bfloat16_rounds_to_the_nearest_even_and_keeps_what_is_not_finite() -> None:
    numbers = np.array([1.0, 1.00390625, 1.01171875, -0.0, np.inf, -np.inf, np.nan], np.float32)
    found = bfloat16.numbers(bfloat16.bits(numbers))
    assert found[:6].tolist() == [1.0, 1.0, 1.015625, -0.0, np.inf, -np.inf]
    assert np.isnan(found[6])
    assert np.signbit(found[3])
    every = np.arange(1 << 16, dtype=np.uint16)
    finite = every[np.isfinite(bfloat16.numbers(every))]
    assert np.array_equal(bfloat16.bits(bfloat16.numbers(finite)), finite)


def test_bfloat16_rounds_double_precision_once() -> None:
    """Rounded to FP32 first, these would be ties, which go to even: away from the nearest."""
    step, little = 2.0**-7, 2.0**-40  # of bfloat16 at one, and less than FP32 sees there
    above, below = 1 + step / 2 + little, 1 + 3 * step / 2 - little
    tiny = 2.0**-133  # the smallest that it has
    numbers = np.array([above, below, -above, -below, tiny / 2 * (1 + little), 1e-60, -1e-60, 1e39])
    with np.errstate(over="ignore"):
        found = bfloat16.numbers(bfloat16.bits(numbers))
    assert found.tolist() == [1 + step, 1 + step, -1 - step, -1 - step, tiny, 0, 0, np.inf]
    assert np.signbit(found[6])


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_parameters_that_no_request_can_carry_are_served(
    exported: Callable[[str, str], Path], tmp_path: Path, model_format: str
) -> None:
    """Complex numbers and floats of eight bits inside the network."""
    x = np.random.default_rng(3).random((2, 8), np.float32)
    folder = exported(model_format, "rare")
    (wanted,) = bare_predictor.predict(folder, {"x": x}).values()
    tensor = {"name": "x", "datatype": "FP32", "shape": [2, 8], "data": x.ravel().tolist()}
    with serving(folder, tmp_path, name="rare") as server:
        answer = cleartext.post(f"{server.url}/v2/models/rare/infer", json={"inputs": [tensor]}, timeout=180)
        assert answer.status_code == 200, answer.text
    assert np.allclose(answer.json()["outputs"][0]["data"], wanted.ravel(), atol=1e-6)
    angle = np.exp(2j * np.arange(4))
    expected = (x.reshape(2, 4, 2) @ [1, 1j] * angle)[..., None] * 6
    assert np.allclose(wanted.reshape(2, 4, 2), np.concatenate([expected.real, expected.imag], -1), atol=1e-4)


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_a_copy_of_the_input_is_served(
    exported: Callable[[str, str], Path], tmp_path: Path, model_format: str
) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}
    with serving(exported(model_format, "echo-copy"), tmp_path, name="echo") as server:
        answer = cleartext.post(f"{server.url}/v2/models/echo/infer", json={"inputs": [tensor]}, timeout=180)
    assert [output["data"] for output in answer.json()["outputs"]] == [[1, 2, 3, 4], [2, 4, 6, 8]]
