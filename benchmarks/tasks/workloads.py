"""The workloads by name."""

from benchmarks.tasks.sounds import FLAC, WAV
from benchmarks.tasks.texts import TEXTS_TO_VECTORS
from benchmarks.tasks.workload import Workload

ALL: dict[str, Workload] = {found.name: found for found in (TEXTS_TO_VECTORS, WAV, FLAC)}
