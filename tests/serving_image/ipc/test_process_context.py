"""Where the processes of one server meet."""

import socket
from pathlib import Path

from paddlemodel_server.ipc.process_context import Runtime
from paddlemodel_server.supervisor.sizing import Sizes


def test_a_folder_longer_than_a_socket_address_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    runtime = Runtime(folder=folder, board_fd=0, counters_fd=0, sizes=Sizes(fronts=1, owners=1, threads=1))
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as front:
        with runtime.socket(0) as address:
            listener.bind(address)
        listener.listen(1)
        with runtime.socket(0) as address:
            front.connect(address)
        listener.accept()[0].close()
    assert (folder / "owner-0.sock").exists()
