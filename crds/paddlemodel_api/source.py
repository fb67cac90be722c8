"""Where the model comes from (`spec.model`)."""

from typing import Annotated, ClassVar

from pydantic import Field

from paddlemodel_api import uri as uri_grammar
from paddlemodel_api.base import Block, Rule, matches


def _without(pattern: str, message: str) -> Rule:
    return Rule(
        cel=f"!self.uri.matches(r'{pattern}')",
        holds=lambda source: not uri_grammar.holds(source.uri, pattern),
        message=message,
        field="uri",
    )


class ModelSource(Block):
    """Where the model files come from, and optionally what they must be."""

    uri: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description=f"Where the model lies: {uri_grammar.FORMS}. A path is a folder or an archive with one "
        ".json or .pdmodel and its .pdiparams."
    )
    digest: Annotated[str, Field(max_length=71)] | None = Field(
        default=None,
        description="sha256:HEX that the model must have, else it is not served. Of an archive: what "
        "sha256sum prints; of a folder: sha256 over the sorted sha256sum lines of its files. "
        "status.model.digest shows the digest of what is served, ready to be copied here. Default: any "
        "content is accepted.",
    )
    rules: ClassVar = (
        _without(
            uri_grammar.CREDENTIALS,
            "spec.model.uri must not hold a user or password: everybody who may read the object would see "
            "them, and a Secret is not supported yet; use an address that needs none, a signed query "
            "(?…), or pvc://CLAIM/PATH",
        ),
        matches(
            "uri",
            uri_grammar.PATTERN,
            f"spec.model.uri must be {uri_grammar.FORMS}, in printable ASCII without spaces; other schemes "
            "are not supported yet",
        ),
        _without(uri_grammar.UPWARD, "spec.model.uri must not climb upwards: write the path without '..'"),
        _without(
            uri_grammar.LINK_LOCAL,
            "spec.model.uri must not name a link-local or metadata address: use the host of a file server",
        ),
        matches(
            "digest",
            "sha256:[0-9a-f]{64}",
            "spec.model.digest must be 'sha256:' and 64 lower-case hexadecimal digits: prefix what "
            "sha256sum prints",
        ),
    )
