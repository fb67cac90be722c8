"""Where the model comes from (`spec.model`)."""

import re
from typing import Annotated, ClassVar, Final

from pydantic import Field

from paddlemodel_api.base import Block, Rule, matches

_HOST: Final = r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?"
_ARCHIVE: Final = rf"https?://(?:{_HOST})/[!-~]*\.(?:tar|tar\.gz|tgz|tar\.bz2|zip)(?:\?[!-~]*)?"
_CLAIM: Final = r"pvc://[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?(?:/[!-~]*)?"
_FILE: Final = r"file:///[!-~]*"
_UPWARD: Final = r"/\.\.(/|$)"
_LINK_LOCAL: Final = r"^https?://(169\.254\.|\[[fF][eE]80|metadata\.google\.internal)"


def _lacks(text: str, needle: str) -> bool:
    return not re.search(needle, text)


class ModelSource(Block):
    """Where the model files come from, and optionally what they must be."""

    uri: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="Where the model lies: http:// or https:// address of a .tar, .tar.gz, .tgz, .tar.bz2 or "
        ".zip archive; pvc://CLAIM/PATH in a PersistentVolumeClaim of the same namespace; file:///PATH "
        "inside the server image. A path is a folder or an archive with one .json or .pdmodel and its "
        ".pdiparams file."
    )
    digest: Annotated[str, Field(max_length=71)] | None = Field(
        default=None,
        description="sha256:HEX that the model must have, else it is not served. Of an archive: what "
        "sha256sum prints; of a folder: sha256 over the sorted sha256sum lines of its files. "
        "status.model.digest shows the digest of what is served, ready to be copied here. Default: any "
        "content is accepted.",
    )
    rules: ClassVar = (
        matches(
            "uri",
            f"{_ARCHIVE}|{_CLAIM}|{_FILE}",
            "spec.model.uri must be http(s)://HOST/….tar, .tar.gz, .tgz, .tar.bz2 or .zip, pvc://CLAIM/PATH "
            "or file:///PATH, in printable ASCII without spaces; other schemes are not supported yet",
        ),
        Rule(
            cel=rf"!self.uri.matches(r'{_UPWARD}')",
            holds=lambda source: _lacks(source.uri, _UPWARD),
            message="spec.model.uri must not climb upwards: write the path without '..'",
            field="uri",
        ),
        Rule(
            cel=rf"!self.uri.matches(r'{_LINK_LOCAL}')",
            holds=lambda source: _lacks(source.uri, _LINK_LOCAL),
            message="spec.model.uri must not name a link-local or metadata address: use the host of a "
            "file server",
            field="uri",
        ),
        matches(
            "digest",
            "sha256:[0-9a-f]{64}",
            "spec.model.digest must be 'sha256:' and 64 lower-case hexadecimal digits: prefix what "
            "sha256sum prints",
        ),
    )
