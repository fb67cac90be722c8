"""How many processes this container should run: bounds at the start, a choice once a run was measured. Pure.

`supervisor` asks twice. `plan` knows the CPU limit and the GPUs; `choose` also knows what the first owner
measured: how long a row takes, and how much memory a copy of the model.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paddlemodel_server.settings import Settings

UNLIMITED = 4  # CPUs: without a limit a big node would otherwise get one copy of the model per core
MOST_OWNERS: Final = 64
MOST_FRONTS: Final = 8
# CPU seconds of a small request, raw or in JSON, at 32 connections on two busy cores: docs/benchmarks.md.
FRONT_SECONDS = 40e-6
OWNER_SECONDS = 15e-6  # beside the run
FRONT_BYTES = 128 * 1024 * 1024  # a front with some large bodies at hand; about 70 MB when idle
SHARE_OF_BODIES = 0.125  # of memory; a JSON body can grow fourfold as tensors, so this may become half of it
SHARE_OF_MEMORY = 0.9  # the rest is for slots, sockets and the page cache that a run needs


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The most processes there will be, and the Paddle threads of each owner."""

    fronts: int
    owners: int
    threads: int
    body_bytes: int = 1 << 30  # of all bodies that one front may hold; what is beyond gets 429


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the first owner has shown."""

    row_seconds: float | None  # of the fastest way to run a row; None where nothing could be timed
    owner_bytes: int  # its own memory when warm


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The processes to run, and which sentence of the documentation decided."""

    fronts: int
    owners: int
    because: str


def plan(settings: Settings, cpus: float | None, usable: int, gpus: int, memory: int) -> Sizes:
    """Bound the process counts; what the user set wins.

    Args:
        settings: the user's wish.
        cpus: the cgroup's limit, None without one.
        usable: how many CPUs the scheduler may give this process.
        gpus: how many GPUs the container sees.
        memory: the container's limit, in bytes.
    """
    available = min(cpus or UNLIMITED, usable)
    if settings.device == "gpu":
        owners = settings.owners or max(1, gpus)
        fronts = max(1, min(MOST_FRONTS, math.ceil(available / 2)))  # beside a GPU, decoding needs the cores
        threads = 1
    else:
        owners = settings.owners or max(1, int(available))
        fronts = max(1, min(MOST_FRONTS, math.ceil(available)))
        threads = max(1, int(available // owners))
    fronts = settings.fronts or fronts
    # One body of full size must always fit, while another one is being received.
    bodies = max(2 * settings.max_request_bytes, int(memory * SHARE_OF_BODIES) // fronts)
    return Sizes(fronts=fronts, owners=min(owners, MOST_OWNERS), threads=threads, body_bytes=bodies)


def at_first(settings: Settings, sizes: Sizes) -> Choice:
    """What to start before anything was measured: one owner, ready the sooner for being alone."""
    fronts = settings.fronts or (sizes.fronts if settings.device == "gpu" else _share(sizes.fronts))
    return Choice(fronts=fronts, owners=1, because="nothing is measured yet")


def choose(settings: Settings, sizes: Sizes, measured: Measured, memory: int) -> Choice:
    """Choose the process counts for a model; what the user set wins.

    On CPU the cores are shared out as the work is: a request is taken to cost a front 40 microseconds, and an
    owner 15 beside the run. A model of microseconds gets fronts for most cores, a convolutional network of
    milliseconds one owner per core. More processes than cores would only wake each other: with a second
    front on two cores a small request was measured to cost a fifth more.

    Args:
        settings: the user's wish.
        sizes: the bounds, from `plan`.
        measured: what the first owner has shown.
        memory: the container's limit, in bytes.
    """
    first = at_first(settings, sizes)
    owners, fronts, because = sizes.owners, first.fronts, "one owner per CPU"
    if settings.device == "gpu":
        because = "one owner per GPU"
    elif measured.row_seconds is not None:
        cost = measured.row_seconds + OWNER_SECONDS
        share = cost / (cost + FRONT_SECONDS)
        # Half up: Python's round() would send a half to the even number.
        owners = max(1, min(sizes.owners, math.floor(sizes.owners * share + 0.5)))
        fronts = max(first.fronts, math.floor(sizes.fronts * (1 - share) + 0.5))
        because = f"the owners' share of a request's work is {share:.0%}"
    owners, fronts = settings.owners or owners, settings.fronts or fronts
    room = int((memory * SHARE_OF_MEMORY - fronts * FRONT_BYTES) // max(1, measured.owner_bytes))
    if room < owners and settings.owners is None and settings.device == "cpu":
        owners, because = max(1, room), f"memory has room for {max(1, room)} copies of the model"
    if settings.owners and settings.fronts:
        because = "they are set"
    return Choice(fronts=fronts, owners=owners, because=because)


def gpu_count(devices: Path = Path("/dev")) -> int:
    """How many NVIDIA devices the container runtime put here; without NVML, which is the owners' business."""
    return sum(1 for device in devices.glob("nvidia[0-9]*") if device.name.removeprefix("nvidia").isdigit())


def _share(cpus: int) -> int:
    return max(1, math.ceil(cpus / 4))  # measured: one front feeds four owners of a convolutional network
