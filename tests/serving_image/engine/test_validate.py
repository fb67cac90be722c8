"""Which specs about the run are refused, and with which cure."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.engine.interface import Engine
from paddlemodel_server.engine.validate import cache_key, wanted
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.formats.program import Program
from paddlemodel_server.settings import Settings

AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}


def program(*operators: str, model_format: str = "Legacy") -> Program:
    return Program(
        format=model_format,
        writer="3.3.1",
        inputs=(),
        outputs=(),
        parameters=(),
        operators=dict.fromkeys(operators or ("conv2d",), 1),
    )


def engine(served: Program | None = None, *, flags: set[str] = AVX512, **variables: Any) -> Engine:
    environment = {f"PADDLEMODEL_{name.upper()}": str(value) for name, value in variables.items()}
    settings = Settings.from_env(environment)
    return wanted(settings, served or program(), threads=2, cpu_flags=flags, cache=Path("/cache"))


QUANTISED = program("quantize_linear", "conv2d")


@pytest.mark.parametrize(
    ("variables", "served", "sentence"),
    [
        ({"precision": "FP16"}, program(), "PADDLEMODEL_PRECISION is FP16, .* set it to FP32 or BF16, or"),
        ({"tensorrt": "true"}, program(), "PADDLEMODEL_TENSORRT is true, .* PADDLEMODEL_DEVICE to gpu"),
        ({"gpu_pool_mb": 9}, program(), "PADDLEMODEL_GPU_POOL_MB .* leave it out"),
        ({"precision": "INT8"}, program(), "INT8, but the model is not quantised; .* export --int8"),
        ({"precision": "INT8", "device": "gpu"}, QUANTISED, "set PADDLEMODEL_TENSORRT to true"),
        (
            {"precision": "INT8", "onednn": "false"},
            QUANTISED,
            "only oneDNN computes in INT8; leave it out, or set PADDLEMODEL_PRECISION to FP32",
        ),
        ({"cache_dir": "/x"}, program(), "PADDLEMODEL_CACHE_DIR .* set PADDLEMODEL_TENSORRT to true"),
        ({"tensorrt_workspace_mb": 9, "device": "gpu"}, program(), "PADDLEMODEL_TENSORRT_WORKSPACE_MB"),
        (
            {"tensorrt": "true", "device": "gpu"},
            program(model_format="PIR"),
            "only for the legacy format; .* FLAGS_enable_pir_api=0, or convert",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_its_cure(
    variables: dict[str, Any], served: Program, sentence: str
) -> None:
    with pytest.raises(StartError, match=sentence) as refusal:
        engine(served, **variables)
    assert refusal.value.reason == "InvalidSettings"


def test_bf16_is_refused_where_the_cpu_has_no_avx512() -> None:
    with pytest.raises(StartError, match="BF16, which needs a CPU with AVX-512"):
        engine(precision="BF16", flags={"avx2"})


def test_specs_become_an_engine() -> None:
    assert engine() == Engine(threads=2, max_rows=16, cache=Path("/cache"))
    assert engine(precision="BF16") == Engine(
        precision="BF16", onednn=True, threads=2, max_rows=16, cache=Path("/cache")
    )
    assert engine(QUANTISED, precision="INT8").onednn
    found = engine(
        QUANTISED,
        device="gpu",
        precision="INT8",
        tensorrt="true",
        cache_dir="/engines",
        gpu_pool_mb=512,
        tensorrt_workspace_mb=2048,
        max_batch_size=8,
    )
    assert found == Engine(
        device="gpu",
        precision="INT8",
        tensorrt="on",
        threads=2,
        max_rows=8,
        pool_mb=512,
        workspace_mb=2048,
        cache=Path("/engines"),
    )


def test_an_engines_folder_is_its_models_devices_versions_and_shapes_own() -> None:
    asked, shapes = Engine(precision="FP16", max_rows=8), [[(1, 3)], [(4, 3)]]
    keys = [
        cache_key(asked, shapes, "model", "gpu"),
        cache_key(replace(asked, precision="FP32"), shapes, "model", "gpu"),
        cache_key(replace(asked, max_rows=16), shapes, "model", "gpu"),
        cache_key(asked, shapes[:1], "model", "gpu"),
        cache_key(asked, [[(1, 3), (4, 3)]], "model", "gpu"),
        cache_key(asked, shapes, "other", "gpu"),
    ]
    assert len(set(keys)) == len(keys)
    assert cache_key(replace(asked, workspace_mb=1), shapes, "model", "gpu") == keys[0]
