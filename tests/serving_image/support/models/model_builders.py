"""Small folders and archives that look like exported models, for the tests of files, archive and fetch.

Paddle never sees them: they hold just what files.py and formats/ look at.
"""

import io
import json
import math
import struct
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def params_of(*shapes: Sequence[int]) -> bytes:
    """A parameters file of float32 tensors of zeros."""
    return b"".join(_param(shape) for shape in shapes)


def _param(shape: Sequence[int]) -> bytes:
    description = b"\x08\x05" + b"".join(b"\x10" + bytes([side]) for side in shape)  # FP32, then the sides
    return struct.pack("<IQIi", 0, 0, 0, len(description)) + description + bytes(4 * math.prod(shape))


def pir_of(**params: Sequence[int]) -> bytes:
    """A PIR program with one input, one output and these parameters, by name."""

    def tensor(shape: Sequence[int]) -> dict[str, object]:
        return {"TT": {"#": "0.t_dtensor", "D": [{"#": "0.t_f32"}, list(shape), "NCHW", [], 0]}}

    def named(**attributes: object) -> list[dict[str, object]]:
        return [{"N": name, "AT": {"D": value}} for name, value in attributes.items()]

    ops: list[dict[str, object]] = [
        {"#": "p", "A": [0, 1, 1, name], "O": tensor(shape)} for name, shape in params.items()
    ]
    ops.append({"#": "1.data", "A": named(name="x"), "O": [tensor([-1, 4])]})
    ops.append({"#": "1.fetch", "A": named(name="fetch_name_0", col=0), "O": [tensor([-1, 4])]})
    program = {"regions": [{"blocks": [{"ops": ops}]}]}
    head = {"base_code": {"magic": "pir", "trainable": True, "version": 4}, "program": program}
    return json.dumps(head, separators=(",", ":")).encode()


def legacy_of(**params: Sequence[int]) -> bytes:
    """The same as a legacy program."""

    def field(number: int, content: bytes | int) -> bytes:
        if isinstance(content, int):
            return bytes([number << 3]) + _varint(content)
        return bytes([number << 3 | 2]) + _varint(len(content)) + content

    def variable(name: str, shape: Sequence[int], *, kept: bool) -> bytes:
        description = field(1, 5) + b"".join(field(2, side) for side in shape)
        kind = field(1, 7) + field(3, field(1, description))
        return field(3, field(1, name.encode()) + field(2, kind) + (field(3, 1) if kept else b""))

    def operator(kind: str, side: int, name: str) -> bytes:
        argument = field(side, field(1, b"X") + field(2, name.encode()))
        return field(4, argument + field(3, kind.encode()) + field(4, field(1, b"col") + field(3, 0)))

    block = variable("x", [-1, 4], kept=False) + variable("y", [-1, 4], kept=False)
    block += b"".join(variable(name, shape, kept=True) for name, shape in params.items())
    block += operator("feed", 2, "x") + operator("fetch", 1, "y")
    return field(1, block) + field(4, field(1, 3003001))


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    content = b""
    while value > 127:
        content += bytes([value & 127 | 128])
        value >>= 7
    return content + bytes([value])


PIR = pir_of(w=[2, 3])
LEGACY = legacy_of(w=[2, 3])
PARAMS = params_of([2, 3])
PIR_MODEL = {"inference.json": PIR, "inference.pdiparams": PARAMS}
LEGACY_MODEL = {
    "inference.pdmodel": LEGACY,
    "inference.pdiparams": PARAMS,
    "inference.pdiparams.info": b"info",
}


def folder_of(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    root.mkdir(exist_ok=True)
    return root


def tar_of(files: Mapping[str, bytes], *extra: tarfile.TarInfo, compression: str = "") -> bytes:
    """A tar with files, then `extra` members without content."""
    packed = io.BytesIO()
    # A variable mode.
    with tarfile.open(fileobj=packed, mode=f"w:{compression}") as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member)
    return packed.getvalue()


def zip_of(files: Mapping[str, bytes], *extra: zipfile.ZipInfo) -> bytes:
    """A zip with files, then `extra` members with the content b'x'."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for member in extra:
            archive.writestr(member, b"x")
    return packed.getvalue()


def tree(root: Path) -> dict[str, bytes]:
    """Every file below `root`, by its path."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
