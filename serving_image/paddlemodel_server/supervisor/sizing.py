"""How many processes this container should run: bounds at the start, a choice once a run was measured. Pure.

`plan` knows the CPU limit and the GPUs; `choose` also knows what the first worker measured: how long a row
takes, and how much memory a copy of the model.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paddlemodel_server.ipc.process_context import Sizes
from paddlemodel_server.settings import Settings

UNLIMITED = 4  # CPUs: without a limit a big node would otherwise get one copy of the model per core
MOST_WORKERS: Final = 64
MOST_HTTP_WORKERS: Final = 8
# CPU seconds of a small request, raw or in JSON, at 32 connections on two busy cores: docs/benchmarks.md.
HTTP_WORKER_SECONDS = 40e-6
WORKER_SECONDS = 15e-6  # beside the run
HTTP_WORKER_BYTES = 128 * 1024 * 1024  # an HTTP worker with some large bodies at hand; about 70 MB when idle
SHARE_OF_BODIES = 0.125  # of memory; a JSON body can grow fourfold as tensors, so this may become half of it
SHARE_OF_MEMORY = 0.9  # the rest is for slots, sockets and the page cache that a run needs


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the first worker has shown."""

    row_seconds: float | None  # of the fastest way to run a row; None where nothing could be timed
    worker_bytes: int  # its own memory when warm
    http_seconds: float = 0.0  # that an HTTP worker decodes such a row, as the task says


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The processes to run, and which sentence of the documentation decided."""

    http_workers: int
    workers: int
    because: str


def plan(settings: Settings, cpus: float | None, usable: int, gpus: int, memory: int) -> Sizes:
    """Bound the process counts; what the user set wins.

    Args:
        settings: the user's spec.
        cpus: the cgroup's limit, None without one.
        usable: how many CPUs the scheduler may give this process.
        gpus: how many GPUs the container sees.
        memory: the container's limit, in bytes.
    """
    available = min(cpus or UNLIMITED, usable)
    if settings.device == "gpu":
        workers = settings.workers or max(1, gpus)
        http_workers = max(
            1, min(MOST_HTTP_WORKERS, math.ceil(available / 2))
        )  # beside a GPU, decoding needs the cores
        threads = 1
    else:
        workers = settings.workers or max(1, int(available))
        http_workers = max(1, min(MOST_HTTP_WORKERS, math.ceil(available)))
        threads = max(1, int(available // workers))
    http_workers = settings.http_workers or http_workers
    # One body of full size must always fit, while another one is being received.
    bodies = max(2 * settings.max_request_bytes, int(memory * SHARE_OF_BODIES) // http_workers)
    return Sizes(
        http_workers=http_workers, workers=min(workers, MOST_WORKERS), threads=threads, body_bytes=bodies
    )


def at_first(settings: Settings, sizes: Sizes) -> Choice:
    """What to start before anything was measured: one worker, ready the sooner for being alone."""
    http_workers = settings.http_workers or (
        sizes.http_workers if settings.device == "gpu" else _share(sizes.http_workers)
    )
    return Choice(http_workers=http_workers, workers=1, because="nothing is measured yet")


def choose(settings: Settings, sizes: Sizes, measured: Measured, memory: int) -> Choice:
    """Choose the process counts for a model; what the user set wins.

    On CPU the cores are shared out as the work is: a request is taken to cost an HTTP worker 40 microseconds
    beside the decoding, and a worker 15 beside the run. A model of microseconds gets HTTP workers for most
    cores, a convolutional network of milliseconds one worker per core. More processes than cores would only
    wake each other: with a second HTTP worker on two cores a small request was measured to cost a fifth more.

    Args:
        settings: the user's spec.
        sizes: the bounds, from `plan`.
        measured: what the first worker has shown.
        memory: the container's limit, in bytes.
    """
    first = at_first(settings, sizes)
    workers, http_workers, because = sizes.workers, first.http_workers, "one worker per CPU"
    if settings.device == "gpu":
        because = "one worker per GPU"
    elif measured.row_seconds is not None:
        cost = measured.row_seconds + WORKER_SECONDS
        share = cost / (cost + HTTP_WORKER_SECONDS + measured.http_seconds)
        # Half up: Python's round() would send a half to the even number.
        workers = max(1, min(sizes.workers, math.floor(sizes.workers * share + 0.5)))
        http_workers = max(first.http_workers, math.floor(sizes.http_workers * (1 - share) + 0.5))
        because = f"the workers' share of a request's work is {share:.0%}"
    workers, http_workers = settings.workers or workers, settings.http_workers or http_workers
    room = int((memory * SHARE_OF_MEMORY - http_workers * HTTP_WORKER_BYTES) // max(1, measured.worker_bytes))
    if room < workers and settings.workers is None and settings.device == "cpu":
        workers, because = max(1, room), f"memory has room for {max(1, room)} copies of the model"
    if settings.workers and settings.http_workers:
        because = "they are set"
    return Choice(http_workers=http_workers, workers=workers, because=because)


def gpu_count(devices: Path = Path("/dev")) -> int:
    """How many NVIDIA devices the container runtime put here.

    Without NVML, which is the workers' business.
    """
    return sum(1 for device in devices.glob("nvidia[0-9]*") if device.name.removeprefix("nvidia").isdigit())


def _share(cpus: int) -> int:
    return max(
        1, math.ceil(cpus / 4)
    )  # measured: one HTTP worker feeds four workers of a convolutional network
