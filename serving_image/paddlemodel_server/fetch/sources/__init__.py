"""Where models lie: one file for each kind of place, and the table by which the scheme of a URI finds it.

A new scheme is a file beside these and a line in the table (and its form in paddlemodel_api.uri).
"""

from urllib.parse import urlsplit

from paddlemodel_api import uri as grammar

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.http import Http
from paddlemodel_server.fetch.sources.huggingface import HuggingFace
from paddlemodel_server.fetch.sources.local import Local
from paddlemodel_server.fetch.sources.modelscope import ModelScope
from paddlemodel_server.fetch.sources.object_store import ObjectStore
from paddlemodel_server.fetch.sources.registry.source import Registry
from paddlemodel_server.fetch.sources.source import Source

SOURCES: dict[str, Source] = {
    "az": ObjectStore("az"),
    "file": Local(),  # a claim, too: the operator mounts it and names the folder
    "gs": ObjectStore("gs"),
    "hf": HuggingFace(),
    "http": Http(),
    "https": Http(),
    "modelscope": ModelScope(),
    "oci": Registry(),
    "s3": ObjectStore("s3"),
}


def of(uri: str) -> Source:
    """The source for a URI.

    Raises:
        StartError: `InvalidUri`, `UnsupportedScheme`.
    """
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise StartError("InvalidUri", "The URI cannot be read; correct it.") from error
    if parts.scheme not in SOURCES:
        hint = (
            "; a claim is mounted by the operator: name the folder as file:///PATH"
            if grammar.claim(uri)
            else ""
        )
        raise StartError("UnsupportedScheme", f"The URI must be {grammar.FORMS}{hint}; correct it.")
    return SOURCES[parts.scheme]
