"""`paddlemodel-server inspect`: what a model is, read from its files without running anything."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paddlemodel_server.commands import console
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command, sources
from paddlemodel_server.host import log
from paddlemodel_server.model import files, formats, hazards, signature
from paddlemodel_server.model.files import ModelFiles
from paddlemodel_server.model.formats import weights
from paddlemodel_server.model.formats.program import Program, Tensor

if TYPE_CHECKING:
    from paddlemodel_server.tasks.origins import Setting

DESCRIPTION = """Say what a model is: format, the Paddle that wrote it, inputs, outputs, parameters,
operators, sizes and digest. Nothing is run and Paddle is not loaded: it takes a second, on any laptop.

MODEL is a folder with a model somewhere in it, a program's file (.json, .pdmodel), an archive, or the URI of
one of these where everybody may read it, such as https://, s3://, hf:// or oci://. The digest is the one that
spec.model.digest of a PaddleModel pins: of the archive, or of the folder as a whole.

Of several models, such as the two or three of the task ocr, each is told by itself."""

EXAMPLES = """examples:
  paddlemodel-server inspect my-model
  paddlemodel-server inspect my-model.tar.gz
  paddlemodel-server inspect https://models.example.com/resnet50.tar --json
  paddlemodel-server inspect oci://registry.example.com/models/resnet50:1
  paddlemodel-server inspect PP-OCRv5_mobile_det PP-OCRv5_mobile_rec

Exit codes: 0 it can be served, as far as files can tell; 1 it cannot, and one sentence says why."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """The task of a spec that names none.

    Attributes:
        name: of the member.
        source: the file that tells it; or nothing.
        settings: its fields.
        refused: why the server would not start; or nothing.
    """

    name: str = ""
    source: str = ""
    settings: tuple["Setting", ...] = ()
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """All that is said about a model."""

    files: ModelFiles
    program: Program
    held: tuple[Tensor, ...]  # the parameters as their file holds them, in the order of `program.parameters`
    digest: str
    task: Guess = Guess()

    @property
    def values(self) -> int:
        """How many numbers the parameters are."""
        return sum(_size(tensor.shape) for tensor in self.held)

    @property
    def dtypes(self) -> dict[str, int]:
        """How many numbers of each dtype."""
        counts: dict[str, int] = {}
        for tensor in self.held:
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + _size(tensor.shape)
        return counts


def main(argv: Sequence[str]) -> int:
    """Inspect the models that the command line names; returns the exit code."""
    parser = console.parser("inspect", DESCRIPTION, EXAMPLES)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a folder, file, archive or URI")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs; a list of several")
    arguments = parser.parse_intermixed_args(argv)
    with tempfile.TemporaryDirectory(prefix="paddlemodel-") as scratch:
        folders = (Path(tempfile.mkdtemp(dir=scratch)) for _ in arguments.models)
        named = len(arguments.models) > 1
        findings = [
            _found(name, folder, named) for name, folder in zip(arguments.models, folders, strict=True)
        ]
        if arguments.json:
            found = [as_json(finding) for finding in findings]
            console.print_json(found if len(found) > 1 else found[0])
            return 0
        for name, finding in zip(arguments.models, findings, strict=True):
            if len(findings) > 1:
                console.console().print(f"model       {name}", highlight=False, markup=False, soft_wrap=True)
            _show(finding)
    return 0


def _found(name: str, scratch: Path, named: bool) -> Finding:
    """A finding, or an error that says of which model it is, where there are several."""
    try:
        return inspect(name, scratch)
    except StartError as error:
        raise StartError(error.reason, f"{name}: {error.message}") if named else error from None


def inspect(name: str, scratch: Path) -> Finding:
    """Find and read a model; an archive is unpacked into `scratch`."""
    path = Path(name)
    if name and path.is_dir():
        _, found = files.find(path)
        return _read(found, files.digest(path, Path("/")))  # a person's own files: links may lead anywhere
    if path.suffix in {".json", ".pdmodel", ".pdiparams"} and (path.is_file() or path.parent.is_dir()):
        found = files.locate(path.parent)
        if found.program.stem != path.stem:
            raise StartError("NotFound", f"{path.parent} holds {found.program.name}; name that file.")
        return _read(found, files.digest(path.parent, Path("/")))
    is_uri = name.lower().startswith(tuple(f"{scheme}:" for scheme in sources.SOURCES))
    if not is_uri and not (name and path.is_file()):
        raise StartError("NotFound", f"There is no file or folder {name}; correct the path.")
    uri = name if is_uri else path.absolute().as_uri()
    fetched = command.fetch(command.Options(uri=uri, into=scratch / "model"))
    return _read(files.locate(scratch / "model"), fetched.digest)


def _read(found: ModelFiles, digest: str) -> Finding:
    program = formats.checked(found)
    return Finding(
        files=found,
        program=program,
        held=tuple(weights.walk(found.params)),
        digest=digest,
        task=_task(found.program.parent, program),
    )


def _task(folder: Path, program: Program) -> Guess:
    from paddlemodel_server.tasks import origins, registry  # noqa: PLC0415 - brings numpy, which few commands need
    from paddlemodel_server.tasks.auto.found import Beside  # noqa: PLC0415

    try:
        beside = Beside(folder=folder, model=signature.of(program))
        chosen = registry.settled(registry.Chosen(name=registry.AUTO), beside)
    except StartError as error:
        return Guess(refused=error.message)
    return Guess(name=chosen.name, source=chosen.source, settings=origins.settings(chosen))


def remarks(program: Program) -> Iterator[str]:
    """What a person should know before serving it."""
    tensors = (*program.inputs, *program.outputs)
    if not all(tensor.shape[:1] == (-1,) for tensor in tensors):
        fixed = next(tensor for tensor in tensors if tensor.shape[:1] != (-1,))
        yield (
            f"No batching: the first dimension of {fixed.name} is not open (shape {list(fixed.shape)}). "
            "Export the model with None there, and requests that wait share a run."
        )
    for tensor in program.inputs:
        if -1 in tensor.shape[1:]:
            yield (
                f"{tensor.name} has open dimensions beside the first: only requests of equal shape share a "
                "run, and each new shape is slow the first time."
            )
    if program.quantised and program.format == "PIR":
        yield (
            "It is quantised and in PIR format: PaddlePaddle 3.3 cannot load some of these; try it with "
            "`paddlemodel-server predict`, or export it in legacy format."
        )
    if any(tensor.dtype == "bfloat16" for tensor in program.outputs):
        yield "An output is bfloat16: numbers in JSON, in binary answers 16 bits that numpy does not know."


def as_json(finding: Finding) -> dict[str, Any]:
    """The finding for programs; sizes in bytes, -1 for an open dimension."""
    program = finding.program
    return {
        "format": program.format,
        "writer": program.writer,
        "digest": finding.digest,
        "inputs": [_described(tensor) for tensor in program.inputs],
        "outputs": [_described(tensor) for tensor in program.outputs],
        "parameters": {
            "tensors": len(finding.held),
            "values": finding.values,
            "values_by_dtype": finding.dtypes,
        },
        "quantised": program.quantised,
        "task": _task_json(finding.task),
        "operators": dict(_by_count(program)),
        "files": {path.name: path.stat().st_size for path in _paths(finding.files)},
        "optimizations": hazards.outlook(program),
        "remarks": list(remarks(program)),
    }


def _task_json(task: Guess) -> dict[str, Any]:
    if task.refused:
        return {"error": task.refused}
    return {
        "name": task.name,
        "source": task.source or "default",
        "settings": [
            {"field": name, "value": value, "from": origin} for name, value, origin in task.settings
        ],
    }


def _task_facts(task: Guess) -> Iterator[tuple[str, str]]:
    """The task of a spec that names none: which, told by what, and the fields that a file says."""
    if task.refused:
        yield "task", f"none: {task.refused}"
        return
    source = f", told by {task.source}" if task.source else ""
    yield "task", f"{task.name}{source}, where spec.task names none"
    for name, value, origin in task.settings:
        if origin != "default":
            yield "", f"{name} {value}, from {origin}"


def _show(finding: Finding) -> None:
    out, program = console.console(), finding.program
    kinds = ", ".join(f"{count:,} {dtype}" for dtype, count in finding.dtypes.items())
    most = ", ".join(f"{name} {count}" for name, count in _by_count(program)[:8])
    more = len(program.operators) - 8
    facts = [
        ("format", f"{program.format}, written by {program.writer}"),
        ("digest", finding.digest),
        ("parameters", f"{finding.values:,} in {len(finding.held)} tensors ({kinds})"),
        ("quantised", "yes" if program.quantised else "no"),
        (
            "operators",
            f"{sum(program.operators.values())}: {most}" + (f" and {more} other kinds" if more > 0 else ""),
        ),
        *_task_facts(finding.task),
        *(("optimising", f"{name}: {outlook}") for name, outlook in hazards.outlook(program).items()),
        *(("file", f"{path.name}, {path.stat().st_size:,} bytes") for path in _paths(finding.files)),
    ]
    for name, fact in facts:
        out.print(log.escaped(f"{name:<12}{fact}"), markup=False)
    rows = [("input", t.name, t.datatype, list(t.shape)) for t in program.inputs]
    rows += [("output", t.name, t.datatype, list(t.shape)) for t in program.outputs]
    out.print(console.table(("", "name", "datatype", "shape"), rows))
    for remark in remarks(program):
        out.print(log.escaped(f"note: {remark}"), markup=False)


def _by_count(program: Program) -> list[tuple[str, int]]:
    return sorted(program.operators.items(), key=lambda item: (-item[1], item[0]))


def _paths(found: ModelFiles) -> tuple[Path, Path]:
    return found.program, found.params


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _size(shape: Sequence[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
