"""Asks a running server: what it serves, one request at a time. `bench` has its own, faster client."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import orjson
import urllib3
from urllib3.exceptions import HTTPError, SSLError

from paddlemodel_server.commands.credentials import Credentials
from paddlemodel_server.errors import StartError
from paddlemodel_server.verification import v2_client

TIMEOUT_SECONDS = 60.0
_MODELS = "/v2/models/"


def is_url(name: str) -> bool:
    """Whether a person means a server, not a folder."""
    return name.lower().startswith(("http://", "https://"))


def address(url: str) -> SplitResult:
    """The parts of a server's URL.

    Raises:
        StartError: `InvalidUrl`.
    """
    try:
        parts = urlsplit(url)
        if parts.username is not None:  # not quoted: it may be a key
            raise StartError(
                "InvalidUrl", "An URL with a user or a password is refused; send a key by --key-file FILE."
            )
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # half an IPv6 address, a port that is none
    raise StartError("InvalidUrl", f"{url} is not an http:// or https:// address; correct it.")


class Client:
    """A server at an address, and the one model of it that is meant.

    The address is `http://host:port`, or `http://host:port/v2/models/NAME` where a server has several models.
    """

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        parts = address(url)
        base, _, name = parts.path.partition(_MODELS)
        self.base = f"{parts.scheme}://{parts.netloc}{base.rstrip('/')}"
        self._named = name.strip("/").removesuffix("/infer")
        self._credentials = shown = credentials or Credentials()
        tls: dict[str, Any] = {}
        if parts.scheme == "https":
            tls = {"ssl_context": shown.tls(), "server_hostname": shown.server_name}
        # Never another host: without retries a redirect is an answer, and no proxy is asked.
        self._pool = urllib3.PoolManager(timeout=TIMEOUT_SECONDS, retries=False, **tls)

    def metadata(self) -> v2_client.Metadata:
        """What the model takes and gives."""
        server = self._json("GET", "/v2")
        return v2_client.metadata(server, self._json("GET", _MODELS + quote(self._name())))

    def infer(self, known: v2_client.Metadata, arrays: Mapping[str, v2_client.Array]) -> v2_client.Arrays:
        """Run the model once."""
        body = v2_client.request(known.inputs or v2_client.described(arrays), arrays, binary=known.binary)
        answer = self.send(f"{_MODELS}{quote(known.name)}/infer", body.content, body.headers)
        return v2_client.answer(answer.headers, answer.data)

    def send(self, path: str, content: bytes, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """POST; anything but 200 is a fault that quotes the server's own sentence."""
        return self._ask("POST", path, content, headers)

    def _name(self) -> str:
        if self._named:
            return self._named
        names = self._listed("GET", "/v1/models") or self._listed("POST", "/v2/repository/index")
        if len(names) != 1:
            found = f"{len(names)} models ({', '.join(names[:5])})" if names else "no list of its models"
            raise StartError("WhichModel", f"{self.base} has {found}; name one: {self.base}{_MODELS}NAME.")
        return names[0]

    def _listed(self, method: str, path: str) -> list[str]:
        """KServe's list of models, or Triton's."""
        try:
            listed: Any = self._json(method, path)
            models = listed["models"] if isinstance(listed, dict) else listed
            return [model if isinstance(model, str) else model["name"] for model in models]
        except (StartError, KeyError, TypeError):
            return []

    def _json(self, method: str, path: str) -> object:
        try:
            found: object = orjson.loads(self._ask(method, path).data)
        except orjson.JSONDecodeError as error:
            raise StartError(
                "NotV2", f"{self.base}{path} does not answer JSON; is it a V2 server?"
            ) from error
        return found

    def _ask(
        self, method: str, path: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        sent = {**(headers or {}), **self._credentials.headers}
        try:
            answer = self._pool.request(method, self.base + path, body=content, headers=sent)
        except SSLError as error:
            raise StartError(
                "Untrusted",
                f"{self.base} has no certificate that is trusted here ({error}); --ca-file FILE names its "
                "authority, --server-name NAME the name in it.",
            ) from error
        except HTTPError as error:
            raise StartError(
                "Unreachable", f"{self.base} does not answer ({type(error).__name__}); is it running?"
            ) from error
        if answer.status != 200:
            sentence = f"{self.base}{path} answers {answer.status}: {_sentence(answer.data)}"
            if answer.status == 401:
                sentence += f" {self._credentials.refused}"
            raise StartError("Refused", sentence)
        return answer


def _sentence(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["error"])[:500]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return repr(content[:200].decode(errors="replace"))
