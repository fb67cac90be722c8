"""An image's list of parts (SBOM) in CycloneDX's JSON: the same bytes for the same image."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from release import licences
from release.errors import ReleaseError
from release.inventory import DebianPackage, Inventory, PythonPackage

Locked = Mapping[tuple[str, str], tuple[str, ...]]
"""Name and version of a Python package -> the SHA-256 of the files that the lock allows."""

_NAMESPACE = uuid.UUID("6b0f0f7e-58cf-5c0e-9b5d-0a3c39b6b1f4")


@dataclass(frozen=True)
class Identity:
    """Which image: its name with a tag, the digest of its manifest (`sha256:…`), and when it was made."""

    name: str
    digest: str
    created: datetime
    architecture: str


def document(image: Identity, found: Inventory, locked: Locked, lock: str) -> str:
    """The list of parts, checked against the standard's schema.

    Args:
        image: What the list is of.
        found: What is in it.
        locked: The hashes that the Python packages were checked by when they were installed.
        lock: The lock's file name and digest, told as a property of the image.

    Raises:
        ReleaseError: What came out is not what the standard allows.
    """
    subject = _subject(image, lock)
    bom = Bom(
        serial_number=uuid.uuid5(_NAMESPACE, f"{image.digest} {lock}"),
        metadata=BomMetaData(component=subject, timestamp=image.created),
        components=[*_components(found, locked)],
    )
    bom.register_dependency(subject, bom.components)
    written = JsonV1Dot6(bom).output_as_string(indent=1)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    if fault is not None:
        raise ReleaseError(f"the list of parts of {image.name} does not fit CycloneDX 1.6: {fault.data}")
    return json.dumps(json.loads(written), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _subject(image: Identity, lock: str) -> Component:
    repository, _, tag = image.name.rpartition(":")
    place, _, name = repository.rpartition("/")
    return Component(
        type=ComponentType.CONTAINER,
        group=place,
        name=name,
        version=tag,
        bom_ref="image",
        purl=PackageURL(
            "oci", None, name, image.digest,
            {"arch": image.architecture, "repository_url": repository, "tag": tag},
        ),
        properties=_properties("lock", [lock]),
    )  # fmt: skip


def _components(found: Inventory, locked: Locked) -> Iterator[Component]:
    name, version = found.system
    yield Component(type=ComponentType.OPERATING_SYSTEM, name=name, version=version, bom_ref="system")
    for package in found.debian:
        yield _debian(package, found.system)
    yield from (_python(package, locked) for package in found.python)


def _debian(package: DebianPackage, system: tuple[str, str]) -> Component:
    qualifiers = {"arch": package.architecture, "distro": "-".join(system)}
    if (package.source, package.source_version) != (package.name, package.version):
        qualifiers["upstream"] = f"{package.source}@{package.source_version}"
    purl = PackageURL("deb", system[0], package.name, package.version, qualifiers)
    return _library(purl, package.licences)


def _python(package: PythonPackage, locked: Locked) -> Component:
    purl = PackageURL("pypi", None, package.name, package.version)
    hashes = locked.get((package.name, package.version), ())
    return _library(
        purl,
        package.licences,
        ref=package.folder,
        properties=[
            *_properties("folder", [package.folder]),
            *_properties("locked-hash", hashes),
            *_properties("parts", package.boms),
        ],
    )


def _library(
    purl: PackageURL, names: Iterable[str], ref: str = "", properties: Iterable[Property] = ()
) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=purl.name,
        version=purl.version,
        purl=purl,
        bom_ref=ref or purl.to_string(),
        licenses=licences.of(names),
        properties=properties,
    )


def _properties(name: str, values: Iterable[str]) -> list[Property]:
    return [Property(name=f"paddlemodel:{name}", value=value) for value in values]


def digest_of(content: bytes) -> str:
    """As OCI writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
