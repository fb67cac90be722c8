"""A worker that has grown is replaced while it serves, and no request notices: real servers, under load."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import cleartext
from tests.serving_image.support import servers
from tests.serving_image.support.load import INFER, Load
from tests.serving_image.support.memory_group import memory_group
from tests.serving_image.support.servers import Server, eventually, metric

Export = Callable[[str, str], Path]
MIB = 1 << 20
RECYCLED = 'paddle_worker_exits_total{reason="recycled"}'


def warm_bytes(server: Server) -> int:
    """What a worker of the model takes when it is warm, and no test has made it grow."""
    events = map(json.loads, server.logged().splitlines())
    return MIB * next(int(event["worker_mib"]) for event in events if event["message"] == "sized")


@contextmanager
def growing(server: Server) -> Iterator[None]:
    """A client whose ever larger requests make the workers keep ever more memory."""
    stop = threading.Event()

    def grow() -> None:
        with cleartext.Client(base_url=server.url, timeout=180) as client:
            for thousands in range(500, 4500, 500):
                columns = thousands * 1000
                data = "1," * (columns - 1) + "1"
                entry = f'{{"name":"x","datatype":"FP32","shape":[1,{columns}],"data":[{data}]}}'
                if stop.is_set():
                    return
                client.post(INFER, content=f'{{"inputs":[{entry}]}}')

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_worker_that_has_grown_is_replaced_without_a_failed_request(
    server: Server, exported: Export, tmp_path: Path
) -> None:
    bound = int(warm_bytes(server) * 1.25)
    with servers.serving(
        exported("pir", "mixed"), tmp_path, name="mixed", worker_memory_limit_bytes=bound
    ) as grown:
        eventually(lambda: "sized" in grown.logged(), "the first worker is measured")
        (before,) = (process.pid for process in grown.processes("worker"))
        with Load(grown, 8) as clients, growing(grown):
            eventually(lambda: metric(grown, RECYCLED) == 1, "the worker is replaced", 180)
            eventually(lambda: "worker exited" in grown.logged(), "the old one is gone", 180)
            more = clients.answered()
            eventually(lambda: clients.answered() > more + 100, "the new one answers")
        assert (clients.outcomes.lost, clients.outcomes.wrong) == ([], [])
        assert set(clients.outcomes.statuses) == {200}
        (after,) = (process.pid for process in grown.processes("worker"))
        assert after != before
        assert metric(grown, "paddle_workers_ready") == 1
        assert metric(grown, "paddle_worker_restarts_total") == 1


def test_without_room_for_two_the_pod_is_unready_meanwhile(
    server: Server, exported: Export, tmp_path: Path
) -> None:
    """The limit, and one more warm copy, do not fit into the container's memory."""
    bound = int(warm_bytes(server) * 1.25)
    with memory_group() as group:
        group.limit(int((bound + 200 * MIB) / 0.9))
        with group.entered():
            grown = servers.start(
                exported("pir", "mixed"), tmp_path, name="mixed", worker_memory_limit_bytes=bound
            )
        try:
            grown.wait_ready()
            eventually(lambda: '"successor_fits": false' in grown.logged(), "the first worker is measured")
            group.limit(1 << 40)  # the server has read it; nobody is to be killed here
            (before,) = (process.pid for process in grown.processes("worker"))
            with Load(grown, 4) as clients, growing(grown):
                eventually(lambda: not grown.ready(), "the pod is unready", 180)
                eventually(lambda: metric(grown, RECYCLED) == 1, "the worker is replaced", 180)
                eventually(grown.ready, "the pod is ready again", 180)
                more = clients.answered()
                eventually(lambda: clients.answered() > more + 100, "requests are answered")
            assert (clients.outcomes.lost, clients.outcomes.wrong) == ([], [])
            assert set(clients.outcomes.statuses) <= {200, 503}
            assert before not in {process.pid for process in grown.processes("worker")}
        finally:
            servers.end(grown)


def test_a_limit_below_what_the_model_takes_is_told_and_not_enforced(
    exported: Export, tmp_path: Path
) -> None:
    with servers.serving(
        exported("pir", "mixed"), tmp_path, name="mixed", worker_memory_limit_bytes=MIB
    ) as server:
        eventually(lambda: "growing workers are not replaced" in server.logged(), "it is told")
        with Load(server, 4) as clients:
            eventually(lambda: clients.answered() > 500, "requests are answered")
        assert set(clients.outcomes.statuses) == {200}
        assert metric(server, RECYCLED) == 0
