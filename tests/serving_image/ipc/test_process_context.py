"""Where the processes of one server meet."""

import socket
from pathlib import Path

import pytest
from paddlemodel_server.ipc.process_context import ProcessContext, Sizes
from paddlemodel_server.protocol.served import Columns, Ragged, Reduction, WarmUp


def test_a_folder_longer_than_a_socket_address_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    runtime = ProcessContext(
        folder=folder, scoreboard_fd=0, counters_fd=0, sizes=Sizes(http_workers=1, workers=1, threads=1)
    )
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as http_worker:
        with runtime.socket(0) as address:
            listener.bind(address)
        listener.listen(1)
        with runtime.socket(0) as address:
            http_worker.connect(address)
        listener.accept()[0].close()
    assert (folder / "worker-0.sock").exists()


@pytest.mark.parametrize(
    "task",
    [
        WarmUp(),
        WarmUp(shapes={"x": [1, 3]}, scores=0, setting="spec.task", http_seconds=1e-3),
        WarmUp(ragged=Ragged(counts=1, outputs=[0]), reduction=Reduction(function="label", axis=1)),
        WarmUp(columns=Columns(task="t", output=1, count=None, names="", cure="", alone="set it")),
    ],
)
def test_what_the_task_asks_for_reaches_the_workers(task: WarmUp, tmp_path: Path) -> None:
    sizes = Sizes(http_workers=1, workers=1, threads=1)
    runtime = ProcessContext(folder=tmp_path, scoreboard_fd=0, counters_fd=0, sizes=sizes, warm_up=task)
    assert ProcessContext.from_json(runtime.to_json()) == runtime
