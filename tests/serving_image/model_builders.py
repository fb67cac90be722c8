"""Small folders and archives that look like exported models, for the tests of files, archive and fetch.

Paddle never sees them: they hold just what files.py looks at.
"""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

PIR = b'{"base_code":{"magic":"pir","trainable":true,"version":4},"program":{"regions":[]}}'
LEGACY = b"\x0a\x04abcd\x22\x02\x08\x00"  # two top-level protobuf fields
PARAMS = b"parameters"
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
    with tarfile.open(fileobj=packed, mode=f"w:{compression}") as tar:  # type: ignore[call-overload]  # a variable mode
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
