"""Asks a registry, and logs in where it wants that: Basic, or with a token that another server gives.

Of the distribution-spec 1.1 and the token authentication that Docker's registry brought (distribution,
docs/spec/auth/token.md). Nothing is kept between two questions: a token may have expired meanwhile.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources import http_client
from paddlemodel_server.fetch.sources.http_client import Answer, Call
from paddlemodel_server.fetch.sources.registry import docker_config
from paddlemodel_server.fetch.sources.registry.docker_config import Login
from paddlemodel_server.fetch.sources.registry.reference import Reference
from paddlemodel_server.fetch.sources.source import Request
from paddlemodel_server.model.files import printable

_UNDERSTOOD = frozenset({200, 206, 401, 403, 404, 416})
_PARAMETER = re.compile(r'([a-z_]+)\s*=\s*"([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Session:
    """What one request asks of one repository."""

    request: Request
    reference: Reference

    @contextmanager
    def opened(self, path: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Ask for something below the repository; what was refused is refused with its cure.

        Args:
            path: as manifests/TAG.
            headers: what to send.

        Raises:
            StartError: `NotAllowed`, `NotFound`, and as http_client.opened().
            TryAgainError: as http_client.opened().
        """
        call = Call(
            uri=f"{self.reference.base}/{path}",
            timeout=self.request.timeout,
            headers=headers,
            accepted=_UNDERSTOOD,
        )
        with http_client.opened(call) as answer:
            if answer.status != 401:
                self._check(answer)
                yield answer
                return
            challenge = answer.headers.get("WWW-Authenticate", "")
        with http_client.opened(replace(call, secrets=self._secrets(challenge))) as answer:
            self._check(answer)
            yield answer

    def _check(self, answer: Answer) -> None:
        if answer.status in {401, 403}:
            raise self._not_allowed(answer.status)
        if answer.status == 404:
            raise StartError(
                "NotFound",
                f"The registry has no {self.reference.shown}, or does not show it; correct the URI, or the "
                "Secret.",
            )

    def _not_allowed(self, status: int) -> StartError:
        if self.request.credentials:
            return StartError(
                "NotAllowed",
                f"The registry answered {status} to the Secret's login for {self.reference.shown}: it is "
                "wrong, expired, or may not pull this repository; correct the Secret, or the URI.",
            )
        return StartError(
            "NotAllowed",
            f"The registry answered {status} for {self.reference.shown}: it is private, or not there; name a "
            "Secret with a login that may pull it, or correct the URI.",
        )

    def _secrets(self, challenge: str) -> Mapping[str, str]:
        scheme = challenge.partition(" ")[0].lower()
        login = self._login()
        if scheme == "basic":
            if login is None:
                raise self._not_allowed(401)
            return http_client.basic(*login)
        if scheme == "bearer":
            return http_client.bearer(self._token(dict(_PARAMETER.findall(challenge)), login))
        raise StartError(
            "UnexpectedAnswer",
            f"The registry wants a login by {printable(scheme) or 'nothing that it names'}, which is not "
            "supported (Basic and Bearer are); use another registry.",
        )

    def _login(self) -> Login | None:
        """The Secret's login, if there is a Secret.

        Raises:
            StartError: `InvalidCredentials`.
        """
        credentials, reference = self.request.credentials, self.reference
        if not credentials:
            return None
        if text := credentials.get(".dockerconfigjson"):
            return docker_config.login(text, reference.registry, reference.repository)
        return credentials["username"], credentials["password"]

    def _token(self, told: Mapping[str, str], login: Login | None) -> str:
        """A token of the server that the registry names; without a login one for everybody, if there are."""
        realm = told.get("realm", "")
        schemes = {"https"} if self.reference.server.startswith("https:") else {"https", "http"}
        if urlsplit(realm).scheme not in schemes:
            raise StartError(
                "UnexpectedAnswer",
                "The registry names a server of tokens without TLS, or none; correct the URI, or the "
                "registry.",
            )
        query = {"scope": told.get("scope") or f"repository:{self.reference.repository}:pull"}
        query |= {"service": told["service"]} if "service" in told else {}
        call = Call(
            uri=f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}",
            timeout=self.request.timeout,
            secrets=http_client.basic(*login) if login else {},
            accepted={200},
            refusals={400: self._not_allowed(400), 401: self._not_allowed(401), 403: self._not_allowed(403)},
        )
        _, content = http_client.body(call)
        try:
            found = json.loads(content)
            token = found.get("token") or found["access_token"]
            if not isinstance(token, str):
                raise TypeError  # noqa: TRY301 - the same fault as the others
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StartError(
                "UnexpectedAnswer",
                "The registry's server of tokens sent none; correct the URI, or the registry.",
            ) from error
        return token
