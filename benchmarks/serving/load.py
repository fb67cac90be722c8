"""The load: a process of its own that keeps CONCURRENCY requests under way and measures each.

wrk is used where it is installed, because it takes less of the cores that the server needs; otherwise
client.py. Both keep connections open as long as the server does.
"""

import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Target:
    port: int
    path: str
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def request(self) -> bytes:
        """As HTTP."""
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {self.content_type}\r\n{more}"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(frozen=True, kw_only=True)
class Measured:
    rate: float  # answers with 200 per second of the window
    p50_ms: float
    p99_ms: float
    requests: int  # answered with 200 in the window
    answered: int  # by whatever status, also before and after the window: what the server's CPU was spent on
    errors: int  # other statuses, connections that ended without the answer, answers that never came
    client_cpu: float  # of one core; near 1, the load is the limit and not the server


def tool() -> str:
    return "wrk" if shutil.which("wrk") else "the built-in client (uvloop, httptools)"


def measure(target: Target, concurrency: int, seconds: float) -> Measured:
    """Keep `concurrency` requests under way; four times as long where nothing was answered in `seconds`."""
    tool = _wrk if shutil.which("wrk") else _own
    answered = errors = 0
    for duration in (seconds, 4 * seconds):
        measured = tool(target, concurrency, duration)
        answered, errors = answered + measured.answered, errors + measured.errors
        if measured.requests:
            return replace(measured, answered=answered, errors=errors)
    raise RuntimeError(
        f"port {target.port} answered nothing with 200 in {4 * seconds:g} s; {errors} requests failed"
    )


def _own(target: Target, concurrency: int, seconds: float) -> Measured:
    arguments = [str(target.port), str(concurrency), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.serving.client", *arguments]
    done = subprocess.run(
        command, input=target.request(), stdout=subprocess.PIPE, check=True, timeout=seconds + 60
    )
    return Measured(**json.loads(done.stdout))


def _wrk(target: Target, concurrency: int, seconds: float) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder, "body"), Path(folder, "post.lua")
        body.write_bytes(target.body)
        script.write_text(_script(target, body))
        # wrk knows whole seconds only, and drops latencies above its timeout
        options = ["-t1", f"-c{concurrency}", f"-d{max(1, round(seconds))}s", "--timeout", "60s"]
        began, before = time.perf_counter(), _cpu_of_children()
        done = subprocess.run(
            ["wrk", *options, "-s", str(script), f"http://127.0.0.1:{target.port}{target.path}"],
            capture_output=True,
            text=True,
            check=True,
        )
        share = (_cpu_of_children() - before) / (time.perf_counter() - began)
    return wrk_summary(done.stdout + done.stderr, share)


def _script(target: Target, body: Path) -> str:
    headers = {"Content-Type": target.content_type} | target.headers
    return (
        f'local file = io.open("{body}", "rb")\nwrk.method = "POST"\nwrk.body = file:read("*a")\n'
        + "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in headers.items())
        + "function done(summary, latency)\n"
        "  local e = summary.errors\n"
        '  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,'
        " e.status, e.connect + e.read + e.write + e.timeout,"
        " latency:percentile(50), latency:percentile(99)))\nend\n"
    )


def wrk_summary(output: str, share: float) -> Measured:
    """What our script made wrk say.

    Its latencies are those of all answers, so another status than 200 can only be taken out of their number.
    Requests under way at its end are in none of its numbers.
    """
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if not found:
        raise RuntimeError(output)
    answered, microseconds, refused, failed, p50, p99 = map(int, found.groups())
    return Measured(
        rate=(answered - refused) / microseconds * 1e6,
        p50_ms=p50 / 1000,
        p99_ms=p99 / 1000,
        requests=answered - refused,
        answered=answered,
        errors=refused + failed,
        client_cpu=share,
    )


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
