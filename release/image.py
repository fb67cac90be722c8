"""An image as an archive in OCI's layout: what it is called, and the list of its parts."""

import json
import re
import tarfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from devcluster.builders import images
from release import bill, inventory
from release.errors import ReleaseError

_NAME = "org.opencontainers.image.ref.name"


def list_of_parts(archive: Path, lock: Path) -> str:
    """The list of what is in an image, as CycloneDX's JSON; needs root, which alone may mount it.

    Args:
        archive: The image.
        lock: The requirements that it was built from.

    Raises:
        ReleaseError: It is no archive of an image, or one of other requirements.
    """
    image = identity(archive)
    content = lock.read_bytes()
    locked = {(name, version): hashes for name, version, hashes in _locked(content.decode())}
    with images.mounted(archive) as root:
        found = inventory.read(root)
    _compare(archive, lock, found, locked)
    return bill.document(image, found, locked, f"{lock.name} {bill.digest_of(content)}")


def identity(archive: Path) -> bill.Identity:
    """What index, manifest and configuration say.

    Raises:
        ReleaseError: It is no archive of one image in OCI's layout.
    """
    try:
        with tarfile.open(archive) as tar:
            (entry,) = _json(tar, "index.json")["manifests"]
            manifest = _json(tar, _blob(entry["digest"]))
            config = _json(tar, _blob(manifest["config"]["digest"]))
        created = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", config["created"]))
        return bill.Identity(entry["annotations"][_NAME], entry["digest"], created, config["architecture"])
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise ReleaseError(f"{archive} is no image in OCI's layout: {error!r}") from error


def file_name(name: str) -> str:
    """The last part of an image's name and its tag, as a file name without a suffix."""
    return name.rpartition("/")[2].replace(":", "-")


def _json(tar: tarfile.TarFile, name: str) -> Any:
    member = tar.extractfile(name)
    if member is None:
        raise KeyError(name)
    return json.load(member)


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _locked(lock: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for line in lock.replace("\\\n", "").splitlines():
        found = re.match(r"([a-z0-9][\w.-]*)==([^\s;]+)", line)
        if found:
            yield found[1], found[2], tuple(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))


def _compare(archive: Path, lock: Path, found: inventory.Inventory, locked: bill.Locked) -> None:
    """A lock that has changed since would give hashes that nobody has checked."""
    versions = dict(locked)
    other = [
        f"{one.name} {one.version}"
        for one in found.python
        if "/_vendor/" not in one.folder
        and (one.name, one.version) not in locked
        and one.name in {name for name, _ in versions}
    ]
    if other:
        raise ReleaseError(
            f"{archive.name} was not built from this {lock.name}: it has {', '.join(other)}; build it anew"
        )
