"""The program that asks the bare predictor and a real worker: python -m tests.fuzz.child FOLDER [WORD] SEED…

It loads Paddle once and then forks for every step: that costs milliseconds where a new interpreter with
Paddle costs two seconds, and a child takes nothing along but its seed: not the flags of the last model, not
its memory, not its crash. For each seed a line of JSON is printed: `{"seed": …, "result": "same" | "wrong" |
"skipped", "why": …}`. Two children each, beside the model that `exporting` has written:

- one asks the bare predictor: without oneDNN, without optimisation, a new predictor for each request;
- one becomes a real worker (`paddlemodel_server.worker.main`), which is asked through shared memory.

With the word `bare` only the first is asked; answers of it that lie there already are taken as they are.
"""

import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from paddlemodel_server.engine.made_up import inputs
from paddlemodel_server.ipc import counters
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext, Sizes

from tests.fuzz import blind, compare, forks, generator
from tests.fuzz.slots_client import SlotsClient

Array = np.ndarray[Any, np.dtype[Any]]
BLIND = "blind"  # the worker compares nothing before it optimises, and all the fuzzer's findings are its own
BARE = "bare"  # no worker is asked
ROUNDS = 4  # in which all requests arrive at once


def ask_bare(program: generator.Program, folder: Path, nudged: bool = False) -> None:
    """Answer every request alone with a predictor of its own, into FOLDER/bare-N.npz (or nudged-N.npz)."""
    from tests import bare_predictor  # noqa: PLC0415 - it is what loads OpenCV

    for at, request in enumerate(generator.requests(program)):
        asked = dict(zip(request, inputs.nudged([*request.values()]), strict=True)) if nudged else request
        answer = bare_predictor.run(folder, asked, plain=True)
        np.savez(folder / f"{'nudged' if nudged else 'bare'}-{at}.npz", *answer.values())


def become_worker(folder: Path) -> None:
    """Serve the model as the supervisor's child does; never returns."""
    from paddlemodel_server.worker import main  # noqa: PLC0415

    if BLIND in sys.argv:
        blind.blindfold()
    context = ProcessContext(
        folder=folder,
        scoreboard_fd=scoreboards.create(),
        counters_fd=counters.create(),
        sizes=Sizes(http_workers=2, workers=1, threads=1),
    )
    os.environ["PADDLEMODEL_MODEL_DIR"] = str(folder)
    os.environ["PADDLEMODEL_WARMUP_SECONDS"] = "60"  # a busy machine must not change what is tried
    sys.argv = ["worker", "0", str(time.monotonic()), str(os.getppid()), context.to_json()]
    main.main()


def ask_worker(
    program: generator.Program, folder: Path, expected: Sequence[list[Array]], most: Sequence[list[float]]
) -> str:
    """Compare a real worker's answers with the expected ones; what is wrong, or nothing.

    Args:
        program: the program.
        folder: its model's.
        expected: by request.
        most: how far off each output may be, by request; nothing: by no more than rounding.
    """
    requests = [[request[one.name] for one in program.inputs] for request in generator.requests(program)]
    address, log = folder / "worker-0.sock", folder / "worker.log"
    pid = forks.forked(lambda: become_worker(folder), log)
    try:
        while not _listens(address):
            if os.waitpid(pid, os.WNOHANG)[0]:
                pid = 0
                left = folder / "worker-0.failed"
                return (
                    f"the worker does not start: {left.read_text() if left.exists() else forks.why(1, log)}"
                )
            time.sleep(0.002)
        return _wrong(program, address, requests, [*zip(expected, most, strict=True)])
    except (ConnectionError, TimeoutError) as error:
        return f"the worker died: {error!r} {log.read_text(errors='replace')[-300:]}"
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _listens(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(address)) == 0


def _wrong(
    program: generator.Program,
    address: Path,
    requests: Sequence[Sequence[Array]],
    expected: Sequence[tuple[list[Array], list[float]]],
) -> str:
    """Each request alone, then all at once in several orders, shared out to two connections."""
    chance = random.Random(program.seed)
    alone = [[at] for at in range(len(requests))]
    shuffled = [chance.sample(range(len(requests)), len(requests)) for _ in range(ROUNDS)]
    clients = [SlotsClient(address, len(requests)) for _ in range(2)]
    for numbers in alone + shuffled:
        parts = [numbers[::2], numbers[1::2]]
        for client, part in zip(clients, parts, strict=True):
            if part:
                client.send([requests[at] for at in part])
        for client, part in zip(clients, parts, strict=True):
            for at, found in zip(part, client.answers(len(part)), strict=True):
                fault = (
                    f"status {found}"
                    if isinstance(found, int)
                    else compare.fault(expected[at][0], found, expected[at][1])
                )
                if fault:
                    company = "alone" if len(numbers) == 1 else "in company"
                    return f"request {at} ({len(requests[at][0])} rows) {company}: {fault}"
    for client in clients:
        client.close()
    return ""


def examine(seed: int, root: Path) -> dict[str, Any]:
    """Everything about one seed."""
    program, folder = generator.program(seed), root / str(seed)
    found = {"seed": seed, "format": "pir" if program.pir else "legacy", "blocks": program.blocks}
    if (folder / "failed").exists():
        return found | {"result": "skipped", "why": f"export: {(folder / 'failed').read_text()}"}
    try:
        if not answered(folder):
            forks.whole(lambda: ask_bare(program, folder), folder / "bare.log")
    except forks.StepError as error:
        return found | {"result": "skipped", "why": f"bare: {error}"}
    if BARE in sys.argv:
        return found | {"result": "skipped", "why": "no worker was wanted"}
    right = answers(folder)
    why = ask_worker(program, folder, right, [[]] * len(right))
    if why.startswith("request "):
        # Perhaps the program magnifies rounding; the second worker may choose otherwise and differ elsewhere.
        forks.whole(lambda: ask_bare(program, folder, nudged=True), folder / "bare.log")
        moved = [*map(compare.allowed, right, answers(folder, "nudged"))]
        if any(max(most, default=0) > compare.TOLERANCE for most in moved):
            why = ask_worker(program, folder, right, moved)
    return found | {"result": "wrong" if why else "same", "why": why}


def answered(folder: Path) -> bool:
    """Whether the bare predictor's answers lie there."""
    return all((folder / f"bare-{at}.npz").exists() for at in range(generator.REQUESTS))


def answers(folder: Path, kind: str = "bare") -> list[list[Array]]:
    """The bare predictor's, by request."""
    return [list(np.load(folder / f"{kind}-{at}.npz").values()) for at in range(generator.REQUESTS)]


def main() -> None:
    """Examine every seed."""
    # Loaded once, for the children; never used in this process.
    from paddlemodel_server.worker import main as _worker  # noqa: F401, PLC0415

    for seed in [word for word in sys.argv[2:] if word not in {BLIND, BARE}]:
        print(json.dumps(examine(int(seed), Path(sys.argv[1]))), flush=True)


if __name__ == "__main__":
    main()
