"""A peer: mosec (its HTTP half is Rust) around the same predictor as everybody's, tuned as its manual says.

Runs in the peers' environment (tests/peers.py). Paddle, numpy's twin and our file finder come from our own
environment, behind the peers' packages on the path, so that all contenders run the same Paddle.
"""

import os
import site
from pathlib import Path

site.addsitedir(os.environ["BENCH_SITE"])

import numpy as np
from mosec import Server, Worker  # type: ignore[import-not-found,unused-ignore]  # in the peers' environment
from numpy.typing import NDArray

from benchmarks.serving import bare

SAMPLE = np.load(os.environ["BENCH_TENSOR"])
BATCH, WORKERS = int(os.environ["BENCH_BATCH"]), int(os.environ["BENCH_WORKERS"])


class Inference(Worker):  # type: ignore[misc,unused-ignore]  # mosec is not in our environment
    def __init__(self) -> None:
        super().__init__()
        self._model = bare.fastest(Path(os.environ["MODEL_DIR"]), SAMPLE)
        for rows in range(1, BATCH + 1):  # the first run of a size costs several times as much
            self._model.run(np.repeat(SAMPLE, rows, axis=0))

    def deserialize(self, data: bytes) -> NDArray[np.float32]:
        return np.frombuffer(data, np.float32).reshape(SAMPLE.shape)

    def forward(self, data: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        return list(self._model.run(np.concatenate(data)))

    def serialize(self, data: NDArray[np.float32]) -> bytes:
        return data.tobytes()


if __name__ == "__main__":
    server = Server()
    server.append_worker(Inference, num=WORKERS, max_batch_size=BATCH)
    server.run()
