"""Finds out who asks, by a key or a token, and says what to send where neither is there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from paddlemodel_server.access.keyring import Grant, Keyring
from paddlemodel_server.access.keys import API_KEY_HEADER, AUTHORIZATION, carried
from paddlemodel_server.errors import UnauthorizedError

if TYPE_CHECKING:
    from paddlemodel_server.access.tokens.verifier import Loop, Verifier

_WRONG_KEY: Final = "The API key of this request is not valid."
_NO_TOKEN: Final = "This request needs a token: send it as 'Authorization: Bearer TOKEN'."  # noqa: S105
_NEITHER: Final = (
    "This request needs a token or an API key: send it as 'Authorization: Bearer TOKEN', the key also as "
    "'X-API-Key: KEY'."
)


class Identification:
    """Keys, tokens or both; what opens one of them opens the model."""

    def __init__(self, name: str, keyring: Keyring | None, verifier: "Verifier | None") -> None:
        """Take over what a server asks for.

        Args:
            name: the model's, for the challenge.
            keyring: of API keys.
            verifier: of tokens.
        """
        self._name = name
        self.keyring, self.verifier = keyring, verifier

    def grant(self, headers: Mapping[str, str]) -> Grant:
        """Find out who asks.

        Args:
            headers: of the request, by lower-case name.

        Raises:
            UnauthorizedError: it carries nothing valid.
            ForbiddenError, TokenKeysComingError: as `Verifier.grant` has it.
        """
        try:
            return self._found(headers)
        except UnauthorizedError as error:
            challenge = (("WWW-Authenticate", self._challenge(headers)),)
            raise UnauthorizedError(error.message, challenge) from None

    def watch(self, loop: "Loop") -> None:
        """Look at keys and tokens' keys, and do so again and again."""
        for part in (self.keyring, self.verifier):
            if part is not None:
                part.watch(loop)

    def _found(self, headers: Mapping[str, str]) -> Grant:
        grant = self.keyring.grant(headers) if self.keyring is not None else None
        if grant is not None:
            return grant
        verifier, token = self.verifier, _token(headers)
        if verifier is not None and token and not (self.keyring is not None and API_KEY_HEADER in headers):
            return verifier.grant(token)
        if self.keyring is None:
            raise UnauthorizedError(_NO_TOKEN)
        if carried(headers):
            raise UnauthorizedError(_WRONG_KEY)
        raise UnauthorizedError(_NEITHER if verifier is not None else "")

    def _challenge(self, headers: Mapping[str, str]) -> str:
        """What to send (RFC 6750 and 7617); a browser asks its user for a key only where Basic is offered."""
        wanted = f'Bearer realm="{self._name}"'
        if carried(headers):
            wanted += ', error="invalid_token"'
        asks_people = self.keyring is not None and "text/html" in headers.get("accept", "")
        return f'{wanted}, Basic realm="{self._name}"' if asks_people else wanted


def _token(headers: Mapping[str, str]) -> str:
    """What stands behind Bearer; empty where there is nothing."""
    scheme, _, rest = headers.get(AUTHORIZATION, "").partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""
