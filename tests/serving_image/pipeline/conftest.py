"""What an HTTP worker and its workers share, without processes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_server.ipc import counters
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext, Sizes


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ProcessContext]:
    sizes = Sizes(http_workers=1, workers=1, threads=1)
    fds = scoreboards.create(), counters.create()
    yield ProcessContext(folder=tmp_path, scoreboard_fd=fds[0], counters_fd=fds[1], sizes=sizes)
    for fd in fds:
        os.close(fd)
