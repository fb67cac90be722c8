"""Where the processes of one server meet."""

import socket
from pathlib import Path

from paddlemodel_server.ipc.process_context import ProcessContext, Sizes


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
