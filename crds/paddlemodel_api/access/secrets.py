"""Secrets that the pods of a model read themselves: clients' keys (`apiKeys`) and a certificate (`tls`)."""

from pydantic import Field

from paddlemodel_api.base import Block, Name


class ApiKeys(Block):
    """The keys of clients, in a Secret of the model's namespace, which only the pods read."""

    secret_name: Name = Field(
        description="Secret with an entry for each key: its name is the client's, its value the key, of 16 "
        "to 512 visible ASCII characters. alice and alice.2 are two keys of one client, so that one can be "
        "replaced while the other is in use. A change is in force within two minutes, without a restart."
    )


class Tls(Block):
    """The certificate of the clients' port, in a Secret of the model's namespace, read by the pods alone."""

    secret_name: Name = Field(
        description="Secret of type kubernetes.io/tls: tls.crt and tls.key, as cert-manager writes it. A "
        "renewed one is in force within two minutes, without a restart, for new connections."
    )
