"""`paddlemodel-server predict`: one request, and the answer as a table, JSON or arrays."""

import argparse
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson

from paddlemodel_server.commands import console, credentials
from paddlemodel_server.commands import inputs as samples
from paddlemodel_server.commands.client import Client, is_url
from paddlemodel_server.commands.credentials import Credentials
from paddlemodel_server.commands.served import target
from paddlemodel_server.errors import StartError
from paddlemodel_server.host import output_files
from paddlemodel_server.tasks import registry
from paddlemodel_server.verification import v2_client

NEWLINE = "\n  "
PNG, PICTURE = ".png", "image/png"
DESCRIPTION = f"""Send one request to a model and show the answer.

MODEL is a folder, which is served for this one request exactly as in a pod (PADDLEMODEL_ variables count), or
the URL of a running server: ours, or any that speaks the Open Inference Protocol V2 (http://host:port, or
http://host:port/v2/models/NAME where it has several models).

INPUT is one of
  {NEWLINE.join(registry.usages())}
  x.npy           the array of the only input; NAME=x.npy for one of several
  inputs.npz      arrays by the inputs' names
  request.json    a V2 inference request; - reads it from standard input
Without INPUT the inputs are made up: random numbers, or zeros with --zeros."""

EXAMPLES = """examples:
  paddlemodel-server predict my-model
  paddlemodel-server predict my-model x.npy --json
  PADDLEMODEL_TASK='{"imageClassification":{}}' paddlemodel-server predict my-model cat.jpg
  paddlemodel-server predict my-segmenter road.jpg --save mask.png
  paddlemodel-server predict http://localhost:8080 --rows 4 --shape x=4,3,48,192 --save answer.npz
  paddlemodel-server predict https://resnet50.default.svc cat.jpg --key-file alice --ca-file ca.crt

Exit codes: 0 answered; 1 not, and one sentence says why; 2 the command line is wrong."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The command line of `predict`."""

    model: str  # a folder or a URL
    inputs: tuple[str, ...] = ()  # files; none: made up
    rows: int | None = None
    shapes: samples.Shapes = field(default_factory=dict)
    zeros: bool = False
    json: bool = False
    save: Path | None = None
    credentials: Credentials = field(default_factory=Credentials)

    @property
    def body(self) -> Path | None:
        """The first input that is a request of its own, as a task takes it."""
        taken = registry.files()
        return next((path for path in map(Path, self.inputs) if path.suffix.lower() in taken), None)


def main(argv: Sequence[str]) -> int:
    """Predict as the command line says; returns the exit code."""
    options = _parse(argv)
    if options.save:
        output_files.check_file(options.save, _is_ours(options))
    with target(options.model, options.credentials) as client:
        if options.body:
            return _body(client, options.body, options.save)
        return _tensors(client, options)


def _parse(argv: Sequence[str]) -> Options:
    parser = console.parser("predict", DESCRIPTION, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a folder or a URL")
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help="a file, as listed above")
    add_made_up(parser)
    parser.add_argument("--zeros", action="store_true", help="make up zeros instead of random numbers")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON, all of it")
    parser.add_argument(
        "--save",
        type=console.goal,
        metavar="FILE",
        help="write the outputs to FILE.npz, or to FILE.png what a task answers as a picture",
    )
    credentials.add(parser)
    found = parser.parse_intermixed_args(argv)
    shown = credentials.taken(found, asks_a_server=is_url(found.model), parser=parser)
    given = {"inputs": tuple(found.inputs), "shapes": dict(found.shapes), "credentials": shown}
    options = Options(**vars(found) | given)
    if options.inputs and (options.zeros or options.shapes or options.rows is not None):
        parser.error("--zeros, --rows and --shape are for inputs that are made up; leave out INPUT or them")
    if options.body and len(options.inputs) > 1:
        parser.error(f"{options.body} is a request of its own; leave out the other INPUT")
    if options.save:
        _check_goal(options, options.save, parser)
    return options


def _check_goal(options: Options, goal: Path, parser: argparse.ArgumentParser) -> None:
    """A task's answer goes to a picture, tensors do not."""
    picture = goal.suffix.lower() == PNG
    if options.body and not picture:
        parser.error(f"the answer to {options.body} is no tensor: --save FILE.png asks for a picture instead")
    if options.body and options.json:
        parser.error("--json and --save FILE.png ask for two answers; leave out one of them")
    if picture and not options.body:
        parser.error("--save FILE.png is for a file that a task takes; tensors go to FILE.npz")


def add_made_up(parser: argparse.ArgumentParser) -> None:
    """The options that shape inputs which are made up; `verify` and `bench` have them, too."""
    parser.add_argument(
        "--rows", type=console.count, metavar="N", help="rows of inputs that are made up (default 1)"
    )
    parser.add_argument(
        "--shape",
        dest="shapes",
        type=samples.shape,
        action="append",
        default=[],
        metavar="NAME=1,3,48,192",
        help=f"whole shape of an input that is made up; open dimensions are {samples.OPEN_SIDE} otherwise",
    )


def _is_ours(options: Options) -> output_files.IsOurs:
    """What `--save` may replace: an earlier answer in arrays, but no picture, which may be anybody's."""
    return (lambda _: False) if options.body else _is_answer


def _body(client: Client, path: Path, save: Path | None) -> int:
    """Send a file as it is to the task that takes it; with `save` the answer is a picture."""
    content = samples.content(path)
    headers = {"Content-Type": registry.files()[path.suffix.lower()]}
    if save:
        answer = client.send("/predict", content, headers | {"Accept": PICTURE})
        if answer.headers.get("Content-Type") != PICTURE:
            raise StartError("NotOurs", f"{client.base}/predict answers no {PICTURE}; leave out --save.")
        with output_files.file(save, lambda _: False) as draft:
            draft.write_bytes(answer.data)
        return 0
    answer = client.send("/predict", content, headers)
    try:
        console.print_json(orjson.loads(answer.data))
    except orjson.JSONDecodeError as error:
        raise StartError("NotOurs", f"{client.base}/predict does not answer JSON; is it ours?") from error
    return 0


def _tensors(client: Client, options: Options) -> int:
    known = client.metadata()
    if options.inputs:
        arrays = samples.from_files(known.inputs, options.inputs)
    else:
        arrays = samples.made_up(known.inputs, options.shapes, rows=options.rows or 1, zeros=options.zeros)
    began = time.perf_counter()
    outputs = client.infer(known, arrays)
    seconds = time.perf_counter() - began
    if options.save:
        with output_files.file(options.save, _is_answer) as draft, draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **outputs)
    if options.json:
        datatypes = {
            tensor.name: tensor.datatype for tensor in (*v2_client.described(outputs), *known.outputs)
        }
        tensors = [v2_client.tensor(name, datatypes[name], array) for name, array in outputs.items()]
        console.print_json({"model_name": known.name, "outputs": tensors}, compact=True)
    else:
        _show(arrays, outputs, seconds)
    return 0


def _is_answer(path: Path) -> bool:
    """Whether a file holds nothing but arrays, as `--save` writes them."""
    try:
        with zipfile.ZipFile(path) as found:
            return all(name.endswith(".npy") for name in found.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def _show(
    inputs: Mapping[str, v2_client.Array], outputs: Mapping[str, v2_client.Array], seconds: float
) -> None:
    columns = ("", "name", "dtype", "shape", "least", "mean", "most", "values")
    rows = [("input", *_row(name, array)) for name, array in inputs.items()]
    rows += [("output", *_row(name, array)) for name, array in outputs.items()]
    out = console.console()
    out.print(console.table(columns, rows, right=("least", "mean", "most")))
    out.print(f"answered in {seconds * 1e3:.1f} ms")


def _row(name: str, array: v2_client.Array) -> tuple[object, ...]:
    first = " ".join(f"{value:.6g}" for value in array.reshape(-1)[:4].tolist()) + (
        " …" if array.size > 4 else ""
    )
    if not array.size:
        return name, array.dtype, list(array.shape), "", "", "", ""
    least, mean, most = (f"{float(value):.6g}" for value in (array.min(), array.mean(), array.max()))
    return name, array.dtype, list(array.shape), least, mean, most, first
