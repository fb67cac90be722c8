"""The folder that is written: new, empty, or an earlier result of ours; replaced as a whole, or not at all.

Beside `model` lies `.model.done`, the record of what was put there; while it is made, `.model.partial`, too.
What is in the folder and not in the record, or has changed since, is somebody's: then nothing is touched.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.files import printable

_MARK = ".paddlemodel-fetch"  # in a folder that may be thrown away
_EARLIER, _EARLIER_RECORD = "earlier", "earlier-record"

Files = Mapping[str, list[int]]  # size in bytes and time of change in ns, by path


@dataclass(frozen=True)
class Target:
    """A folder to be written."""

    folder: Path  # absolute, without links

    @property
    def _record(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.done")

    @property
    def _partial(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.partial")

    def record(self) -> dict[str, Any]:
        """What was written down of the folder; empty where nothing was, or nothing that can be read."""
        try:
            found = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder beside, on the same volume; it is gone afterwards.

        Raises:
            StartError: `TargetInTheWay`.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._clear()
        self._check()
        self._partial.mkdir()
        (self._partial / _MARK).touch()
        try:
            yield self._partial
        finally:
            self._clear()

    def publish(self, made: Path, record: Mapping[str, Any]) -> None:
        """Let the folder be `made`, which lies in staging(), in place of what it was.

        Raises:
            StartError: `TargetInTheWay`, if somebody has put something there meanwhile.
        """
        self._check()
        if self.folder.is_dir() and any(self.folder.iterdir()):
            shutil.copyfile(self._record, self._partial / _EARLIER_RECORD)
            self.folder.rename(self._partial / _EARLIER)
        draft = self._partial / "record"
        draft.write_text(json.dumps({**record, "files": _files(made)}))
        draft.rename(self._record)
        made.rename(self.folder)

    def _check(self) -> None:
        if not self.folder.exists() or (self.folder.is_dir() and self._ours()):
            return
        raise StartError(
            "TargetInTheWay",
            f"{printable(str(self.folder))} is there already, with files that fetch did not put there; "
            "name a new folder.",
        )

    def _ours(self) -> bool:
        known = self.record().get("files")
        known = known if isinstance(known, dict) else {}
        return all(known.get(name) == seen for name, seen in _files(self.folder).items())

    def _clear(self) -> None:
        """Throw away what a crash has left, but for an earlier result that was being replaced."""
        if not self._partial.exists():
            return
        left = list(self._partial.iterdir())
        if left and not (self._partial / _MARK).is_file():
            raise StartError(
                "TargetInTheWay",
                f"{printable(str(self._partial))} is there already, and not of fetch; move it away.",
            )
        earlier = self._partial / _EARLIER
        if earlier.is_dir() and not self.folder.exists():
            (self._partial / _EARLIER_RECORD).rename(self._record)
            earlier.rename(self.folder)
        shutil.rmtree(self._partial)


def _files(folder: Path) -> Files:
    found = {}
    for path in folder.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            seen = path.lstat()
            found[str(path.relative_to(folder))] = [seen.st_size, seen.st_mtime_ns]
    return found
