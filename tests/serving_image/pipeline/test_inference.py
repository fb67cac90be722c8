"""A request's way through an HTTP worker, where its threads are busy."""

import asyncio
import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest
from paddlemodel_server import protocol
from paddlemodel_server.pipeline.context import Service
from paddlemodel_server.pipeline.inference import Inference
from paddlemodel_server.pipeline.request_log import RequestRecord

from tests.serving_image.support.bodies import body, echo


@pytest.mark.parametrize("begun", [False, True], ids=["waits-for-a-thread", "is-decoded"])
def test_the_deadline_holds_for_work_in_threads(monkeypatch: pytest.MonkeyPatch, *, begun: bool) -> None:
    """The only thread is busy, with something else or with this request: 504 all the same."""
    gate, parsed = threading.Event(), list[bytes]()
    counted = {"admitted": 0, "submitted": 0}

    def parse(*arguments: Any) -> protocol.Request:
        parsed.append(arguments[-1])
        gate.wait(60)
        return protocol.Request(arrays=[])

    def count(what: str, number: int = 1) -> None:
        counted[what] += number

    async def asked() -> protocol.Response:
        with ThreadPoolExecutor(1) as threads:
            if not begun:
                threads.submit(gate.wait, 60)
            service = SimpleNamespace(
                served=echo("float32"),
                settings=SimpleNamespace(timeout_seconds=60),
                dispatcher=SimpleNamespace(
                    admit=lambda: count("admitted"),
                    leave=lambda: count("admitted", -1),
                    submit=lambda *_: count("submitted"),
                ),
                metrics=SimpleNamespace(decode=SimpleNamespace(observe=lambda _: None)),
                loop=asyncio.get_running_loop(),
                threads=threads,
            )
            answer: asyncio.Future[protocol.Response] = service.loop.create_future()
            headers = {"content-encoding": "gzip", "x-request-timeout": "0.05"}
            call = Inference(
                cast("Service", service), RequestRecord(protocol.INFER, headers), answer.set_result
            )
            head = protocol.read_head(service.served, protocol.INFER, headers)
            call.start(head, gzip.compress(body()), time.monotonic())
            response = await asyncio.wait_for(answer, 60)
            gate.set()  # only now: the answer came before the work was done
        await asyncio.sleep(0)  # what the thread has said is heard now
        return response

    monkeypatch.setattr(protocol, "parse", parse)
    response = asyncio.run(asked())
    assert response.status == 504
    assert response.body == b'{"error":"The request was not answered within 0.05 seconds."}'
    assert counted == {"admitted": 0, "submitted": 0}
    assert len(parsed) <= begun
