"""The init container of a model's pod: `paddlemodel-server fetch` brings the model to an empty volume.

Whatever happens, the folder is either as it was before or holds the whole, checked model; a container that is
started again after a crash begins anew, and one that is started again after success does nothing.
"""

import argparse
import logging
import os
import signal
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from paddlemodel_api import uri as grammar

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import credentials
from paddlemodel_server.fetch.fetching import MAX_BYTES, Fetched, Options, check, fetch, printable_uri
from paddlemodel_server.host import log, termination
from paddlemodel_server.model import files

__all__ = ["Fetched", "Options", "fetch", "main"]

_LOG = logging.getLogger(__name__)

DESCRIPTION = f"""Bring a model into a folder, checked, whole or not at all: what a pod's init container does.

--uri is {textwrap.fill(grammar.FORMS, 105)}.
(A claim is mounted by the operator; here, name its folder as file:///PATH.) There must be one model in it. A
download that breaks off goes on where it stopped. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are honoured.

--into is a new folder, an empty one, or one that fetch has written: then it is replaced, once the new model
is whole. docs/models.md says what each refusal means."""

EXAMPLES = """examples:
  paddlemodel-server fetch --uri https://models.example.com/resnet50.tar.gz --into /tmp/resnet50
  paddlemodel-server fetch --uri file://$PWD/my-model --into /tmp/fetched --digest sha256:…
  paddlemodel-server fetch --uri s3://models/net --into /tmp/net --credentials ./secret --endpoint http://minio:9000

Exit codes: 0 the model is there; 1 it is not, and the log's last line says why; 2 a wrong command line."""


def main(argv: Sequence[str], termination_log: Path = termination.LOG) -> int:
    """Fetch a model as the command line says; returns the exit code."""
    args = _parsed(argv)
    _configure_log(os.environ)
    with _stoppable():
        try:
            _checked(args, termination_log) if args.check else _fetched(args, termination_log)
        except StartError as error:
            return _fail(args.uri, error, termination_log)
        except OSError as error:
            return _fail(args.uri, files.disk_fault(error), termination_log)
        except Exception:  # noqa: BLE001 - the last line: the reason must reach the status, the trace the log
            _LOG.exception("unexpected failure")
            fault = StartError("InternalError", "The fetcher failed unexpectedly; its log has the details.")
            return _fail(args.uri, fault, termination_log)
    return 0


def _fetched(args: argparse.Namespace, termination_log: Path) -> None:
    fetched = fetch(_options(args))
    _LOG.info(
        "model ready", extra={name: value for name, value in asdict(fetched).items() if value is not None}
    )
    termination.write_success(
        digest=fetched.digest,
        model_format=fetched.format,
        size=fetched.bytes,
        known={"revision": fetched.revision, "cacheFault": fetched.cache_fault},
        path=termination_log,
    )


def _checked(args: argparse.Namespace, termination_log: Path) -> None:
    revision = check(_options(args))
    _LOG.info("checked", extra={"revision": revision})
    termination.write_revision(revision, termination_log)


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    args = parser.parse_args(argv)
    if args.check:
        useless = [name for name in ("into", "digest", "cache", "keep") if getattr(args, name) is not None]
        if useless:
            parser.error(f"--check downloads nothing and has no use for --{useless[0]}")
    elif args.into is None:
        parser.error("--into is needed, but with --check")
    if args.keep is not None and args.cache is None:
        parser.error("--keep counts the models of --cache, which is not given")
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paddlemodel-server fetch",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--uri", required=True, help="where the model lies, in one of the forms above")
    add("--into", type=Path, help="folder of the model: new, empty, or written by fetch before")
    add("--root", type=Path, help="where links in a folder may lead (default: into the folder itself)")
    add("--digest", help="sha256:… that the archive or folder must have")
    add(
        "--max-bytes", type=_count, default=MAX_BYTES, help="size limit, packed and unpacked (default 20 GiB)"
    )
    add("--timeout", type=_seconds, default=30.0, help="seconds without a byte until a new try (default 30)")
    add("--credentials", type=Path, metavar="DIR", help="a mounted Secret: a file for each key")
    add("--endpoint", metavar="URL", help="where the object store is, if not at the provider's own address")
    add("--region", metavar="NAME", help="of the object store")
    add("--addressing", choices=["Path", "VirtualHost"], help="where the bucket's name is in the address")
    add("--cache", type=Path, metavar="DIR", help="a folder that pods share, in which fetched models stay")
    add("--keep", type=_count, metavar="N", help="how many models stay in the cache (default 3)")
    add("--check", action="store_true", help="download nothing: say which revision the URI names now")
    return parser


def _options(args: argparse.Namespace) -> Options:
    return Options(
        uri=args.uri,
        into=args.into or Path(),
        digest=args.digest,
        root=args.root,
        max_bytes=args.max_bytes,
        timeout=args.timeout,
        credentials=credentials.read(args.credentials) if args.credentials else {},
        endpoint=args.endpoint,
        region=args.region,
        addressing=args.addressing,
        cache=args.cache,
        keep=args.keep or 3,
    )


def _count(text: str) -> int:
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


def _fail(uri: str, error: StartError, termination_log: Path) -> int:
    message = f"{error.message} (the URI is {printable_uri(uri)})"
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
