"""Lays an image's layers over each other, as a container runtime would; only plain files and folders.

Each is unpacked by itself first, with all that `archive` refuses; then what it removes goes, and what it
brings comes (image-spec 1.1, layer.md).
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.unpacking import archive
from paddlemodel_server.fetch.unpacking.archive import Limits
from paddlemodel_server.model.files import printable

_MARK, _OPAQUE = ".wh.", ".wh..wh..opq"


@dataclass(kw_only=True)
class Layers:
    """A tree that grows by layers."""

    tree: Path  # a folder that is there
    scratch: Path  # another one, on the same volume
    max_bytes: int  # of all layers, unpacked
    _members: int = field(default=Limits().max_members, init=False)  # that may still come
    _count: int = field(default=0, init=False)

    def make_room(self, goal: Path) -> None:
        """Let nothing that earlier layers brought be in the way of a file of the tree."""
        if self._count:
            for folder in goal.relative_to(self.tree).parents:
                if not (self.tree / folder).is_dir():
                    _drop(self.tree / folder)
            _drop(goal)

    def add(self, packed: Path) -> None:
        """Lay a layer, a .tar or .tar.gz, over those before.

        Raises:
            StartError: what archive.unpack() raises, and `UnsafeArchive`.
        """
        self._count += 1
        layer = self.scratch / "layer"
        try:
            archive.unpack(packed, layer, Limits(max_bytes=self.max_bytes, max_members=self._members))
            found = list(layer.rglob("*"))
            self._members -= len(found)
            self.max_bytes -= sum(path.stat().st_size for path in found)
            _remove(layer, self.tree, found)
            _bring(layer, self.tree)
        except StartError as error:
            raise StartError(error.reason, f"In layer {self._count} of the image: {error.message}") from error
        shutil.rmtree(layer)


def _remove(layer: Path, tree: Path, found: list[Path]) -> None:
    """Let the layer's marks remove what lies below; they are no files of the model."""
    for mark in [path for path in found if path.name.startswith(_MARK)]:
        hidden = mark.name.removeprefix(_MARK)
        if mark.is_dir() or hidden in {"", ".", ".."}:
            raise StartError(
                "UnsafeArchive",
                f"The archive removes {printable(mark.name)}, which no file can be called; pack the model's "
                "plain files into a new one.",
            )
        folder = tree / mark.parent.relative_to(layer)
        gone = list(folder.iterdir()) if mark.name == _OPAQUE and folder.is_dir() else [folder / hidden]
        for path in gone:
            _drop(path)
        mark.unlink()


def _bring(layer: Path, tree: Path) -> None:
    for here, folders, names in os.walk(layer):
        goal = tree / Path(here).relative_to(layer)
        for name in folders:
            if not (goal / name).is_dir():
                _drop(goal / name)
                (goal / name).mkdir()
        for name in names:
            _drop(goal / name)
            Path(here, name).rename(goal / name)


def _drop(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():  # not below a file either
        path.unlink()
