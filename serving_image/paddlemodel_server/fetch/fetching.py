"""Brings a model into a folder: list, bring, check, put in place.

Whatever happens, the folder is either as it was before or holds the whole, checked model.
"""

import hashlib
import logging
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import credentials, revisions, selection, sources
from paddlemodel_server.fetch.cache.shared_folder import Cache, key_of
from paddlemodel_server.fetch.retry_policy import RetryPolicy
from paddlemodel_server.fetch.sources.source import ChangedError, Listing, Request
from paddlemodel_server.fetch.target import Target
from paddlemodel_server.fetch.transfer import Courier, Progress
from paddlemodel_server.fetch.unpacking import archive
from paddlemodel_server.fetch.unpacking.layers import Layers
from paddlemodel_server.model import files, formats

_LOG = logging.getLogger(__name__)
MAX_BYTES = 20 << 30
_SHOWN = 10  # names in a line of the log
_CHANGES = 3  # of the files, before it is given up
_BY_ENCODING = {"DamagedArchive", "NotAnArchive", "DigestMismatch"}  # what a packed archive looks like


@dataclass(frozen=True, kw_only=True)
class Options(Request):
    """What to fetch, and besides where to lay it and how far to go for it."""

    into: Path
    digest: str | None = None
    max_bytes: int = MAX_BYTES
    cache: Path | None = None  # a folder that pods share
    keep: int = 3  # models in it
    retries: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What lies there now."""

    digest: str
    format: str
    bytes: int
    revision: str | None = None  # what the URI resolved to, where its place tells
    cache_fault: str | None = None  # why it is not kept in the cache, where it should be


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A model that lies unpacked in the staging folder."""

    tree: Path
    digest: str
    revision: str | None


def fetch(options: Options) -> Fetched:
    """Bring the model to `options.into`, unless it is there already.

    Raises:
        StartError: the folder is as it was.
    """
    if options.digest is not None and not re.fullmatch(r"sha256:[0-9a-f]{64}", options.digest):
        raise StartError("InvalidDigest", "The digest must be sha256: and 64 hexadecimal digits; correct it.")
    target = Target(options.into.resolve())
    _keep_apart(options.cache, target.folder)
    if done := _finished(options, target):
        _LOG.info("the model is already there")
        return done
    _LOG.info("fetching", extra={"uri": printable_uri(options.uri)})
    courier = _courier(options, target)
    for _ in range(_CHANGES):
        try:
            return (_fetched if options.cache is None else _through_cache)(options, courier, target)
        except ChangedError:
            _LOG.warning("the model changed while it was fetched; beginning anew")
    raise StartError(
        "ChangedWhileFetched",
        f"The files changed {_CHANGES} times while they were fetched; write a new version to a new place, "
        "and name it once it is whole.",
    )


def _keep_apart(cache: Path | None, target: Path) -> None:
    """The cache is no part of a model, and a model that is served is no part of the cache."""
    if cache is None:
        return
    folder = cache.resolve()
    if target.is_relative_to(folder) or folder.is_relative_to(target):
        raise StartError(
            "TargetInTheWay",
            f"{files.printable(str(target))} and the cache lie in one another; name another folder.",
        )


def _fetched(options: Options, courier: Courier, target: Target) -> Fetched:
    listing = _told(_chosen(courier))
    with target.staging() as scratch:
        made = (_archive if listing.is_file else _folder)(options, courier, listing, scratch)
        folder, found = files.find(made.tree)
        formats.checked(found)
        fetched = Fetched(
            digest=made.digest, format=found.format, bytes=_size(folder), revision=made.revision
        )
        target.publish(folder, {"uri": _fingerprint(options), "fetched": asdict(fetched)})
    return fetched


def _through_cache(options: Options, courier: Courier, target: Target) -> Fetched:
    """Bring a model from the cache, or from its place and into the cache; of many pods at once, one does."""
    store = Cache(folder=options.cache or Path(), keep=options.keep)
    key = key_of(options.uri, options.endpoint, options.region, options.addressing)
    revision = None
    if options.digest is None:
        try:
            revision = revisions.of(revisions.asked(courier, _chosen(courier).listing))
        except StartError as error:
            known = store.latest(key) if error.reason == "Unreachable" else None
            if not (known and (taken := _taken(options, store, known, target))):
                raise
            _LOG.warning("the place cannot be reached; this is what it had when it was reached last")
            return taken
    for after_others in (False, True):
        digest = options.digest or store.digest_of(key, revision)
        if digest and (taken := _taken(options, store, digest, target)):
            return taken
        with store.turn(key):
            digest = options.digest or store.digest_of(key, revision)
            if digest and store.holds(digest) and not after_others:
                continue  # another pod has fetched it meanwhile
            fetched = _fetched(options, courier, target)
            told = {name: value for name, value in asdict(fetched).items() if name != "cache_fault"}
            outcome = store.fill(key, target.folder, told)
            break
    return fetched if outcome == "kept" else replace(fetched, cache_fault=outcome)


def _taken(options: Options, store: Cache, digest: str, target: Target) -> Fetched | None:
    with target.staging() as scratch:
        told = store.take(digest, scratch / "tree")
        if told is None:
            return None
        formats.checked(files.locate(scratch / "tree"))
        fetched = Fetched(**told)
        target.publish(scratch / "tree", {"uri": _fingerprint(options), "fetched": told})
    _LOG.info("taken from the cache")
    return fetched


def check(options: Options) -> str:
    """What the URI resolves to now, without a download.

    Raises:
        StartError: the place does not tell, or cannot be asked.
    """
    courier = _courier(options, None)
    return revisions.checked(courier, _chosen(courier).listing)


def _chosen(courier: Courier) -> selection.Chosen:
    return selection.chosen(courier.listing(), on_disk=courier.source.takes.root)


def _told(chosen: selection.Chosen) -> Listing:
    """What will be brought; the log says what will not."""
    if chosen.skipped:
        names = ", ".join(map(files.printable, chosen.skipped[:_SHOWN]))
        more = f" and {len(chosen.skipped) - _SHOWN} more" if len(chosen.skipped) > _SHOWN else ""
        _LOG.info("not fetched, no part of the model: %s%s", names, more)
    return chosen.listing


def _courier(options: Options, target: Target | None) -> Courier:
    source = sources.of(options.uri)
    request = replace(options, target=target.folder if target else None)
    scheme = options.uri.partition(":")[0]
    credentials.check(request, source.takes, scheme)
    if options.cache is not None and source.takes.root:
        raise StartError(
            "UnusedOption", f"{scheme}:// has no use for --cache, it is a folder already; remove it."
        )
    return Courier(source=source, request=request, retries=options.retries)


def _archive(options: Options, courier: Courier, listing: Listing, scratch: Path) -> _Made:
    """Bring an archive and unpack it."""
    packed, tree = scratch / "archive", scratch / "tree"
    # Brought first, so that the bytes that are unpacked are the bytes that were digested.
    progress = Progress(total=listing.files[0].size)
    progress.tell("downloading")
    brought = courier.bring(listing.files[0], packed, options.max_bytes, progress)
    progress.tell("downloaded")
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
    return _Made(
        tree=tree,
        digest=brought.digest,
        revision=revisions.of(revisions.seen(listing, {"": brought.validator})),
    )


def _folder(options: Options, courier: Courier, listing: Listing, scratch: Path) -> _Made:
    """Bring every file of a folder."""
    tree, left, digests, validators = scratch / "tree", options.max_bytes, {}, {}
    tree.mkdir()
    layers = Layers(tree=tree, scratch=scratch, max_bytes=options.max_bytes)
    total = (
        sum(file.size or 0 for file in listing.files)
        if all(f.size is not None for f in listing.files)
        else None
    )
    progress = Progress(total=total, files=len(listing.files))
    progress.tell("downloading")
    for file in listing.files:
        if file.unpack:
            left -= courier.bring(file, scratch / "packed", left, progress).size
            layers.add(scratch / "packed")
            continue
        goal = _inside(tree, file.path)
        layers.make_room(goal)
        goal.parent.mkdir(parents=True, exist_ok=True)
        brought = courier.bring(file, goal, left, progress)
        left -= brought.size
        validators[file.path] = brought.validator
        digests[file.path] = brought.digest.removeprefix("sha256:")
    progress.tell("downloaded")
    layered = any(file.unpack for file in listing.files)
    digest = files.digest(tree) if layered else files.digest_of(digests)
    _check_digest(options, digest)
    return _Made(tree=tree, digest=digest, revision=revisions.of(revisions.seen(listing, validators)))


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
