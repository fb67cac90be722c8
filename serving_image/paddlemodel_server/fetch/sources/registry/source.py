"""A model in a registry, as an image or as an artifact: `oci://REGISTRY/REPOSITORY:TAG@sha256:DIGEST`."""

import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources import http_client
from paddlemodel_server.fetch.sources.registry import manifests, reference
from paddlemodel_server.fetch.sources.registry.manifests import Manifest
from paddlemodel_server.fetch.sources.registry.session import Session
from paddlemodel_server.fetch.sources.source import (
    Keys,
    Listing,
    Part,
    Reading,
    Request,
    Takes,
    TryAgainError,
)

_LARGEST = 4 << 20  # bytes of a manifest; registries take no larger ones
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}  # as Go names them


class Registry:
    """Any registry that follows the distribution-spec."""

    takes = Takes(
        endpoint=True,
        secrets=(
            Keys(needed=frozenset({".dockerconfigjson"})),
            Keys(needed=frozenset({"username", "password"})),
        ),
    )
    parallel = False

    def listing(self, request: Request, /) -> Listing:
        """As Source.listing(); the revision is the digest of what the tag names, which pins it."""
        session = _session(request)
        digest, manifest = _manifest(session, session.reference.named)
        if manifests.is_index(manifest):
            machine = platform.machine()
            _, manifest = _manifest(session, manifests.chosen(manifest, _MACHINES.get(machine, machine)))
            if manifests.is_index(manifest):
                raise StartError(
                    "UnsupportedImage", "The index names another index; push the image of one platform."
                )
        return Listing(files=manifests.files(manifest), revision=digest, everything=True)

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        """As Source.read(); the validator is the blob's digest, so that any part is of the same content."""
        digest = part.validator
        headers = {"Range": f"bytes={part.offset}-"} if part.offset else {}
        with _session(request).opened(f"blobs/{digest}", headers) as answer:
            asked = replace(part, validator=digest if part.offset else None)
            yield replace(http_client.reading(answer, asked), validator=digest)


def _session(request: Request) -> Session:
    return Session(request=request, reference=reference.read(request.uri, request.endpoint))


def _manifest(session: Session, named: str) -> tuple[str, Manifest]:
    """A manifest or index by its tag or digest, with its own digest."""
    accepted = {"Accept": ", ".join(manifests.IMAGES + manifests.INDICES)}
    content = bytearray()
    with session.opened(f"manifests/{named}", accepted) as answer:
        for chunk in answer.chunks:
            content += chunk
            if len(content) > _LARGEST:
                raise StartError(
                    "UnexpectedAnswer", "The registry sent an endless manifest; push the image again."
                )
        media_type = answer.headers.get("Content-Type", "")
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if named.startswith("sha256:") and named != digest:
        raise TryAgainError("the registry sent another manifest than the digest names")
    return digest, manifests.read(bytes(content), media_type)
