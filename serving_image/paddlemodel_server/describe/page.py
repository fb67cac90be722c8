"""`GET /` for a person: one HTML document with its style and script inside, nothing loaded from elsewhere.

Names of models and tensors come from outside: Jinja escapes them, the script only ever sets text, and the
Content-Security-Policy lets no script or style run but the two whose hashes it names.
"""

import base64
import hashlib
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from paddlemodel_server.describe import examples

HTML = "text/html; charset=utf-8"
_FOLDER = Path(__file__).parent
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_PREDICT = "predict"


def render(about: dict[str, Any], example: dict[str, Any], host: str) -> bytes:
    """The page.

    Args:
        about: the facts of `GET /`.
        example: a V2 request that the model accepts.
        host: the request's Host header; where it is no host, the page says localhost.
    """
    base = f"http://{host if _HOST.fullmatch(host) else 'localhost'}/"
    inline = examples.complete(example)
    route = _PREDICT if about["task"] == "ImageClassification" else f"v2/models/{about['name']}/infer"
    if route == _PREDICT:
        command = ["curl", "--data-binary", "@cat.jpg", base + route]
    else:
        body = orjson.dumps(example).decode() if inline else "@request.json"
        command = ["curl", base + route, "-H", "Content-Type: application/json", "--data-binary", body]
    page = _environment().get_template("page.html")
    return page.render(
        about=about,
        data={"name": about["name"], "task": about["task"], "base": base, "example": example},
        route=f"/{route}",
        curl=shlex.join(command),
        inline=inline,
        style=Markup(_style()),  # noqa: S704 - our own file
        script=Markup(_script()),  # noqa: S704 - our own file
    ).encode()


@cache
def headers() -> tuple[tuple[str, str], ...]:
    """What keeps the page to itself; renewed on every visit, as the state changes."""
    policy = (
        f"default-src 'none'; script-src {_hash(_script())}; style-src {_hash(_style())}; "
        "connect-src 'self'; img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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
