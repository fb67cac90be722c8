"""How patches are written down; a server-side apply is JSON in the characters that YAML takes; pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

APPLY: Final = "application/apply-patch+yaml; charset=utf-8"
"""With the parameter, which the API server ignores: the client then sends bytes as they are."""

MERGE: Final = "application/merge-patch+json"

_ESCAPED: Final = re.compile(r"[^ -~]")


def as_yaml(patch: Mapping[str, Any]) -> bytes:
    """One line of JSON that is YAML, too.

    What JSON writes as a pair of escapes (`😀`, `𠮷`) is one in YAML, where more characters need them.
    """
    return _ESCAPED.sub(
        lambda found: f"\\U{ord(found[0]):08x}", json.dumps(patch, ensure_ascii=False)
    ).encode()
