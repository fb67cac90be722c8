"""The init container of a model's pod: `paddlemodel-server fetch` brings the model to an empty volume.

Whatever happens, the folder is either as it was before or holds the whole, checked model; a container that is
started again after a crash begins anew, and one that is started again after success does nothing.
"""

import argparse
import hashlib
import logging
import os
import re
import signal
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from paddlemodel_api import uri as grammar

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import archive, sources
from paddlemodel_server.fetch.sources.source import Request
from paddlemodel_server.fetch.target import Target
from paddlemodel_server.fetch.transfer import Courier, RetryPolicy
from paddlemodel_server.host import log, termination
from paddlemodel_server.model import files, formats

_LOG = logging.getLogger(__name__)
_MAX_BYTES = 20 << 30
_BY_ENCODING = {"DamagedArchive", "NotAnArchive", "DigestMismatch"}  # what a packed archive looks like

DESCRIPTION = f"""Bring a model into a folder, checked, whole or not at all: what a pod's init container does.

--uri is {textwrap.fill(grammar.FORMS, 105)}.
(A claim is mounted by the operator; here, name its folder as file:///PATH.) There must be one model in it. A
download that breaks off goes on where it stopped. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are honoured.

--into is a new folder, an empty one, or one that fetch has written: then it is replaced, once the new model
is whole. docs/models.md says what each refusal means."""

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
    root: Path | None = None
    max_bytes: int = _MAX_BYTES
    timeout: float = 30.0
    retries: RetryPolicy = field(default_factory=RetryPolicy)


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
    """Bring the model to `options.into`, unless it is there already.

    Raises:
        StartError: the folder is as it was.
    """
    if options.digest is not None and not re.fullmatch(r"sha256:[0-9a-f]{64}", options.digest):
        raise StartError("InvalidDigest", "The digest must be sha256: and 64 hexadecimal digits; correct it.")
    target = Target(options.into.resolve())
    if done := _finished(options, target):
        _LOG.info("the model is already there")
        return done
    _LOG.info("fetching", extra={"uri": printable_uri(options.uri)})
    courier = _courier(options, target)
    paths = courier.source.files(courier.request)
    with target.staging() as scratch:
        tree, digest = (_archive if list(paths) == [""] else _folder)(options, courier, paths, scratch)
        folder, found = files.find(tree)
        formats.checked(found)
        fetched = Fetched(digest=digest, format=found.format, bytes=_size(folder))
        target.publish(folder, {"uri": _fingerprint(options), "fetched": asdict(fetched)})
    return fetched


def _courier(options: Options, target: Target) -> Courier:
    request = Request(uri=options.uri, timeout=options.timeout, root=options.root, target=target.folder)
    return Courier(source=sources.of(options.uri), request=request, retries=options.retries)


def _archive(options: Options, courier: Courier, _: Sequence[str], scratch: Path) -> tuple[Path, str]:
    """Bring an archive and unpack it; the tree, and the archive's digest."""
    packed, tree = scratch / "archive", scratch / "tree"
    # Brought first, so that the bytes that are unpacked are the bytes that were digested.
    brought = courier.bring("", packed, options.max_bytes)
    try:
        _check_digest(options, brought.digest)
        archive.unpack(packed, tree, archive.Limits(max_bytes=options.max_bytes))
    except StartError as error:
        if brought.encoding and error.reason in _BY_ENCODING:
            packed_by = f"Content-Encoding: {files.printable(brought.encoding)}"
            raise StartError(
                error.reason,
                f"The server sent the file with {packed_by}, although it was asked not to pack it; switch "
                f"that off for this file. {error.message}",
            ) from error
        raise
    packed.unlink()
    return tree, brought.digest


def _folder(options: Options, courier: Courier, paths: Sequence[str], scratch: Path) -> tuple[Path, str]:
    """Bring every file of a folder; the tree, and the folder's digest."""
    tree, left, digests = scratch / "tree", options.max_bytes, {}
    tree.mkdir()
    for path in paths:
        goal = _inside(tree, path)
        goal.parent.mkdir(parents=True, exist_ok=True)
        brought = courier.bring(path, goal, left)
        left -= brought.size
        digests[path] = brought.digest.removeprefix("sha256:")
    digest = files.digest_of(digests)
    _check_digest(options, digest)
    return tree, digest


def _inside(tree: Path, path: str) -> Path:
    if path.startswith("/") or ".." in path.split("/"):
        raise StartError(
            "UnsafeArchive", f"The folder has the path {files.printable(path)}, which leaves it."
        )
    return tree / path


def _check_digest(options: Options, found: str) -> None:
    if options.digest not in {None, found}:
        raise StartError(
            "DigestMismatch", f"The model's digest is {found}, not {options.digest}; correct either."
        )


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
        "--into", required=True, type=Path, help="folder of the model: new, empty, or written by fetch before"
    )
    parser.add_argument(
        "--root", type=Path, help="where links in a folder may lead (default: into the folder itself)"
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
        into=args.into,
        digest=args.digest,
        root=args.root,
        max_bytes=args.max_bytes,
        timeout=args.timeout,
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


def _finished(options: Options, target: Target) -> Fetched | None:
    """What an earlier run of this pod's container left complete, if it is what is desired now."""
    record = target.record()
    try:
        fetched = Fetched(**record["fetched"])
        wanted = (
            record["uri"] == _fingerprint(options)
            if options.digest is None
            else fetched.digest == options.digest
        )
        return fetched if wanted and files.locate(target.folder).format == fetched.format else None
    except (OSError, ValueError, KeyError, TypeError, StartError):
        return None


def _fingerprint(options: Options) -> str:
    return hashlib.sha256(options.uri.encode(errors="surrogateescape")).hexdigest()  # may hold a password


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
