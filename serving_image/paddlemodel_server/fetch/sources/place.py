"""What `s3://BUCKET/KEY`, `gs://BUCKET/KEY` and `az://ACCOUNT/CONTAINER/PATH` name. Pure."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.files import printable

Scheme = Literal["s3", "gs", "az"]
PROGRAMS = (".json", ".pdmodel")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A bucket (Azure's container), and a key in it."""

    scheme: Scheme
    bucket: str
    key: str  # without slashes at its ends; "" for the whole bucket
    is_folder: bool  # whether the URI says so, by its last slash
    account: str = ""  # of Azure

    @property
    def shown(self) -> str:
        """For people."""
        return f"{'container' if self.scheme == 'az' else 'bucket'} {printable(self.bucket)}"


def place_of(uri: str) -> Place:
    """Read a URI.

    Raises:
        StartError: `InvalidUri`.
    """
    parts = urlsplit(uri)
    segments = [parts.netloc, *parts.path.removeprefix("/").split("/")]
    account = segments.pop(0) if parts.scheme == "az" else ""
    bucket, *key = (unquote(segment) for segment in segments)
    joined = "/".join(key)
    if (
        not bucket
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or (parts.scheme == "az") > bool(account)
    ):
        raise _invalid(parts.scheme)
    inner = joined.strip("/")
    if any(piece in {"", ".", ".."} for piece in inner.split("/")) and inner:
        raise _invalid(parts.scheme)
    scheme: Scheme = "s3" if parts.scheme == "s3" else "gs" if parts.scheme == "gs" else "az"
    return Place(
        scheme=scheme,
        bucket=bucket,
        key=inner,
        is_folder=not inner or joined.endswith("/"),
        account=account,
    )


def _invalid(scheme: str) -> StartError:
    form = "az://ACCOUNT/CONTAINER/PATH" if scheme == "az" else f"{scheme}://BUCKET/KEY"
    return StartError(
        "InvalidUri",
        f"The URI must be {form}, with what is special in it percent-encoded; correct it. Credentials belong "
        "into a Secret.",
    )


def params_of(program: str) -> str | None:
    """The name of the parameters that belong to a program; None for any other file."""
    path = PurePosixPath(program)
    return str(path.with_suffix(".pdiparams")) if path.suffix in PROGRAMS else None
