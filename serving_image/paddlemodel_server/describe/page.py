"""`GET /` for a person: one HTML document with its style and script inside, nothing loaded from elsewhere.

Names of models and tensors come from outside: Jinja escapes them, the script only ever sets text, and the
Content-Security-Policy lets no script or style run but the two whose hashes it names.
"""

import base64
import hashlib
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from paddlemodel_server.describe import words
from paddlemodel_server.protocol.served import Description

HTML = "text/html; charset=utf-8"
_FOLDER = Path(__file__).parent
_KEY = '-H "Authorization: Bearer $API_KEY" '
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%/-]*)?")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page is made of.

    Attributes:
        facts: those of `GET /`.
        example: a V2 request that the model accepts.
        task: how to call `POST /predict`, and what the form sends there.
        asks_for_keys: whether a request needs an API key; the browser then sends its user's by itself.
        scheme: http or https.
    """

    facts: dict[str, Any]
    example: dict[str, Any]
    task: Description
    asks_for_keys: bool = False
    scheme: str = "http"


def render(shown: Shown, host: str, language: str = words.ENGLISH) -> bytes:
    """The page.

    Args:
        shown: all that depends on the model.
        host: the request's Host header and the path before the page's; where it is no host, the page says
            localhost.
        language: one of `words.LANGUAGES`.
    """
    base = f"{shown.scheme}://{host if _HOST.fullmatch(host) else 'localhost'}/"
    call, upload, name = shown.task.call, shown.task.upload, shown.facts["name"]
    page = _environment().get_template("page.html")
    return page.render(
        t=words.translator(language),
        language=language,
        about=shown.facts,
        data={
            "name": name,
            "base": base,
            "example": shown.example,
            "what": upload.what if upload else None,
            "preview": bool(upload and upload.preview),
            "sound": bool(upload and upload.sound),
            "words": words.LANGUAGES[language],
        },
        call=call,
        upload=upload,
        ask=shown.task.ask,
        curl=f"curl {_KEY if shown.asks_for_keys else ''}{shlex.join([base + call.route, *call.arguments])}",
        style=Markup(_style()),  # noqa: S704 - our own file
        script=Markup(_script()),  # noqa: S704 - our own file
    ).encode()


@cache
def headers() -> tuple[tuple[str, str], ...]:
    """What keeps the page to itself; renewed on every visit, as the state changes."""
    policy = (
        f"default-src 'none'; script-src {_hash(_script())}; style-src {_hash(_style())}; "
        "connect-src 'self'; img-src blob: data:; media-src blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return (
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    return (_FOLDER / "page.css").read_text(encoding="utf-8")


@cache
def _script() -> str:
    return (_FOLDER / "page.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
