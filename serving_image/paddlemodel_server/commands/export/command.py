"""`paddlemodel-server export`: a layer of a person's code becomes a model, and is compared with it."""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from paddlemodel_server.commands import console, served
from paddlemodel_server.commands import inputs as samples
from paddlemodel_server.commands.client import Client
from paddlemodel_server.commands.export.options import Input, Job, Options, Quantise, Save
from paddlemodel_server.engine.difference import difference
from paddlemodel_server.errors import StartError
from paddlemodel_server.host import output_files
from paddlemodel_server.model import files, formats
from paddlemodel_server.model.formats.program import DATATYPES, Tensor
from paddlemodel_server.verification import recording, v2_client
from paddlemodel_server.verification.recording import Exchange

ROWS = (1, 3)
FLOAT_TOLERANCE, INT8_TOLERANCE = 1e-3, 0.1  # of the largest value that the layer answers

DESCRIPTION = f"""Save a layer of your code as a model that can be served, and check that it answers as the
layer does.

LAYER is module:name or file.py:name of a function or class without arguments that gives a
paddle.nn.Layer. It is put into eval mode (dropout off, batch norm fixed), given --weights if there are any,
and saved with the inputs that --input describes. Write -1 for the first dimension, the batch: the server
then runs waiting requests together. A fixed batch is possible, and a loss.

The saved model is then served for a moment as in a pod, and asked with batches of {ROWS[0]} and {ROWS[1]}:
its answers must be within --tolerance of those of the live layer, as a part of the largest value.

--format pir writes a .json program, what PaddlePaddle 3 does by itself; legacy a .pdmodel, which PaddlePaddle
2.6 reads, too; both writes the folders pir and legacy.

--int8 quantises after training: FILE.npz has a hundred or so real rows for every input, by name. Weights
then take a quarter of the room. It needs the legacy format; docs/models.md says what it does to speed."""

EXAMPLES = """examples:
  paddlemodel-server export model.py:Net --input 'x:float32[-1,16]' --output my-model
  paddlemodel-server export paddle.vision.models:resnet50 --input 'image:float32[-1,3,224,224]' \\
      --weights resnet50.pdparams --output resnet50 --format both --record resnet50.jsonl.gz
  paddlemodel-server export model.py:Net --input 'x:float32[-1,16]' --output small --int8 rows.npz

Exit codes: 0 saved, and it agrees with the layer; 1 not, and one sentence says why (nothing is saved then);
2 the command line is wrong."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How a saved model compares with the live layer."""

    kind: str  # pir, legacy or int8
    folder: Path
    largest: Mapping[int, float] = field(default_factory=dict)  # by rows: part of the largest value
    exchanges: Sequence[Exchange] = ()
    bytes: int = 0  # of its files


def main(argv: Sequence[str]) -> int:
    """Export as the command line says; returns the exit code."""
    options = _parse(argv)
    output_files.check_folder(options.output)
    if options.record:
        output_files.check_file(options.record, recording.is_one)
    if importlib.util.find_spec("paddle") is None:
        raise StartError("NoPaddle", "PaddlePaddle is not installed here; pip install paddlepaddle.")
    for tensor in options.inputs:
        if tensor.shape[:1] != (-1,):
            sys.stderr.write(f"note: {tensor.name} has a fixed batch; requests will not share runs.\n")
    with tempfile.TemporaryDirectory(prefix="paddlemodel-export-") as scratch:
        compared = _export(options, Path(scratch))
        _publish(compared, options)
    if options.json:
        console.print_json(as_json(compared, options.output))
    else:
        _show(compared, options.output)
    return 0


def as_json(compared: Sequence[Compared], output: Path) -> list[dict[str, Any]]:
    """The outcome for programs."""
    return [
        {
            "format": one.kind,
            "folder": str(_goal(one, compared, output)),
            "largest_difference": {str(rows): value for rows, value in one.largest.items()},
        }
        for one in compared
    ]


def _export(options: Options, scratch: Path) -> list[Compared]:
    asked = _ask(options.inputs, options.shapes, scratch)
    for kind in options.formats:
        save = Save(
            target=options.layer,
            weights=str(options.weights or ""),
            state=str(scratch / "state.pdparams"),
            inputs=tuple(Input(name=t.name, dtype=t.dtype, shape=t.shape) for t in options.inputs),
            samples=tuple(str(scratch / f"sample-{at}.npz") for at in range(len(asked))),
            answers=str(_made(scratch / f"answers-{kind}")),
            output=str(_made(scratch / kind)),
        )
        _run(Job(answer=str(scratch / "answer"), save=save), scratch, pir=kind == "pir")
    kinds: Sequence[str] = options.formats
    if options.int8:
        samples.from_files(options.inputs, [str(options.int8)])  # names and dtypes
        quantise = Quantise(
            model=str(scratch / "legacy"), calibration=str(options.int8), output=str(_made(scratch / "int8"))
        )
        _run(Job(answer=str(scratch / "answer"), quantise=quantise), scratch, pir=False)
        kinds = ["int8"]
    return [_compare(kind, scratch, asked, options.tolerance) for kind in kinds]


def _ask(inputs: Sequence[Tensor], shapes: samples.Shapes, scratch: Path) -> list[v2_client.Arrays]:
    """Inputs of each number of rows that the model will take; also for the child, as files."""
    batched = all(tensor.shape[:1] == (-1,) for tensor in inputs)
    asked = [
        samples.made_up(
            inputs, {n: (rows, *s[1:]) for n, s in shapes.items()} if batched else shapes, rows=rows
        )
        for rows in (ROWS if batched else ROWS[:1])
    ]
    for at, arrays in enumerate(asked):
        np.savez(scratch / f"sample-{at}.npz", allow_pickle=False, **arrays)
    return asked


def _run(job: Job, scratch: Path, *, pir: bool) -> None:
    answer, described = Path(job.answer), scratch / "job.json"
    job.write(described)
    child = subprocess.run(
        [sys.executable, "-m", "paddlemodel_server.commands.export.child", str(described)],
        env=os.environ | {"FLAGS_enable_pir_api": "1" if pir else "0", "GLOG_minloglevel": "2"},
        capture_output=True,  # Paddle prints progress and advice
        check=False,
    )
    if answer.exists():
        raise StartError("ExportFailed", f"The export failed: {answer.read_text().rstrip('.')}.")
    if child.returncode:
        last = child.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise StartError("ExportFailed", f"The export ended with code {child.returncode}: {last[0][:300]}.")


def _compare(
    kind: str, scratch: Path, asked: Sequence[v2_client.Arrays], tolerance: float | None
) -> Compared:
    """Serve what was saved, and compare its answers with the layer's."""
    folder = scratch / kind
    (folder / "inference.pdiparams.info").unlink(missing_ok=True)  # for training; nothing here reads it
    program = formats.checked(files.locate(folder))
    largest, exchanges = {}, []
    with served.serving(folder) as url:
        client = Client(f"{url}/v2/models/{os.environ.get('PADDLEMODEL_NAME', 'model')}")
        known = client.metadata()
        for at, inputs in enumerate(asked):
            live = np.load(scratch / f"answers-{'legacy' if kind == 'int8' else kind}" / f"{at}.npz")
            expected = dict(zip((t.name for t in program.outputs), live.values(), strict=True))
            found = client.infer(known, {t.name: inputs[t.name] for t in known.inputs})
            rows = len(next(iter(inputs.values())))
            largest[rows] = max(_apart(name, expected[name], found[name]) for name in expected)
            exchanges.append(Exchange(inputs=inputs, outputs=expected))
    allowed = tolerance if tolerance is not None else INT8_TOLERANCE if kind == "int8" else FLOAT_TOLERANCE
    if max(largest.values()) > allowed:
        raise StartError(
            "ExportDiffers",
            f"The {kind} model differs from the live layer by {max(largest.values()):.3g} of its largest "
            f"value, allowed is {allowed:g}; nothing was saved. Look for randomness or training mode in "
            "forward(), or raise --tolerance.",
        )
    size = sum(path.stat().st_size for path in folder.iterdir())
    return Compared(kind=kind, folder=folder, largest=largest, exchanges=exchanges, bytes=size)


def _apart(name: str, live: v2_client.Array, found: v2_client.Array) -> float:
    distance = difference(live, found)
    if distance.fault:
        raise StartError(
            "ExportDiffers",
            f"Output {name} of the model is not the layer's: {distance.fault}; nothing was saved.",
        )
    return distance.part()


def _publish(compared: Sequence[Compared], options: Options) -> None:
    if options.record:  # first: what fails publishes nothing
        program = formats.read(files.locate(compared[0].folder))
        known = v2_client.Metadata(name="model", inputs=program.inputs, outputs=program.outputs, binary=False)
        recording.write(options.record, known, compared[0].exchanges)
    with output_files.folder(options.output) as made:
        for one in compared:
            shutil.copytree(one.folder, _goal(one, compared, made), dirs_exist_ok=True)


def _goal(one: Compared, compared: Sequence[Compared], output: Path) -> Path:
    return output / one.kind if len(compared) > 1 else output


def _show(compared: Sequence[Compared], output: Path) -> None:
    numbers = [f"{rows} rows" for rows in compared[0].largest]
    rows = [
        (
            one.kind,
            _goal(one, compared, output),
            f"{one.bytes:,}",
            *(f"{v:.2g}" for v in one.largest.values()),
        )
        for one in compared
    ]
    out = console.console()
    out.print("saved; largest difference to the live layer, as a part of its largest value:")
    out.print(console.table(("format", "folder", "bytes", *numbers), rows, right=("bytes", *numbers)))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _input(text: str) -> Tensor:
    """A tensor from the command line's `x:float32[-1,3,224,224]`."""
    found = re.fullmatch(r"([^:\[\]]+):(\w+)\[(-?\d+(?:,-?\d+)*)\]", text.replace(" ", ""))
    shape = tuple(int(side) for side in found[3].split(",")) if found else (0,)
    if not found or found[2] not in DATATYPES or min(shape) < -1 or 0 in shape:
        raise argparse.ArgumentTypeError(f"{text} is not like x:float32[-1,3,224,224]; -1 is an open side")
    return Tensor(name=found[1], dtype=found[2], shape=shape)


def _layer(text: str) -> str:
    if not re.fullmatch(r".+:[A-Za-z_]\w*", text):
        raise argparse.ArgumentTypeError(f"{text} is not like my_package.nets:Net or net.py:Net")
    return text


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def _parse(argv: Sequence[str]) -> Options:
    parser = _parser()
    found = parser.parse_intermixed_args(argv)
    if found.int8 and found.format not in {None, "legacy"}:
        parser.error("--int8 needs --format legacy: PaddlePaddle 3.3 writes quantised PIR programs wrongly")
    return Options(**vars(found) | {"inputs": tuple(found.inputs), "shapes": dict(found.shapes)})


def _parser() -> argparse.ArgumentParser:
    parser = console.parser("export", DESCRIPTION, EXAMPLES)
    add = parser.add_argument
    add("layer", type=_layer, metavar="LAYER", help="module:name or file.py:name")
    add(
        "--input",
        dest="inputs",
        type=_input,
        action="append",
        required=True,
        metavar="NAME:DTYPE[-1,…]",
        help="one for each argument of forward(), in its order; -1 is an open dimension",
    )
    add("--output", type=Path, required=True, metavar="DIR", help="a new folder")
    add("--format", choices=("pir", "legacy", "both"), help="default pir; legacy with --int8")
    add("--weights", type=_file, metavar="FILE", help="a .pdparams file for the layer")
    add("--int8", type=_file, metavar="FILE.npz", help="quantise; real inputs by name, many rows each")
    tolerances = f"default {FLOAT_TOLERANCE:g}, with --int8 {INT8_TOLERANCE:g}"
    add("--tolerance", type=console.tolerance, metavar="PART", help=tolerances)
    add(
        "--shape",
        dest="shapes",
        type=samples.shape,
        action="append",
        default=[],
        metavar="NAME=1,3,48,192",
        help=f"sizes to compare with, where other dimensions are open (default {samples.OPEN_SIDE})",
    )
    add(
        "--record",
        type=console.goal,
        metavar="FILE",
        help="keep the layer's answers as a recording for `verify`",
    )
    add("--json", action="store_true", help="print JSON, for programs")
    return parser
