"""Trained models as they are published, in both formats, against the bare predictor."""

from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]  # it has no types

from tests import bare_predictor
from tests.models import ModelName, trained_model
from tests.serving_image.support.servers import serving


@pytest.mark.parametrize(
    ("name", "shape", "onednn"),
    [
        ("character-rec", (1, 3, 48, 160), True),
        ("character-det", (1, 3, 160, 224), False),
        ("text-det", (1, 3, 160, 224), True),
        ("text-rec", (2, 3, 48, 160), True),
        ("table-structure", (1, 3, 488, 488), True),
    ],
)
def test_trained_models_answer_as_the_bare_predictor_does(
    name: ModelName, shape: tuple[int, ...], onednn: bool, tmp_path: Path
) -> None:
    """Some fail with oneDNN, which the server finds out by itself."""
    folder = trained_model(name)
    array = np.random.default_rng(1).random(shape, np.float32)
    wanted = bare_predictor.predict(folder, {"x": array}, onednn=onednn)
    with serving(folder, tmp_path, name="trained", max_request_bytes=50_000_000) as server:
        tensor = triton.InferInput("x", list(shape), "FP32")
        tensor.set_data_from_numpy(array, binary_data=True)
        with triton.InferenceServerClient(f"127.0.0.1:{server.port}", network_timeout=60) as client:
            answer = client.infer("trained", [tensor])
        assert [output["name"] for output in answer.get_response()["outputs"]] == list(wanted)
        for output, expected in wanted.items():
            found = answer.as_numpy(output)
            assert found.shape == expected.shape
            assert np.allclose(found, expected, atol=1e-3)
        if not onednn:
            assert "oneDNN is off: the model does not run with it" in server.logged()
