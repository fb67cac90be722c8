"""What PADDLEMODEL_MIRROR asks for: how much is mirrored, to whom, and how far an answer may be off.

The text is a paddlemodel_api.rollout.mirror.Mirror as JSON, with the canary's `url` and a `token` beside it.
A canary has the token alone: who shows it is a mirror, whose requests count against nobody's limits and in no
client's metrics. Who does not know it cannot hide among them.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from paddlemodel_api import contract, faults
from paddlemodel_api.rollout.mirror import Mirror
from pydantic import ValidationError

from paddlemodel_server.errors import StartError
from paddlemodel_server.verification import rules
from paddlemodel_server.verification.differences import Tolerance, Tolerances

HEADER: Final = contract.MIRROR_HEADER.lower()
UNTOLD: Final = "1"
"""What mirrored requests show where no token was agreed on: believed by nobody."""
TOLERANCE: Final = Tolerance(rtol=1e-2, atol=1e-3)
"""That of half the bits: another device or another precision is what new versions are made for."""
FORM: Final = 'JSON such as {"url": "http://ocr-canary.ml.svc:80", "percent": 5}'


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where mirrored requests go, how many, and how the answers are compared.

    Attributes:
        host: a name or an address.
        port: of it.
        tls: whether it is spoken there.
        part: of the requests, from 0 to 1.
        tolerances: of outputs of the model, or fields of a task's answer.
    """

    host: str
    port: int
    tls: bool
    part: float
    tolerances: Tolerances

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the variable says.

    Attributes:
        target: of a stable version; a canary has none.
        token: what mirrored requests show.
    """

    target: Target | None
    token: str


def read(text: str) -> Wanted:
    """Validate it.

    Raises:
        StartError: `InvalidSettings`, with the first fault.
    """
    try:
        found = json.loads(text)
        url, token = found.pop("url", None), _token(found.pop("token", UNTOLD))
        target = None if url is None and not found else _target(url, found)
    except ValidationError as error:
        sentence = faults.sentence(error, "spec.rollout.mirror")
        raise StartError("InvalidSettings", f"PADDLEMODEL_MIRROR cannot be used: {sentence}.") from None
    except (ValueError, AttributeError, TypeError):  # what it says is not quoted: there is a token in it
        message = f"PADDLEMODEL_MIRROR cannot be read; set it to {FORM}."
        raise StartError("InvalidSettings", message) from None
    return Wanted(target=target, token=token)


def _token(given: str) -> str:
    if not re.fullmatch(r"[!-~]+", given):
        raise ValueError(given)
    return given


def _target(url: Any, fields: dict[str, Any]) -> Target:
    wanted, parts = Mirror.model_validate_json(json.dumps(fields)), urlsplit(url)
    tls, more = parts.scheme == "https", (parts.username, parts.password, parts.query, parts.fragment)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError(url)
    if parts.path.strip("/") or any(more):
        raise ValueError(url)
    default = rules.tolerance(wanted, TOLERANCE)
    return Target(
        host=parts.hostname,
        port=parts.port or (443 if tls else 80),
        tls=tls,
        part=wanted.percent / 100,
        tolerances=Tolerances(
            default=default, of={one.name: rules.of_output(one, default) for one in wanted.outputs}
        ),
    )
