"""Who may ask (`spec.access`)."""

from pydantic import Field

from paddlemodel_api.base import Block, Name


class ApiKeys(Block):
    """The keys of clients, in a Secret of the model's namespace, which only the pods read."""

    secret_name: Name = Field(
        description="Secret with an entry for each key: its name is the client's, its value the key, of 16 "
        "to 512 visible ASCII characters. alice and alice.2 are two keys of one client, so that one can be "
        "replaced while the other is in use. A change is in force within two minutes, without a restart."
    )


class Access(Block):
    """Who may ask; without it everybody may who reaches the Service."""

    api_keys: ApiKeys = Field(
        description="Refuse every request that carries no valid key, as Authorization: Bearer KEY or as "
        "X-API-Key: KEY, with 401. Only /v2/health/live and /v2/health/ready answer without one, and the "
        "admin port, which the Service does not have."
    )
