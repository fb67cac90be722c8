"""The grammar of `spec.model.uri`, which the rule of the spec, the operator and the fetcher share.

Imports nothing but the standard library: the fetcher must start light.
"""

import re
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?"
_ARCHIVE: Final = rf"https?://(?:{_HOST})/[!-~]*\.(?:tar|tar\.gz|tgz|tar\.bz2|zip)(?:\?[!-~]*)?"
_CLAIM: Final = r"pvc://[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?(?:/[!-~]*)?"
_FILE: Final = r"file:///[!-~]*"

PATTERN: Final = f"{_ARCHIVE}|{_CLAIM}|{_FILE}"
"""What the spec takes, as a whole, in the words that Python's `re` and CEL share."""
UPWARD: Final = r"/\.\.(/|$)"
LINK_LOCAL: Final = r"^https?://(169\.254\.|\[[fF][eE]80|metadata\.google\.internal)"
CREDENTIALS: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@"

FORMS: Final = (
    "http(s)://HOST/PATH of a .tar, .tar.gz, .tgz, .tar.bz2 or .zip archive, pvc://CLAIM/PATH in a "
    "PersistentVolumeClaim of the same namespace, or file:///PATH inside the server image"
)
"""All that can be written, in one sentence for people."""


def holds(uri: str, pattern: str) -> bool:
    """Whether one of the patterns above is found in a URI, as CEL's `matches` finds it."""
    return re.search(pattern, uri) is not None


def claim(uri: str) -> str | None:
    """The PersistentVolumeClaim that a URI names, or None."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme == "pvc" else None


def mounted(uri: str, folder: str) -> str:
    """The same place for the fetcher, to which a claim is the folder where it is mounted.

    Args:
        uri: as in the spec.
        folder: the absolute path at which the claim is mounted.
    """
    name = claim(uri)
    return uri if name is None else f"file://{folder}" + uri.removeprefix(f"pvc://{name}")
