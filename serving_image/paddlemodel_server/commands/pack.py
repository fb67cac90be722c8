"""`paddlemodel-server pack`: a model's folder becomes an image, for a registry and for `oci://`."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from paddlemodel_server.commands import console, image_layout
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.unpacking import member_names
from paddlemodel_server.host import log, output_files
from paddlemodel_server.model import files, formats

DESCRIPTION = """Make an image of a model's folder: an OCI image layout in one tar, without Docker.

DIR is packed whole; there must be one model in it. The same files give the same digest, on every machine:
times, owners and modes are fixed, nothing is compressed, and each file of 16 MiB or more is a layer of its
own, so that a registry and a node keep what did not change. Push the tar with skopeo, or unpack it and push
the folder with crane; then name it as oci://REGISTRY/REPOSITORY@DIGEST."""

EXAMPLES = """examples:
  paddlemodel-server pack my-model --output my-model.tar
  skopeo copy oci-archive:my-model.tar docker://registry.example.com/models/my-model:1
  mkdir layout && tar -xf my-model.tar -C layout && crane push layout registry.example.com/models/my-model:1

Exit codes: 0 packed; 1 it is not a whole model, and one sentence says why."""

_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?::[0-9]+)?(?:/{_PART})+(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?")


def main(argv: Sequence[str]) -> int:
    """Pack the model that the command line names; returns the exit code."""
    parser = console.parser("pack", DESCRIPTION, EXAMPLES)
    parser.add_argument("model", metavar="DIR", type=Path, help="a folder with one model in it")
    parser.add_argument("--output", "-o", required=True, type=console.goal, help="the tar to write")
    parser.add_argument(
        "--name", help="REGISTRY/REPOSITORY:TAG, what `ctr images import` and `docker load` will call it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    arguments = parser.parse_args(argv)
    if arguments.name is not None and not _NAME.fullmatch(arguments.name):
        parser.error(f"argument --name: not a name of an image: {files.printable(arguments.name)}")
    written = pack(arguments.model, arguments.output, arguments.name)
    _show(written, arguments.output, as_json=arguments.json)
    return 0


def pack(folder: Path, goal: Path, name: str | None = None) -> image_layout.Written:
    """Write the image of a model's folder to the file `goal`, whole or not at all.

    Raises:
        StartError: it is no whole model, cannot stand in an image, or changed meanwhile; or `goal` is
            somebody's.
    """
    output_files.check_file(goal, image_layout.is_one)
    if not folder.is_dir():
        raise StartError("NotFound", f"{files.printable(str(folder))} is no folder; name the model's folder.")
    if goal.resolve().is_relative_to(folder.resolve()):
        raise StartError(
            "TargetInTheWay", f"{goal} would lie in the folder that is packed; name another place."
        )
    _, found = files.find(folder)
    formats.checked(found)
    # A person's own files: links may lead anywhere, and what they name is packed.
    named = {_checked(path.relative_to(folder)): path for path in files.listed(folder, Path("/"))}
    with output_files.file(goal, image_layout.is_one) as draft, draft.open("wb") as file:
        if not file.seekable():
            raise StartError("NotAFile", f"{goal} cannot be written twice at one place; name a file.")
        try:
            return image_layout.write(file, named, name)
        except image_layout.ChangedError as error:
            raise StartError(
                "FileChanged",
                f"{files.printable(str(error))} changed while it was packed; pack the folder again.",
            ) from error


def _checked(path: Path) -> str:
    """The path as it stands in the image, if `fetch` and a container runtime will make the same of it."""
    name = path.as_posix()
    try:
        same = member_names.place(os.fsencode(name), utf8=True).parts == path.parts
        name.encode()
    except ValueError:
        same = False
    if not same or any(part.startswith(".wh.") for part in path.parts):
        raise StartError(
            "UnsafeName", f"{files.printable(name)} cannot be a file's name in an image; rename or remove it."
        )
    return name


def _show(written: image_layout.Written, goal: Path, *, as_json: bool) -> None:
    content = files.digest_of(written.digests)
    size = sum(layer.size for layer in written.layers)
    if as_json:
        console.print_json(
            {
                "digest": written.manifest.digest,
                "content": content,
                "files": len(written.digests),
                "layers": [layer.as_json() for layer in written.layers],
            }
        )
        return
    out = console.console()
    facts = {
        "digest": f"{written.manifest.digest} (pins the image: oci://REGISTRY/REPOSITORY@…)",
        "content": f"{content} (spec.model.digest)",
        "layers": f"{len(written.layers)} with {len(written.digests)} files, {size:,} bytes",
        "written": str(goal),
    }
    for name, fact in facts.items():
        out.print(log.escaped(f"{name:<9}{fact}"), markup=False)
