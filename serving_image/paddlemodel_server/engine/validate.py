"""What the settings ask of the model's run, and which settings cannot be met. Pure.

It comes before Paddle loads anything, so that such a setting is one sentence with its cure.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from paddlemodel_server.engine.interface import GPU_POOL_MB, TENSORRT_WORKSPACE_MB, Engine
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.formats.program import Program
from paddlemodel_server.settings import Settings

# What oneDNN needs to compute in bfloat16 at all; below that Paddle ignores the setting without a word.
_BF16_FLAGS = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}


def wanted(
    settings: Settings, program: Program, *, threads: int, cpu_flags: Iterable[str], cache: Path
) -> Engine:
    """What the settings ask for.

    Args:
        settings: what the user set.
        program: what the model's file says.
        threads: of one run, on CPU.
        cpu_flags: what /proc/cpuinfo says that the CPU can do.
        cache: a folder of the server's own, used where PADDLEMODEL_CACHE_DIR names none.

    Raises:
        StartError: `InvalidSettings` where a setting cannot be met; it names the variable and the cure.
    """
    checks = (_cpu_cannot, _unused, _tensorrt_cannot, _int8_cannot, _onednn_needed)
    for check in checks:
        if fault := check(settings, program):
            raise StartError("InvalidSettings", fault)
    if settings.device == "cpu" and settings.precision == "BF16" and _BF16_FLAGS - set(cpu_flags):
        raise StartError(
            "InvalidSettings",
            "PADDLEMODEL_PRECISION is BF16, which needs a CPU with AVX-512; this one has none. "
            "Set it to FP32, or choose other nodes.",
        )
    return Engine(
        device=settings.device,
        precision=settings.precision,
        onednn=settings.device == "cpu" and settings.precision != "FP32",
        tensorrt="on" if settings.tensorrt else "off",
        threads=threads,
        max_rows=settings.max_batch_size,
        pool_mb=settings.gpu_pool_mb or GPU_POOL_MB,
        workspace_mb=settings.tensorrt_workspace_mb or TENSORRT_WORKSPACE_MB,
        cache=settings.cache_dir or cache,
    )


def cache_key(engine: Engine, shapes: Iterable[Iterable[Sequence[int]]], *facts: object) -> str:
    """The name of a cache folder.

    Args:
        engine: what is asked for.
        shapes: of the inputs of each request that the range of shapes was collected with.
        facts: the model, the device and the versions.
    """
    listed = [[list(shape) for shape in request] for request in shapes]
    parts = engine.precision, engine.max_rows, listed, *facts
    return sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


def _cpu_cannot(settings: Settings, _: Program) -> str | None:
    if settings.device == "gpu":
        return None
    if settings.precision == "FP16":
        return (
            "PADDLEMODEL_PRECISION is FP16, which Paddle computes on a GPU only; "
            "set it to FP32 or BF16, or set PADDLEMODEL_DEVICE to gpu."
        )
    if settings.tensorrt:
        return (
            "PADDLEMODEL_TENSORRT is true, but TensorRT runs on a GPU only; leave it out, or set "
            "PADDLEMODEL_DEVICE to gpu."
        )
    if settings.gpu_pool_mb is not None:
        return (
            "PADDLEMODEL_GPU_POOL_MB is of use on a GPU only; leave it out, or set PADDLEMODEL_DEVICE to gpu."
        )
    return None


def _unused(settings: Settings, _: Program) -> str | None:
    if settings.tensorrt:
        return None
    given = {
        "PADDLEMODEL_TENSORRT_WORKSPACE_MB": settings.tensorrt_workspace_mb,
        "PADDLEMODEL_CACHE_DIR": settings.cache_dir,
    }
    for variable, value in given.items():
        if value is not None:
            cure = "leave it out, or set PADDLEMODEL_TENSORRT to true"
            return f"{variable} is of use with TensorRT only; {cure}."
    return None


def _onednn_needed(settings: Settings, _: Program) -> str | None:
    if settings.device == "cpu" and settings.precision != "FP32" and not settings.onednn:
        return (
            f"PADDLEMODEL_ONEDNN is false, but on a CPU only oneDNN computes in {settings.precision}; "
            "leave it out, or set PADDLEMODEL_PRECISION to FP32."
        )
    return None


def _tensorrt_cannot(settings: Settings, program: Program) -> str | None:
    if settings.tensorrt and program.format == "PIR":
        return (
            "PADDLEMODEL_TENSORRT is true, but Paddle builds TensorRT engines at the start only for the "
            "legacy format; export the model with FLAGS_enable_pir_api=0, or convert it with "
            "paddle.tensorrt.convert beforehand and leave the variable out."
        )
    return None


def _int8_cannot(settings: Settings, program: Program) -> str | None:
    if settings.precision != "INT8":
        return None
    if not program.quantised:
        return (
            "PADDLEMODEL_PRECISION is INT8, but the model is not quantised; quantise it with PaddleSlim or "
            "`paddlemodel-server export --int8`, or set another precision."
        )
    if settings.device == "gpu" and not settings.tensorrt:
        return (
            "PADDLEMODEL_PRECISION is INT8, which a GPU computes by TensorRT only; "
            "set PADDLEMODEL_TENSORRT to true."
        )
    return None
