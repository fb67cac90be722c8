"""`paddlemodel-server bench`: a load test, several servers side by side."""

import argparse
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from paddlemodel_server.commands import console, credentials, inputs, load
from paddlemodel_server.commands.client import Client, address
from paddlemodel_server.commands.console import positive, seconds
from paddlemodel_server.commands.credentials import Credentials
from paddlemodel_server.commands.load import Plan, Result, Shot
from paddlemodel_server.commands.predict import add_made_up
from paddlemodel_server.errors import StartError
from paddlemodel_server.verification import v2_client

BUSY_CLIENT = 0.9  # of a core: above, the client may have been slower than the server

DESCRIPTION = """Put load on running servers and compare them: requests per second, latency, errors.

URL is http://host:port of any server that speaks the Open Inference Protocol V2 (this one, Triton,
KServe), or http://host:port/v2/models/NAME where it has several models. The request is made from what the
server says of its inputs; or give --body, and URL is what is posted to (/predict without a path).

With several URLs the rounds take turns, so that what else the machine does hits all alike; ratios are of the
same round, and the table has their median. The first URL is what the others are compared with.

The load is closed by default: every connection sends its next request when it has the answer. Such numbers
are kind to a server that stalls (coordinated omission): who would have come meanwhile does not count.
--rate makes the load open: requests are due at a fixed rate, and their time counts from then."""

EXAMPLES = """examples:
  paddlemodel-server bench http://localhost:8080
  paddlemodel-server bench http://localhost:8080 http://triton:8000/v2/models/resnet --concurrency 1,8,32
  paddlemodel-server bench http://localhost:8080 --body cat.jpg --duration 10
  paddlemodel-server bench http://localhost:8080 --rate 500 --concurrency 64 --json

Measure on a quiet machine, and not from the cores that the server needs. Exit codes: 0 measured; 1 a request
failed (the table says how) or a server does not answer; 2 the command line is wrong."""


@dataclass(kw_only=True)
class Series:
    """All rounds of one server at one concurrency."""

    url: str
    concurrency: int
    rounds: list[Result] = field(default_factory=list)
    ratio: float = 1.0  # of requests per second, to the first server: the median over the rounds

    @property
    def throughputs(self) -> list[float]:
        """Requests per second, round by round."""
        return [result.throughput for result in self.rounds]

    @property
    def faults(self) -> Counter[str]:
        """What was no answer with status 200."""
        return sum((result.faults for result in self.rounds), Counter())

    def milliseconds(self, percent: float) -> float:
        """The median over the rounds of a percentile."""
        return statistics.median(result.percentile(percent) * 1e3 for result in self.rounds)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The command line of `bench`; times in seconds."""

    urls: tuple[str, ...]
    concurrency: tuple[int, ...] = (1, 8, 32)
    duration: float = 3.0
    warmup: float = 0.5
    rounds: int = 3
    rate: float | None = None  # requests a second; None: as fast as they are answered
    tensors: Literal["auto", "binary", "json"] = "auto"
    rows: int | None = None
    shapes: inputs.Shapes = field(default_factory=dict)
    body: Path | None = None
    content_type: str | None = None
    json: bool = False
    credentials: Credentials = field(default_factory=Credentials)

    def plan(self, concurrency: int) -> Plan:
        """What one measurement runs: so many connections, for the seconds that the options say."""
        return Plan(concurrency=concurrency, seconds=self.duration, warmup=self.warmup, rate=self.rate)


def main(argv: Sequence[str]) -> int:
    """Measure as the command line says; returns the exit code."""
    options = _parse(argv)
    for url in options.urls:
        address(url)  # a sentence for what is none
    form, shots = _raw_shots(options, options.body) if options.body else _shots(options)
    for url, shot in shots.items():
        _try(url, shot, options.credentials)
    series = measure(shots, options)
    _compare(series, options.urls[0])
    if options.json:
        console.print_json(as_json(series))
    else:
        _show(series, options, form)
    return 1 if any(one.faults for one in series) else 0


def _parse(argv: Sequence[str]) -> Options:
    parser = _parser()
    found = parser.parse_intermixed_args(argv)
    if found.body and (found.rows is not None or found.shapes or found.tensors != "auto"):
        parser.error("--rows, --shape and --tensors are for requests that are made up, not for --body")
    if found.content_type and not found.body:
        parser.error("--content-type is for --body")
    if len(set(found.urls)) < len(found.urls):
        parser.error("a URL is there twice")
    shown = credentials.taken(found, asks_a_server=True, parser=parser)
    given = {"urls": tuple(found.urls), "shapes": dict(found.shapes), "credentials": shown}
    return Options(**vars(found) | given)


def measure(shots: dict[str, Shot], options: Options) -> list[Series]:
    """Round after round, concurrency after concurrency, server after server."""
    series = [Series(url=url, concurrency=c) for c in options.concurrency for url in shots]
    each = options.warmup + options.duration
    with _progress(each * len(series) * options.rounds) as track:
        for number in range(options.rounds):
            for at, one in enumerate(series):
                before = (number * len(series) + at) * each
                turn = f"round {number + 1}/{options.rounds}, {one.concurrency} connections"
                progress = track(f"{turn}, {_short(one.url)}", before)
                one.rounds.append(load.run(shots[one.url], options.plan(one.concurrency), progress))
    return series


Track = Callable[[str, float], Callable[[float], None]]


@contextmanager
def _progress(seconds: float) -> Iterator[Track]:
    """A bar on standard error, where that is a terminal."""
    out = console.console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("", total=seconds)

        def track(what: str, before: float) -> Callable[[float], None]:
            return lambda passed: bar.update(task, description=what, completed=before + passed)

        yield track


def _shots(options: Options) -> tuple[str, dict[str, Shot]]:
    """The same tensors in the same form for every server: binary only if all of them take it."""
    clients = {url: Client(url, options.credentials) for url in options.urls}
    known = {url: client.metadata() for url, client in clients.items()}
    binary = options.tensors == "binary"
    if options.tensors == "auto":
        binary = all(one.binary for one in known.values())
    shots = {}
    for url, one in known.items():
        if not one.inputs:
            raise StartError(
                "NoMetadata",
                f"{url} does not say what its model takes; give the request with --body FILE, and the whole "
                "URL that it is posted to.",
            )
        arrays = inputs.made_up(one.inputs, options.shapes, rows=options.rows or 1)
        body = v2_client.request(one.inputs, arrays, binary=binary)
        goal = f"{clients[url].base}/v2/models/{quote(one.name)}/infer"
        shots[url] = Shot.at(goal, body.content, body.headers, options.credentials)
    return "binary tensors" if binary else "JSON tensors", shots


def _raw_shots(options: Options, path: Path) -> tuple[str, dict[str, Shot]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StartError("UnreadableInput", f"{path} cannot be read ({error.strerror}).") from error
    kind = options.content_type or inputs.content_type(path)
    return kind, {
        url: Shot.at(
            url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/predict",
            content,
            {"Content-Type": kind},
            options.credentials,
        )
        for url in options.urls
    }


def _try(url: str, shot: Shot, shown: Credentials) -> None:
    """One request, so that a refusal is a sentence and not a column of errors."""
    parts = urlsplit(url)
    head, _, body = shot.content.partition(b"\r\n\r\n")
    request, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    client = Client(f"{parts.scheme}://{parts.netloc}", shown)
    client.send(request.split(" ")[1], body, headers)


def _compare(series: Sequence[Series], first: str) -> None:
    base = {one.concurrency: one.throughputs for one in series if one.url == first}
    for one in series:
        pairs = zip(one.throughputs, base[one.concurrency], strict=True)
        one.ratio = statistics.median(mine / other if other else math.nan for mine, other in pairs)


def as_json(series: Sequence[Series]) -> list[dict[str, Any]]:
    """The results for programs; times in milliseconds, throughput per second."""
    return [
        {
            "url": one.url,
            "concurrency": one.concurrency,
            "throughput": one.throughputs,
            "ratio": one.ratio,
            "p50_ms": one.milliseconds(50),
            "p90_ms": one.milliseconds(90),
            "p99_ms": one.milliseconds(99),
            "errors": dict(one.faults),
            "client_cpu": [round(result.client_cpu, 3) for result in one.rounds],
        }
        for one in series
    ]


def _show(series: Sequence[Series], options: Options, form: str) -> None:
    out = console.console()
    kind = f"open, {options.rate:g} requests a second" if options.rate else "closed"
    out.print(
        f"{form}, {kind}; {options.rounds} rounds of {options.duration:g} s in turns: median (least-most)",
        markup=False,
    )
    columns = ("connections", "server", "requests/s", "ratio", "p50 ms", "p90 ms", "p99 ms", "errors")
    rows = [
        (
            one.concurrency,
            _short(one.url),
            _spread(one.throughputs),
            f"{one.ratio:.2f}",
            *(f"{one.milliseconds(percent):.2f}" for percent in (50, 90, 99)),
            ", ".join(f"{count} x {what}" for what, count in one.faults.most_common()) or "none",
        )
        for one in series
    ]
    out.print(console.table(columns, rows, right=("connections", *columns[2:7])))
    if any(result.client_cpu > BUSY_CLIENT for one in series for result in one.rounds):
        out.print(
            "note: this client used a whole core; a server may be faster than it could ask.", markup=False
        )


def _spread(values: Sequence[float]) -> str:
    median = statistics.median(values)
    return f"{median:,.0f} ({min(values):,.0f}-{max(values):,.0f})" if len(values) > 1 else f"{median:,.0f}"


def _short(url: str) -> str:
    return url.partition("://")[2].partition("?")[0].rstrip("/")


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(","))
    if not all(1 <= count <= 20_000 for count in counts):
        raise ValueError(text)
    return counts


def _parser() -> argparse.ArgumentParser:
    parser = console.parser("bench", DESCRIPTION, EXAMPLES)
    add = parser.add_argument
    add("urls", metavar="URL", nargs="+", help="a server; the others are compared with the first")
    add("--concurrency", type=_counts, default=(1, 8, 32), metavar="1,8,32", help="connections, in turn")
    add("--duration", type=positive, default=3.0, metavar="SECONDS", help="of a measurement (default 3)")
    add("--warmup", type=seconds, default=0.5, metavar="SECONDS", help="not counted before it (default 0.5)")
    add("--rounds", type=int, choices=range(1, 101), default=3, metavar="N", help="turns of all (default 3)")
    add("--rate", type=positive, metavar="N", help="open load: N requests a second")
    add(
        "--tensors",
        choices=("auto", "binary", "json"),
        default="auto",
        help="how they travel (default: binary where all servers take it)",
    )
    add_made_up(parser)
    add("--body", type=Path, metavar="FILE", help="post this file instead of tensors that are made up")
    add("--content-type", metavar="TYPE", help="of --body (default: by the file's ending)")
    add("--json", action="store_true", help="print JSON, for programs")
    credentials.add(parser)
    return parser
