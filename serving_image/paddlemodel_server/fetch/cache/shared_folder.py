"""A folder that many pods share, so that a model is fetched once: by digest, checked on each use.

models/sha256-HEX/   `model`, as fetch has checked it, and `record.json` with the sha256 of each file
index/KEY.json       which digest a URI had, and at which revision
locks/               who fetches a URI now, who reads a model now
filling/             what is being written or thrown away

Nothing here is trusted and nothing here is needed: whatever the cache cannot do, the fetch does without it.
What else lies on the volume is never touched, whatever it is called.
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal
from uuid import uuid4

from paddlemodel_api import contract

from paddlemodel_server.fetch.cache import copying
from paddlemodel_server.fetch.cache.copying import DamagedError

_LOG = logging.getLogger(__name__)
_FORGOTTEN = 86_400.0  # seconds, longer than any fetch
_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}

_ENTRY = re.compile(r"sha256-[0-9a-f]{64}")
_ASIDE = re.compile(r"(sha256-[0-9a-f]{64}|index|old)-[0-9a-f]{32}")
_PARTS = {"model", "record.json"}

Outcome = Literal["kept", "CacheReadOnly", "CacheFull", "CacheFailed"]


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A folder on a volume."""

    folder: Path
    keep: int = 3  # models

    def digest_of(self, key: str, revision: str | None) -> str | None:
        """The digest that a URI had at a revision, if it is known and the model is here."""
        told = self._index(key)
        return self._held(told) if revision is not None and told.get("revision") == revision else None

    def latest(self, key: str) -> str | None:
        """The digest that a URI had when a pod has fetched it last."""
        return self._held(self._index(key))

    def holds(self, digest: str) -> bool:
        """Whether the model is here."""
        return _is_folder(self._entry(digest))

    def _index(self, key: str) -> Mapping[str, Any]:
        return _json(self.folder / "index" / f"{key}.json")

    def _held(self, told: Mapping[str, Any]) -> str | None:
        digest = told.get("digest")
        return digest if isinstance(digest, str) and self.holds(digest) else None

    @contextmanager
    def turn(self, key: str) -> Iterator[None]:
        """Wait until nobody else fetches the same URI; at once, where the volume has no locks."""
        with self._locked(f"uri-{key}", fcntl.LOCK_EX):
            yield

    def take(self, digest: str, into: Path) -> Mapping[str, Any] | None:
        """Copy a model to the new folder `into`, and check every byte on the way.

        Returns:
            What fill() was told of it; None if it is not there, or damaged: then it is thrown away.

        Raises:
            OSError: the copy cannot be written.
        """
        entry = self._entry(digest)
        if not _is_folder(entry):
            return None
        with self._locked(entry.name, fcntl.LOCK_SH):
            try:
                record = _json(entry / "record.json")
                copying.copy(entry / "model", into, copying.digests_in(record))
                told = dict(record["fetched"])
            except (DamagedError, KeyError, TypeError, ValueError):
                told = None
        if told is None:
            _LOG.warning("a cached model is damaged; it is fetched again", extra={"model": entry.name})
            shutil.rmtree(into, ignore_errors=True)
            with suppress(OSError):
                self._drop(entry)
        else:
            with suppress(OSError):  # a cache that is only read
                os.utime(entry)
        return told

    def fill(self, key: str, model: Path, fetched: Mapping[str, Any]) -> Outcome:
        """Keep a model that was fetched and checked; what cannot be kept is told as a warning.

        Args:
            key: of its URI.
            model: its folder, which stays as it is.
            fetched: what is known of it, with `digest` and `revision`.
        """
        entry = self._entry(str(fetched["digest"]))
        try:
            self._sweep()
            while True:
                try:
                    self._put(entry, model, fetched)
                    break
                except OSError as error:
                    if error.errno not in _FULL or not self._evict(entry, keep=len(self._others(entry))):
                        raise
            index = {"digest": fetched["digest"], "revision": fetched.get("revision")}
            self._write(self.folder / "index" / f"{key}.json", index)
            self._evict(entry, keep=self.keep)
        except OSError as error:
            reason, why = _refusal(error), error.strerror
            cure = contract.CACHE_FAULTS[reason]
            _LOG.warning("the model is not kept in the cache (%s); %s", why, cure, extra={"reason": reason})
            return reason
        return "kept"

    def _put(self, entry: Path, model: Path, fetched: Mapping[str, Any]) -> None:
        if _is_folder(entry):
            return
        aside = self._aside(entry.name)
        try:
            digests = copying.copy(model, aside / "model", None)
            (aside / "record.json").write_text(json.dumps({"fetched": dict(fetched), "files": digests}))
            entry.parent.mkdir(parents=True, exist_ok=True)
            aside.rename(entry)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:  # another pod was faster
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _others(self, newest: Path) -> list[Path]:
        """The other models, those first that were used last."""
        folder = self.folder / "models"
        entries = sorted(folder.iterdir(), key=_used, reverse=True) if _is_folder(folder) else []
        return [entry for entry in entries if entry != newest and _is_ours(entry)]

    def _evict(self, newest: Path, keep: int) -> int:
        """Throw away what was not used for longest and nobody reads; `keep` counts `newest`, too."""
        dropped = [entry for entry in self._others(newest)[max(0, keep - 1) :] if self._drop(entry)]
        for entry in dropped:
            _LOG.info("dropped from the cache", extra={"model": entry.name})
        return len(dropped)

    def _sweep(self) -> None:
        """Throw away what pods have left that were killed."""
        folder = self.folder / "filling"
        for path in folder.iterdir() if _is_folder(folder) else ():
            if _ASIDE.fullmatch(path.name) and time.time() - _used(path) > _FORGOTTEN:
                shutil.rmtree(path, ignore_errors=True)

    def _drop(self, entry: Path) -> bool:
        """Throw a model away, unless somebody reads it, or we did not write it."""
        if not _is_ours(entry):
            return False
        with self._locked(entry.name, fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
            if not alone:
                return False
            aside = self._aside("old")
            entry.rename(aside / "entry")
            shutil.rmtree(aside, ignore_errors=True)
            return True

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[bool]:
        """A lock on the volume, where it has such; whether it was free."""
        file: BinaryIO | None = None
        try:
            try:
                file = self._lock_file(name, how)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            if file is not None:
                file.close()

    def _lock_file(self, name: str, how: int) -> BinaryIO | None:
        """The open file that holds the lock; None where there is none to be had.

        Raises:
            BlockingIOError: somebody has it, and `how` does not wait.
        """
        path = self.folder / "locks" / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file: BinaryIO = path.open("ab")
        except OSError:
            return None
        try:
            fcntl.flock(file, how)
        except BlockingIOError:
            file.close()
            raise
        except OSError:  # a volume without locks: then losers throw away what they have fetched
            file.close()
            return None
        return file

    def _entry(self, digest: str) -> Path:
        return self.folder / "models" / digest.replace(":", "-")

    def _aside(self, name: str) -> Path:
        made = self.folder / "filling" / f"{name}-{uuid4().hex}"
        made.mkdir(parents=True)
        return made

    def _write(self, path: Path, content: Mapping[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._aside("index") / "draft"
        draft.write_text(json.dumps(content))
        draft.rename(path)
        draft.parent.rmdir()


def key_of(*words: str | None) -> str:
    """The key of a URI and of where its provider is."""
    return hashlib.sha256(repr(words).encode(errors="surrogateescape")).hexdigest()[:40]


def _refusal(error: OSError) -> Outcome:
    """Why a volume takes nothing."""
    if error.errno in _FULL:
        return "CacheFull"
    return "CacheReadOnly" if error.errno in _CLOSED else "CacheFailed"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_ours(entry: Path) -> bool:
    """Whether a folder is one that fill() has made: a claim may hold other people's, in a folder `models`."""
    try:
        return bool(_ENTRY.fullmatch(entry.name)) and {path.name for path in entry.iterdir()} <= _PARTS
    except OSError:
        return False


def _used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
