"""The grammar of `spec.model.uri`, which the rule of the spec, the operator and the fetcher share.

Imports nothing but the standard library: the fetcher must start light.
"""

import re
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_PATH: Final = r'(?:/[!-"$->@-~]*)?'
"""Printable ASCII without ? and #, which mean nothing outside of HTTP."""
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_FILES: Final = r"tar|tar\.gz|tgz|tar\.bz2|zip|json|pdmodel"

_HTTP: Final = rf"https?://{_HOST}/(?:[!-~]*(?:/|\.(?:{_FILES})))?(?:\?[!-~]*)?"
_BUCKET: Final = rf"(?:s3|gs)://[A-Za-z0-9][A-Za-z0-9._-]{{1,220}}[A-Za-z0-9]{_PATH}"
_AZURE: Final = rf"az://[a-z0-9]{{3,24}}/[a-z0-9$][a-z0-9-]{{2,62}}{_PATH}"
_HUB: Final = rf"(?:hf|modelscope)://{_NAME}/{_NAME}(?:@[A-Za-z0-9][A-Za-z0-9._%-]{{0,199}})?{_PATH}"
_IMAGE: Final = rf"oci://{_HOST}/[a-z0-9][a-z0-9._/-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
_CLAIM: Final = r"pvc://[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?(?:/[!-~]*)?"
_FILE: Final = r"file:///[!-~]*"

PATTERN: Final = "|".join((_HTTP, _BUCKET, _AZURE, _HUB, _IMAGE, _CLAIM, _FILE))
"""What the spec takes, as a whole, in the words that Python's `re` and CEL share."""
UPWARD: Final = r"/\.\.(/|$)"
LINK_LOCAL: Final = r"^(https?|oci|rediss?)://(169\.254\.|\[[fF][eE]80|metadata\.google\.internal)"
CREDENTIALS: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@"
MOUNTED: Final = r"^(pvc|file)://"
"""Places that the pod has without asking anybody over the network."""
UNCHANGING: Final = (
    r"^oci://.*@sha256:[0-9a-f]{64}$|^(hf|modelscope)://[^/]+/[^/@]+@[0-9a-f]{40}(/|$)|^(pvc|file)://"
)
"""Where nothing new is looked for: such a URI names one content for ever, or a place of the pod's own."""
ENDPOINT: Final = rf"https?://{_HOST}(?:/[A-Za-z0-9._~/-]*)?"
"""The address of a service, without a query."""
TAKES_ENDPOINT: Final = r"^(s3|gs|az|hf|modelscope|oci)://"
TAKES_REGION: Final = r"^s3://"

FORMS: Final = (
    "http(s)://HOST/PATH of a .tar, .tar.gz, .tgz, .tar.bz2 or .zip archive, of a .json or .pdmodel, or of a "
    "folder, which ends with /; s3://BUCKET/KEY; gs://BUCKET/KEY; az://ACCOUNT/CONTAINER/PATH; "
    "hf://OWNER/NAME@REVISION/PATH; modelscope://OWNER/NAME@REVISION/PATH; "
    "oci://REGISTRY/REPOSITORY:TAG@sha256:DIGEST; pvc://CLAIM/PATH in a PersistentVolumeClaim of the same "
    "namespace; or file:///PATH inside the server image"
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
