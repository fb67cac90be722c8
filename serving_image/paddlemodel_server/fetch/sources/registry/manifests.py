"""What a manifest says: which blobs are files, which are layers to be unpacked over each other. Pure.

Of the image-spec 1.1: images, indices of them for several platforms, and artifacts whose blobs have names, as
ORAS and others push them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.source import File
from paddlemodel_server.model.files import printable

_OCI, _DOCKER = "application/vnd.oci.image", "application/vnd.docker.distribution"
IMAGES = (f"{_OCI}.manifest.v1+json", f"{_DOCKER}.manifest.v2+json")
INDICES = (f"{_OCI}.index.v1+json", f"{_DOCKER}.manifest.list.v2+json")
_TARS = (
    f"{_OCI}.layer.v1.tar",
    f"{_OCI}.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
_TITLE, _UNPACK = "org.opencontainers.image.title", "io.deis.oras.content.unpack"
_ARCHIVE = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".zip")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_LAYERS = 1_000

Manifest = Mapping[str, Any]


def read(content: bytes, media_type: str) -> Manifest:
    """Read a manifest or index.

    Args:
        content: as the registry sent it.
        media_type: what the registry says that it is.

    Raises:
        StartError: `UnsupportedImage`, `UnexpectedAnswer`.
    """
    try:
        manifest = json.loads(content)
        said = manifest.get("mediaType") or media_type.partition(";")[0].strip()
        if manifest.get("schemaVersion") == 1:
            raise StartError(
                "UnsupportedImage",
                "The image is of Docker's schema 1, which has no digests of its own; push it again with a "
                "program of this decade.",
            )
    except (ValueError, AttributeError, RecursionError) as error:
        raise _unreadable() from error
    if said not in IMAGES + INDICES:
        raise StartError(
            "UnsupportedImage",
            f"The manifest is of the type {printable(str(said))}, which is no image, index or artifact of "
            "these days; push it again with `paddlemodel-server pack`, or with ORAS.",
        )
    return {**manifest, "mediaType": said}


def is_index(manifest: Manifest) -> bool:
    """Whether it names manifests, one for each platform."""
    return manifest["mediaType"] in INDICES


def chosen(index: Manifest, architecture: str) -> str:
    """The digest of the manifest for this machine, or of the only one.

    Args:
        index: names the manifests.
        architecture: as Go names it, such as amd64.

    Raises:
        StartError: `UnsupportedImage`, `UnexpectedAnswer`.
    """
    try:
        platforms = {
            f"{place.get('os')}/{place.get('architecture')}": _digest(entry)
            for entry in reversed(index["manifests"])
            for place in [entry.get("platform") or {}]
            if place.get("os") != "unknown"  # what was signed or attested about the others
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable() from error
    if found := platforms.get(f"linux/{architecture}"):
        return found
    if len(platforms) == 1:
        return next(iter(platforms.values()))
    names = ", ".join(sorted(map(printable, platforms))) or "nothing"
    raise StartError(
        "UnsupportedImage",
        f"The image is there for {names}, not for linux/{architecture}; push it for this platform, or name "
        "the digest of one.",
    )


def files(manifest: Manifest) -> Sequence[File]:
    """The files, each with its blob's digest as validator.

    Raises:
        StartError: `UnsupportedImage`, `UnexpectedAnswer`.
    """
    try:
        layers = [_file(number, layer) for number, layer in enumerate(manifest["layers"], 1)]
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable() from error
    if not 0 < len(layers) <= _MOST_LAYERS:
        raise StartError(
            "UnsupportedImage", f"The image has {len(layers)} layers; push the model's files as one image."
        )
    if len(layers) == 1 and not layers[0].unpack and layers[0].path.endswith(_ARCHIVE):
        return [File(path="", size=layers[0].size, sha256=layers[0].sha256, validator=layers[0].validator)]
    return layers


def _file(number: int, layer: Mapping[str, Any]) -> File:
    notes = layer.get("annotations") or {}
    title, media_type, size, digest = notes.get(_TITLE), layer["mediaType"], layer["size"], _digest(layer)
    if not isinstance(size, int) or size < 0 or not (title is None or (isinstance(title, str) and title)):
        raise TypeError
    if title is not None and notes.get(_UNPACK) != "true":
        return File(path=title, size=size, sha256=digest[7:], validator=digest)
    if media_type not in _TARS:
        raise StartError(
            "UnsupportedImage",
            f"A layer is of the type {printable(str(media_type))} and has no name; layers must be .tar or "
            ".tar.gz: push the model with `paddlemodel-server pack`.",
        )
    return File(path=f"layer {number}", size=size, sha256=digest[7:], validator=digest, unpack=True)


def _digest(descriptor: Mapping[str, Any]) -> str:
    if not _DIGEST.fullmatch(descriptor["digest"]):
        raise StartError(
            "UnsupportedImage", "The image names its parts by another digest than sha256; push it again."
        )
    return str(descriptor["digest"])


def _unreadable() -> StartError:
    return StartError("UnexpectedAnswer", "The registry sent a manifest that cannot be read; push it again.")
