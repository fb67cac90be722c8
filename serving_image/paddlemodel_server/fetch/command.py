"""The init container of a model's pod: `paddlemodel-server fetch` brings the model to an empty volume.

cli.py calls main(). Whatever happens, /models/model is either absent or the whole, checked model; a container
that is started again after a crash begins anew, and one that is started again after success does nothing.
"""

import argparse
import hashlib
import json
import logging
import os
import re
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import archive
from paddlemodel_server.fetch.http import Patience, download
from paddlemodel_server.host import log, termination
from paddlemodel_server.model import files, formats

_LOG = logging.getLogger(__name__)
_MAX_BYTES = 20 << 30

DESCRIPTION = """Bring a model into a folder, checked, whole or not at all: what a pod's init container does.

--uri is an http(s):// address of an archive (.tar, .tar.gz, .tar.bz2, .zip), or file:///… of an archive or a
folder; there must be one model in it. A download that breaks off goes on where it stopped. HTTPS_PROXY,
NO_PROXY and SSL_CERT_FILE are honoured. docs/models.md says what each refusal means."""

EXAMPLES = """examples:
  paddlemodel-server fetch --uri https://models.example.com/resnet50.tar.gz --into /tmp/resnet50
  paddlemodel-server fetch --uri file://$PWD/my-model --into /tmp/fetched --digest sha256:…

Exit codes: 0 the model is there; 1 it is not, and the log's last line says why; 2 a wrong command line."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to fetch, where to lay it, and how far to go for it."""

    uri: str
    into: Path
    digest: str | None = None
    max_bytes: int = _MAX_BYTES
    patience: Patience = field(default_factory=Patience)

    def beside(self, what: str) -> Path:
        """A hidden sibling of the model's folder: on the same volume, so that moving is atomic."""
        return self.into.with_name(f".{self.into.name}.{what}")


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What lies there now."""

    digest: str
    format: str
    bytes: int


def main(argv: Sequence[str], termination_log: Path = termination.LOG) -> int:
    """Fetch a model as the command line says; returns the exit code."""
    options = _parse(argv)
    _configure_log(os.environ)
    with _stoppable():
        try:
            fetched = fetch(options)
        except StartError as error:
            return _fail(options, error, termination_log)
        except OSError as error:
            return _fail(options, files.disk_fault(error), termination_log)
        except Exception:  # noqa: BLE001 - the last line: the reason must reach the status, the trace the log
            _LOG.exception("unexpected failure")
            fault = StartError("InternalError", "The fetcher failed unexpectedly; its log has the details.")
            return _fail(options, fault, termination_log)
    _LOG.info("model ready", extra=asdict(fetched))
    termination.write_success(
        digest=fetched.digest, model_format=fetched.format, size=fetched.bytes, path=termination_log
    )
    return 0


def fetch(options: Options) -> Fetched:
    """Bring the model to `spec.into`, unless it is there already."""
    if options.digest is not None and not re.fullmatch(r"sha256:[0-9a-f]{64}", options.digest):
        raise StartError("InvalidDigest", "The digest must be sha256: and 64 hexadecimal digits; correct it.")
    if done := _finished(options):
        _LOG.info("the model is already there")
        return done
    _LOG.info("fetching", extra={"uri": printable_uri(options.uri)})
    options.into.parent.mkdir(parents=True, exist_ok=True)
    _clear(options)
    _remove(options.into)
    try:
        digest = _stage(options)
        if options.digest not in {None, digest}:
            raise StartError(
                "DigestMismatch",
                f"The model's digest is {digest}, not {options.digest}; correct either.",
            )
        if options.beside("archive").exists():
            archive.unpack(
                options.beside("archive"), options.beside("tree"), archive.Limits(max_bytes=options.max_bytes)
            )
        folder, found = files.find(options.beside("tree"))
        formats.checked(found)
        fetched = Fetched(digest=digest, format=found.format, bytes=_size(folder))
        folder.rename(options.into)
    finally:
        _clear(options)
    _record(options, fetched)
    return fetched


def printable_uri(uri: str) -> str:
    """The URI without what may be secret: no user, password, query or fragment."""
    try:
        parts = urlsplit(uri)
        _ = parts.port  # an unquoted password may look like a wrong port
    except ValueError:
        return "a URI that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    return files.printable(f"{parts.scheme}://{host}{parts.path}{'?...' if parts.query else ''}")


def _parse(argv: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="paddlemodel-server fetch",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--uri", required=True, help="http(s)://… of an archive, or file:///… of a folder or archive"
    )
    parser.add_argument(
        "--into", required=True, type=Path, help="folder of the model; replaced when it is there"
    )
    parser.add_argument("--digest", help="sha256:… that the archive or folder must have")
    parser.add_argument(
        "--max-bytes",
        type=_bytes,
        default=_MAX_BYTES,
        help="size limit, packed and unpacked (default 20 GiB)",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=30.0, help="seconds without a byte until a new try (default 30)"
    )
    args = parser.parse_args(argv)
    return Options(
        uri=args.uri,
        into=args.into.absolute(),
        digest=args.digest,
        max_bytes=args.max_bytes,
        patience=Patience(timeout=args.timeout),
    )


def _bytes(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _seconds(text: str) -> float:
    if not 0 < float(text) <= 86_400:
        raise ValueError(text)
    return float(text)


def _configure_log(environ: Mapping[str, str]) -> None:
    logging.getLogger("urllib3").setLevel(
        logging.WARNING
    )  # below that it prints queries, which may be secret
    if logging.getLogger().handlers:
        return
    level = environ.get("PADDLEMODEL_LOG_LEVEL", "INFO")
    text = environ.get("PADDLEMODEL_LOG_FORMAT") == "text"
    log.configure(
        level if level in logging.getLevelNamesMapping() else "INFO", "text" if text else "json", "fetch"
    )


def _stage(options: Options) -> str:
    """Bring what the URI names to an archive or a tree beside the goal; returns its digest."""
    try:
        uri = urlsplit(options.uri)
        _ = uri.port
    except ValueError as error:
        raise StartError("InvalidUri", "The URI cannot be read; correct it.") from error
    if uri.scheme in {"http", "https"}:
        return download(options.uri, options.beside("archive"), options.max_bytes, options.patience)
    if uri.scheme != "file" or uri.netloc not in {"", "localhost"}:
        raise StartError(
            "UnsupportedScheme", "The URI must begin with http://, https://, file:/// or pvc://; correct it."
        )
    source = Path(unquote(uri.path))
    if source.is_dir():
        files.find(source)  # before anything is copied
        _copy_tree(source, options.beside("tree"), options.max_bytes)
        return files.digest(options.beside("tree"))
    if source.is_file():
        # Copied first, so that the bytes that are unpacked are the bytes that were digested.
        _copy(source, options.beside("archive"), options.max_bytes)
        return files.digest(options.beside("archive"))
    raise StartError("NotFound", "There is no such file or folder; correct the path in the URI.")


def _copy_tree(source: Path, into: Path, left: int) -> None:
    for file in files.listed(source):
        target = into / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        left -= _copy(file, target, left)


def _copy(source: Path, target: Path, limit: int) -> int:
    size = source.stat().st_size
    if size > limit:
        raise StartError("TooLarge", "The model is larger than the limit; keep only its files in the folder.")
    shutil.copyfile(source, target)
    return size


def _finished(options: Options) -> Fetched | None:
    """What an earlier run of this pod's container left complete, if it is what is desired now."""
    try:
        record = json.loads(options.beside("done").read_text())
        fetched = Fetched(**record["fetched"])
        same = (
            record["uri"] == _fingerprint(options)
            if options.digest is None
            else fetched.digest == options.digest
        )
        return fetched if same and files.locate(options.into).format == fetched.format else None
    except (OSError, ValueError, KeyError, TypeError, StartError):
        return None


def _record(options: Options, fetched: Fetched) -> None:
    draft = options.beside("done.draft")
    draft.write_text(json.dumps({"uri": _fingerprint(options), "fetched": asdict(fetched)}))
    draft.rename(options.beside("done"))


def _fingerprint(options: Options) -> str:
    return hashlib.sha256(options.uri.encode(errors="surrogateescape")).hexdigest()  # may hold a password


def _clear(options: Options) -> None:
    for what in ("archive", "tree", "done", "done.draft"):
        _remove(options.beside(what))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _fail(options: Options, error: StartError, termination_log: Path) -> int:
    message = f"{error.message} (model.uri is {printable_uri(options.uri)})"
    _LOG.error(message, extra={"reason": error.reason})
    termination.write(error.reason, message, termination_log)
    return 1


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM end the fetcher: the kernel ignores it for process 1 unless there is a handler."""

    def stop(*_: object) -> NoReturn:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
