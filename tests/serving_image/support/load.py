"""Clients for the fault tests: quick, strict about answers, and of bad manners where a test wants it."""

import contextlib
import http.client
import json
import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.serving_image.support.servers import Server

INFER = "/v2/models/mixed/infer"
BODY = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}).encode()
JSON = {"Content-Type": "application/json"}
ABRUPT = b"\x01\0\0\0\0\0\0\0"  # of SO_LINGER: closing sends RST, not FIN
GROWTH = 48 << 20  # bytes that all processes together may keep: caches of shapes and parsers, pools of memory
MAPPINGS = 40  # parts of files that they may have more: of modules loaded late; measured were none


@dataclass
class Outcomes:
    """What became of all requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)  # connections that ended without an answer
    retry_after: Counter[str | None] = field(default_factory=Counter)  # of the answers 503
    refused: int = 0  # connections that were not made
    wrong: list[str] = field(default_factory=list)  # answers that were another's


class Load:
    """Clients that send one request after the other on a kept connection, and note every outcome.

    As behind a Service: a connection that was closed is made anew, until the server refuses it.
    """

    def __init__(self, server: Server, clients: int, one: "Request | None" = None) -> None:
        self.outcomes = Outcomes()
        self._server = server
        self._one = one or small
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every client finish its request, and end."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def answered(self, status: int = 200) -> int:
        return self.outcomes.statuses[status]

    def _run(self, number: int) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=180)
        while not self._stop.is_set():
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                self.outcomes.refused += 1
                return
            try:
                self._one(connection, chance, self.outcomes)
            except (OSError, http.client.HTTPException) as error:
                self.outcomes.lost.append(repr(error))
                connection.close()
        connection.close()


Request = Callable[[http.client.HTTPConnection, random.Random, Outcomes], None]


def small(connection: http.client.HTTPConnection, _: random.Random, outcomes: Outcomes) -> None:
    """One small request of known answer."""
    connection.request("POST", INFER, BODY, JSON)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 503:
        outcomes.retry_after[answer.getheader("Retry-After")] += 1
    outcomes.statuses[answer.status] += 1
    if answer.status == 200 and json.loads(body)["outputs"][0]["data"] != [3.0, 5.0]:
        outcomes.wrong.append(body.decode()[:200])


def own(connection: http.client.HTTPConnection, chance: random.Random, outcomes: Outcomes) -> None:
    """A request of random shape and numbers to the model `mixed`, whose answer must be its own.

    x * 2 + 1 is exact in any batch, so it must agree bit for bit; a row's mean may be summed in another order
    when rows run together, so it must agree to a millionth.
    """
    x = numbers(chance)
    number = str(chance.getrandbits(60))
    connection.request("POST", INFER, v2(x, number), JSON)
    answer = connection.getresponse()
    body = answer.read()
    outcomes.statuses[answer.status] += 1
    if answer.status == 200:
        fault = mismatch(json.loads(body), x, number)
        if fault:
            outcomes.wrong.append(fault)


def numbers(chance: random.Random) -> np.ndarray[Any, np.dtype[np.float32]]:
    """One to four rows of one to nine columns."""
    shape = chance.randint(1, 4), chance.randint(1, 9)
    return np.array([[chance.uniform(-9, 9) for _ in range(shape[1])] for _ in range(shape[0])], np.float32)


def v2(x: np.ndarray[Any, np.dtype[np.float32]], number: str) -> bytes:
    entry = {"name": "x", "datatype": "FP32", "shape": list(x.shape), "data": x.ravel().tolist()}
    return json.dumps({"id": number, "inputs": [entry]}).encode()


def mismatch(answer: Any, x: np.ndarray[Any, np.dtype[np.float32]], number: str) -> str:
    """Why this is not the answer to that request; empty where it is."""
    if answer["id"] != number:
        return f"the id is {answer['id']}, asked was {number}"
    double, mean = (np.array(o["data"], np.float32).reshape(o["shape"]) for o in answer["outputs"])
    expected = x * np.float32(2) + np.float32(1)
    if double.shape != x.shape or not np.array_equal(double, expected):
        return f"{double.tolist()} is not {expected.tolist()}"
    if mean.shape != x.shape[:1] or not np.allclose(mean, x.mean(axis=1), rtol=1e-6, atol=1e-6):
        return f"{mean.tolist()} is not {x.mean(axis=1).tolist()}"
    return ""


def vanish(port: int, sent: bytes) -> None:
    """Send something and leave without reading the answer; abruptly, as a killed client does."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=180) as connection,
    ):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPT)
        connection.sendall(sent)


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """A whole request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True)
class Footprint:
    """What a server holds."""

    memory: int  # bytes of its own: not those of files, which other programs may have in memory as well
    descriptors: int
    processes: int
    threads: int
    mappings: int  # parts of files that lie in memory, whose bytes `memory` leaves out


def own_bytes(process: psutil.Process) -> int:
    """Memory that nobody but a process and its relatives hold; what they share is counted in parts.

    A library's pages are parted between all programs that use it: where a server of another test ends, the
    parts of this one grow by tens of megabytes, though it has taken nothing.
    """
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    return (kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"]) << 10


def mapped(process: psutil.Process) -> int:
    """How many parts of files a process has in memory, each as often as it has it."""
    return sum("/" in line for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines())


def footprint(server: Server) -> Footprint:
    main = psutil.Process(server.process.pid)
    family = [main, *main.children(recursive=True)]
    return Footprint(
        memory=sum(own_bytes(process) for process in family),
        descriptors=sum(process.num_fds() for process in family),
        processes=len(family),
        threads=sum(process.num_threads() for process in family),
        mappings=sum(mapped(process) for process in family),
    )


def asked(server: Server, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
    """Status and decoded body; an answer that is no JSON fails the test."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    with contextlib.closing(connection):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, body, {"Content-Type": "application/json"} | names)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def row_of_ones(columns: int) -> bytes:
    """One row of ones."""
    return b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,%d],"data":[%s1]}]}' % (
        columns,
        b"1," * (columns - 1),
    )


def received(connection: socket.socket, answers: int | None = None) -> bytes:
    """What comes until so many answers have begun; without a number, until the server ends its side."""
    found = b""
    while answers is None or found.count(b"HTTP/1.1 ") < answers:
        more = connection.recv(65536)
        if not more:
            break
        found += more
    return found


def statuses(answers: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d+)", answers)
