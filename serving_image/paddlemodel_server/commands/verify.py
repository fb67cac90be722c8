"""`paddlemodel-server verify`: repeat recorded requests and compare the answers; record them first."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from paddlemodel_server.commands import comparisons, console, credentials
from paddlemodel_server.commands import inputs as samples
from paddlemodel_server.commands.client import Client, is_url
from paddlemodel_server.commands.credentials import Credentials
from paddlemodel_server.commands.predict import add_made_up
from paddlemodel_server.commands.served import target
from paddlemodel_server.errors import StartError
from paddlemodel_server.host import output_files
from paddlemodel_server.model.formats.program import Tensor
from paddlemodel_server.tasks import registry
from paddlemodel_server.verification import recording, v2_client
from paddlemodel_server.verification.comparing import Comparing
from paddlemodel_server.verification.differences import Difference, Tolerances
from paddlemodel_server.verification.recording import Exchange, Recorded, TaskExchange
from paddlemodel_server.verification.report import WHOLE
from paddlemodel_server.verification.rules import EXACT

DESCRIPTION = f"""Repeat recorded requests against a model and compare the answers: the same model on
another machine, in another precision, in a newer image, or a new version of it.

MODEL is a folder, which is served for this as in a pod (PADDLEMODEL_ variables count), or the URL of a
running server that speaks V2. RECORDING is a file of JSON lines, each {{"request": …, "response": …}} in the
words of the Open Inference Protocol V2; a name that ends in .gz is compressed. --record writes one: of
made-up inputs, or of the inputs in files (.npy, .npz, V2 JSON). A picture, a sound or a text is sent to the
model's task, as by predict, and the task's answer is recorded.

A float agrees if it is within atol + rtol * |recorded| (default {EXACT.rtol:g} and {EXACT.atol:g}); whole
numbers and booleans must be equal; NaN and infinity, which JSON does not know, agree with each other only.
--tolerance and --compare say it for one output, or one field of a task's answer, as
spec.verification.outputs does, and --min-agreement what spec.verification.minAgreementPercent says."""

EXAMPLES = """examples:
  paddlemodel-server verify my-model requests.jsonl --record --count 10
  paddlemodel-server verify my-model requests.jsonl.gz --record day.npz night.npz
  paddlemodel-server verify my-reader lines.jsonl --record line.png other.png
  paddlemodel-server verify http://localhost:8080 requests.jsonl
  PADDLEMODEL_DEVICE=gpu paddlemodel-server verify my-model requests.jsonl --rtol 1e-2
  paddlemodel-server verify my-model requests.jsonl --tolerance scores=0.01,0.001 --json
  paddlemodel-server verify my-model requests.jsonl --compare scores=TopK:5
  paddlemodel-server verify my-reader lines.jsonl --compare text=Text:0.02

Exit codes: 0 all answers agree, or as many as --min-agreement wants, or recorded; 1 more differ, or the model
cannot answer; 2 the command line is wrong."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The command line of `verify`."""

    model: str  # a folder or a URL
    recording: Path
    inputs: tuple[str, ...] = ()  # files, one per request; none: made up
    record: bool = False
    count: int | None = None
    rows: int | None = None
    shapes: samples.Shapes = field(default_factory=dict)
    tolerances: Tolerances
    json: bool = False
    min_agreement: int = 100  # percent of the requests
    credentials: Credentials = field(default_factory=Credentials)


def main(argv: Sequence[str]) -> int:
    """Verify or record as the command line says; returns the exit code."""
    options = parse(argv)
    if options.record:
        output_files.check_file(options.recording, recording.is_one)
    with target(options.model, options.credentials) as client:
        known = client.metadata()
        if options.record:
            count = recording.write(options.recording, known, _asked(client, known, options))
            console.console().print(f"recorded {count} requests in {options.recording}", markup=False)
            return 0
        exchanges = recording.read(options.recording)
        found = list(differences(client, known, exchanges, options.tolerances))
    if not found:
        raise StartError("UnreadableRecording", f"{options.recording} holds no requests.")
    return _report(found, options)


def differences(
    client: Client,
    known: v2_client.Metadata,
    exchanges: Iterator[Recorded],
    tolerances: Tolerances,
) -> Iterator[tuple[int, Difference]]:
    """Repeat each request; how each output compares, with the number of the request from 1.

    Raises:
        StartError: `UnknownOutput`, of a tolerance; `WrongRecording`.
    """
    comparing = Comparing(tolerances)
    for number, exchange in enumerate(exchanges, start=1):
        if isinstance(exchange, TaskExchange):
            found = _answer(client, exchange.media, exchange.body)
            for difference in comparing.answers(exchange.answer, found):
                yield number, replace(difference, output=difference.output or WHOLE)
            continue
        if known.inputs:  # else the server does not say
            _check_inputs(known.inputs, exchange.inputs, number)
        answer = client.infer(known, exchange.inputs)
        for difference in comparing.tensors(exchange.outputs, answer):
            yield number, difference
    comparing.check_names()


def _check_inputs(wanted: Sequence[Tensor], recorded: v2_client.Arrays, number: int) -> None:
    """Is it a request of this model? Other bits than the model's would mean other numbers."""
    names = [tensor.name for tensor in wanted]
    if set(recorded) != set(names):
        raise StartError(
            "WrongRecording",
            f"Request {number} has the inputs {', '.join(recorded)}, the model wants "
            f"{', '.join(sorted(names))}; the recording is of another model.",
        )
    for tensor in wanted:
        if v2_client.NUMPY.get(tensor.datatype) != recorded[tensor.name].dtype:
            raise StartError(
                "WrongRecording",
                f"Request {number} has {tensor.name} of {recorded[tensor.name].dtype}, the model wants "
                f"{tensor.dtype}; the recording is of another model.",
            )


def summary(found: Sequence[tuple[int, Difference]]) -> list[dict[str, Any]]:
    """One row per output: over all requests."""
    rows = []
    for output in dict.fromkeys(difference.output for _, difference in found):
        of_it = [(number, difference) for number, difference in found if difference.output == output]
        worst = max(of_it, key=lambda item: (not item[1].agrees, item[1].weight))
        rows.append(
            {
                "output": output,
                "requests": len(of_it),
                "differ": sum(not difference.agrees for _, difference in of_it),
                "largest": max(difference.largest for _, difference in of_it),
                "largest_relative": max(difference.largest_relative for _, difference in of_it),
                "worst_request": worst[0],
                "fault": worst[1].fault + (worst[1].example if worst[1].fault else ""),
            }
        )
    return rows


def _report(found: Sequence[tuple[int, Difference]], options: Options) -> int:
    """A request agrees if all of its answer does, as in a pod."""
    rows = summary(found)
    requests = {number for number, _ in found}
    agreed = len(requests - {number for number, difference in found if not difference.agrees})
    agrees = 100 * agreed >= options.min_agreement * len(requests)
    if options.json:
        content = {
            "agrees": agrees,
            "requests": len(requests),
            "agreed": agreed,
            "outputs": rows,
            "differences": [{"request": n} | asdict(d) for n, d in found if not d.agrees],
        }
        console.print_json(content)
    else:
        _show(rows)
        if options.min_agreement < 100:
            said = f"{agreed} of {len(requests)} requests agree; {options.min_agreement} % are wanted"
            console.console().print(said, markup=False)
    return 0 if agrees else 1


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    columns = ("output", "requests", "differ", "largest", "relative", "verdict")
    cells = [
        (
            row["output"],
            row["requests"],
            row["differ"],
            f"{row['largest']:.3g}",
            f"{row['largest_relative']:.3g}",
            f"request {row['worst_request']}: {row['fault']}" if row["fault"] else "agrees",
        )
        for row in rows
    ]
    console.console().print(console.table(columns, cells, right=columns[1:5]))


def _answer(client: Client, media: str, body: bytes) -> Any:
    """What the server's task answers."""
    content = client.send("/predict", body, {"Content-Type": media}).data
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise StartError("NotOurs", f"{client.base}/predict does not answer JSON; is it ours?") from error


def _asked(client: Client, known: v2_client.Metadata, options: Options) -> Iterator[Recorded]:
    if options.inputs:
        taken = registry.files()
        for name in options.inputs:
            if media := taken.get(Path(name).suffix.lower()):
                body = samples.content(name)
                yield TaskExchange(media=media, body=body, answer=_answer(client, media, body))
            else:
                arrays = samples.from_files(known.inputs, [name])
                yield Exchange(inputs=arrays, outputs=client.infer(known, arrays))
    else:
        sources = (
            samples.made_up(known.inputs, options.shapes, rows=options.rows or 1, seed=seed)
            for seed in range(options.count or 8)
        )
        for inputs in sources:
            yield Exchange(inputs=inputs, outputs=client.infer(known, inputs))


def parse(argv: Sequence[str]) -> Options:
    """The command line; one that is wrong ends the process, with its sentence."""
    parser = _parser()
    found = parser.parse_intermixed_args(argv)
    made = found.count is not None or found.rows is not None or found.shapes
    if not found.record and (made or found.inputs):
        parser.error("INPUT, --count, --rows and --shape are for --record")
    if made and found.inputs:
        parser.error("--count, --rows and --shape are for inputs that are made up; leave out INPUT or them")
    if found.record:
        try:
            console.goal(str(found.recording))
        except argparse.ArgumentTypeError as error:
            parser.error(str(error))
    shown = credentials.taken(found, asks_a_server=is_url(found.model), parser=parser)
    values = vars(found)
    tolerances = comparisons.taken(values, parser)
    given = {"inputs": tuple(found.inputs), "shapes": dict(found.shapes), "credentials": shown}
    return Options(**values | given, tolerances=tolerances)


def _parser() -> argparse.ArgumentParser:
    parser = console.parser("verify", DESCRIPTION, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a folder or a URL")
    parser.add_argument("recording", metavar="RECORDING", type=Path, help="the file of requests and answers")
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help="with --record: one file per request")
    parser.add_argument("--record", action="store_true", help="write RECORDING instead of comparing with it")
    parser.add_argument(
        "--count", type=console.count, metavar="N", help="how many requests to make up (default 8)"
    )
    add_made_up(parser)
    comparisons.add(parser)
    parser.add_argument(
        "--min-agreement",
        type=_percent,
        default=100,
        metavar="PERCENT",
        help="how many of the requests have to be answered as recorded (default 100)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    credentials.add(parser)
    return parser


def _percent(text: str) -> int:
    """As spec.verification.minAgreementPercent has it."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 100):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 to 100")
    return int(text)
