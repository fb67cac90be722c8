"""A task for people and machines: how the page calls it, and its part of the OpenAPI document; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Upload:
    """How the page sends a file to `POST /predict`.

    Attributes:
        what: the file is, with its article, such as "a picture".
        media: Content-Types that the browser offers.
        preview: whether the browser can show it as a picture.
        sound: whether the browser can play it, and draw it.
    """

    what: str
    media: tuple[str, ...]
    preview: bool = False
    sound: bool = False


@dataclass(frozen=True, kw_only=True)
class Ask:
    """How the page sends words to `POST /predict`.

    Attributes:
        what: they are, with their article, such as "a text".
        example: what stands there at first.
    """

    what: str
    example: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request with curl, for the page.

    Attributes:
        route: without a leading slash.
        arguments: of curl, behind the address.
        file: the file among them, if there is one.
        stands_for: what that file is, for "`cat.jpg` stands for your file".
    """

    route: str
    arguments: tuple[str, ...]
    file: str = ""
    stands_for: str = ""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A task for people and machines.

    Attributes:
        operation: `POST /predict` as an OpenAPI operation, without the parts that all routes share.
        schemas: the schemas that only this operation refers to, by name.
        call: the request that the page shows.
        upload: what the page's form sends beside tensors; None where it sends only those.
        more: the operations of further routes of the task, by label.
        ask: the same for a text that is written into the page.
    """

    operation: Json
    call: Call
    schemas: Json = field(default_factory=dict)
    upload: Upload | None = None
    more: Mapping[str, Json] = field(default_factory=dict)
    ask: Ask | None = None
