"""What a folder must hold to be a model: the one place that knows Paddle's file names.

It is checked when a model was unpacked, and again before Paddle loads anything. Paddle itself is no help
here: a `.json` program without its `.pdiparams` loads silently and answers NaN.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from paddlemodel_server.errors import StartError

NEWEST_PIR_VERSION = 4  # what PaddlePaddle 3.3 writes; see requirements/serving-cpu.txt for the pin
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_HEAD_BYTES = 4096
_LISTED_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """One exported model: its program and its parameters."""

    format: Literal["PIR", "Legacy"]
    program: Path
    params: Path


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_fault(error) from error


def disk_fault(error: OSError) -> StartError:
    """What the disk refused, with the cure."""
    where = printable(str(error.filename or "the volume"))
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StartError(
            "NoSpace", "The volume is full; raise the pod's ephemeral-storage or use a smaller model."
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StartError(
            "NotPermitted", f"{where} is not accessible to the user {os.geteuid()}; change its mode."
        )
    return StartError(
        "DiskError", f"{where} could not be read or written ({error.strerror}); check the volume."
    )


@_readable()
def locate(folder: Path) -> ModelFiles:
    """Find the one model that lies directly in `folder`."""
    if not folder.is_dir():
        raise StartError("NoModel", f"There is no folder {folder}; the model's files belong there.")
    programs = _programs(folder)
    if not programs:
        raise _without_program(folder)
    stems = {program.stem for program in programs}
    if len(stems) > 1:
        raise StartError(
            "SeveralModels",
            f"{_listed(p.name for p in programs)} are separate models; give each its own folder.",
        )
    # An export may carry both programs over the same parameters; Paddle 3 prefers the PIR one.
    program = max(programs, key=lambda path: path.suffix == ".json")
    params = program.with_suffix(".pdiparams")
    _check_params(program, params)
    if program.suffix == ".json":
        _check_pir(program)
        return ModelFiles(format="PIR", program=program, params=params)
    _check_legacy(program)
    return ModelFiles(format="Legacy", program=program, params=params)


@_readable()
def find(tree: Path) -> tuple[Path, ModelFiles]:
    """Find the folder of the one model somewhere in `tree`; one folder at the top is usual."""
    folders = [folder for folder in _visible_folders(tree) if _programs(folder)]
    whole = [f for f in folders if any(p.with_suffix(".pdiparams").is_file() for p in _programs(f))]
    folders = whole or folders
    if len(folders) > 1:
        names = _listed(str(folder.relative_to(tree)) for folder in folders)
        raise StartError("SeveralModels", f"There are models in {names}; name one of them, or pack it alone.")
    if folders:
        return folders[0], locate(folders[0])
    for folder in _visible_folders(tree):
        locate_error = _without_program(folder)
        if locate_error.reason != "NoModel":
            raise locate_error
    raise _without_program(tree)


def listed(tree: Path, root: Path | None = None) -> Iterator[Path]:
    """Every file of a model's folder, as `fetch` copies it and `digest` counts it.

    Links are followed, to files and to folders, as long as they stay inside `root`, which is `tree` if None.
    """
    inside = (root or tree).resolve()
    for here, folders, names in os.walk(tree, onerror=_raise, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "lost+found")
        for path in (Path(here, name) for name in (*folders, *sorted(names))):
            if path.is_symlink():
                _check_link(path, inside)
            if path.is_file():
                yield path


def _check_link(link: Path, inside: Path) -> None:
    goal = Path(os.path.realpath(link))  # Path.resolve() raises where a link leads to itself
    name = printable(link.name)
    if not goal.is_relative_to(inside):
        raise StartError(
            "UnsafeLink",
            f"{name} is a link out of {printable(str(inside))}; put what it names there, or widen --root.",
        )
    if link.is_dir() and goal in (folder.resolve() for folder in link.parents):
        raise StartError("UnsafeLink", f"{name} is a link to a folder around it; remove it.")


@_readable()
def digest(path: Path, root: Path | None = None) -> str:
    r"""The sha256 that identifies a model.

    Of a file: what `sha256sum` prints. Of a folder: the sha256 of what
    `find -L . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum` prints inside it. Links may
    lead into `root`, as in listed().
    """
    if path.is_file():
        return f"sha256:{_sha256(path)}"
    return digest_of({str(file.relative_to(path)): _sha256(file) for file in listed(path, root)})


def digest_of(digests: Mapping[str, str]) -> str:
    """The digest of a folder, from the sha256 (hexadecimal) of each of its files by relative path."""
    total = hashlib.sha256()
    for name in sorted(map(os.fsencode, digests)):
        total.update(_sha256sum_line(digests[os.fsdecode(name)], name))
    return f"sha256:{total.hexdigest()}"


def is_pir(program: Path) -> bool:
    """Tell a PIR program from the other `.json` files (config.json, labels.json) that lie beside models."""
    return b'"magic":"pir"' in re.sub(rb"\s", b"", _head(program)[:200])


def _visible_folders(tree: Path) -> Iterator[Path]:
    for root, folders, _ in os.walk(tree, onerror=_raise):
        folders[:] = sorted(n for n in folders if not n.startswith((".", "__MACOSX")) and n != "lost+found")
        yield Path(root)


def _programs(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    params = {path.stem for path in files if path.suffix == ".pdiparams"}
    legacy = {path.stem for path in files if path.suffix == ".pdmodel"}
    programs = [
        path
        for path in files
        if path.suffix == ".pdmodel"
        or (path.suffix == ".json" and ((path.stem in params and path.stem not in legacy) or is_pir(path)))
    ]
    return [path for path in programs if path.stem in params] or programs  # half a model hides no whole one


def _without_program(folder: Path) -> StartError:
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    for name in names:
        if name.endswith(".pdiparams"):
            stem = name.removesuffix(".pdiparams")
            return StartError(
                "ProgramMissing", f"{name} has no program beside it; add {stem}.json or {stem}.pdmodel."
            )
    if "__model__" in names:
        return StartError(
            "OldModelFormat",
            "__model__ is the format of PaddlePaddle 1; export the model again with paddle.jit.save.",
        )
    seen = _listed(names) if names else "nothing"
    return StartError(
        "NoModel",
        f"No .json or .pdmodel program with its .pdiparams was found, only {seen}; "
        "export the model with paddle.jit.save.",
    )


def _check_params(program: Path, params: Path) -> None:
    if not params.is_file():
        raise StartError(
            "ParamsMissing",
            f"{program.name} has no parameters beside it; add {params.name} from the same export.",
        )
    _check_content(params)
    _check_content(program)


def _check_content(path: Path) -> None:
    if path.stat().st_size == 0:
        raise StartError("EmptyFile", f"{path.name} is empty; copy the exported file again.")
    if _head(path).startswith(LFS_POINTER):
        raise StartError(
            "GitLfsPointer",
            f"{path.name} is only a Git LFS pointer; run `git lfs pull` before you copy the model.",
        )


def _check_pir(program: Path) -> None:
    if not is_pir(program):
        raise StartError(
            "NotAProgram",
            f"{program.name} is not a Paddle program; export the model again with paddle.jit.save.",
        )
    try:
        version = json.loads(program.read_bytes())["base_code"]["version"]
    except (ValueError, RecursionError) as error:
        raise _truncated(program) from error
    except (KeyError, TypeError):
        return  # of no release that we know; let Paddle judge
    if isinstance(version, int) and version > NEWEST_PIR_VERSION:
        raise StartError(
            "NewerPaddle",
            f"{program.name} has PIR version {version}, the server knows {NEWEST_PIR_VERSION}; "
            "export it with PaddlePaddle 3.3 or use a newer server image.",
        )


def _check_legacy(program: Path) -> None:
    """Step over the top-level fields of the protobuf message: a truncated file ends inside one of them."""
    size = program.stat().st_size
    with program.open("rb") as file:
        while file.tell() < size:
            tag = file.read(1)[0]
            if tag & 7 != 2 or tag >= 128:  # ProgramDesc holds only messages, all with small field numbers
                raise StartError(
                    "NotAProgram",
                    f"{program.name} is not a Paddle program; export the model again with paddle.jit.save.",
                )
            end = _varint(file) + file.tell()
            if end > size:
                raise _truncated(program)
            file.seek(end)


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            break
    return value


def _truncated(program: Path) -> StartError:
    return StartError(
        "TruncatedFile", f"{program.name} is damaged or ends too early; copy the exported file again."
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _LISTED_NAMES} more" if len(names) > _LISTED_NAMES else ""
    return ", ".join(printable(name) for name in names[:_LISTED_NAMES]) + more


def printable(name: str) -> str:
    """A file's name as it may stand in a log line or a message: no control characters, not endless."""
    return repr(name[:200])[1:-1]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256sum_line(hexdigest: str, name: bytes) -> bytes:
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != name else b""
    return mark + hexdigest.encode() + b"  " + escaped + b"\n"


def _raise(error: OSError) -> None:
    raise error
