"""Where pods count together (`sharedLimits`): a Valkey or Redis that the user runs."""

from typing import ClassVar, Final

from pydantic import Field

from paddlemodel_api import uri as uri_grammar
from paddlemodel_api.base import Block, Name, Rule, matches

_ADDRESS: Final = r"rediss?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[0-9]{1,3})?"


class SharedLimits(Block):
    """A Valkey or Redis by which all pods of the model count rateLimits together."""

    uri: str = Field(
        max_length=512,
        description="Its address, as redis://HOST:PORT/DATABASE, or rediss:// with TLS; port 6379 and "
        "database 0 by default. One server, or one name that leads to the one that takes writes.",
    )
    secret_name: Name | None = Field(
        default=None,
        description="Secret of the model's namespace with the entry password, and username where it is not "
        "default. Only the pods read it. Default: the store asks for no password.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        matches(
            "uri",
            _ADDRESS,
            "spec.access.sharedLimits.uri is redis://HOST:PORT/DATABASE, or rediss:// with TLS, without a "
            "user or password: correct it, and put those into a Secret, which secretName names",
        ),
        Rule(
            cel=f"!self.uri.matches(r'{uri_grammar.LINK_LOCAL}')",
            holds=lambda shared: not uri_grammar.holds(shared.uri, uri_grammar.LINK_LOCAL),
            message="spec.access.sharedLimits.uri must not name a link-local or metadata address: use the "
            "server's",
            field="uri",
        ),
    )
