"""Counts a request against its limits, and says what is wrong where it is one too many."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from paddlemodel_server.access import addresses, limits
from paddlemodel_server.access.addresses import Proxies
from paddlemodel_server.access.keys import Client
from paddlemodel_server.access.limits import Limit
from paddlemodel_server.errors import RateLimitedError
from paddlemodel_server.ipc.limit_table import Charge, LimitTable

if TYPE_CHECKING:
    from paddlemodel_server.access.shared.exchange import Exchange

Charges = Sequence[Charge]


class Limiter:
    """The limits of a pod, as one HTTP worker counts by them."""

    def __init__(
        self,
        limits: Sequence[Limit],
        proxies: Proxies | None,
        table: LimitTable,
        clock: Callable[[], int],
        exchange: "Exchange | None" = None,
    ) -> None:
        """Take over the limits.

        Args:
            limits: all of them.
            proxies: whose X-Forwarded-For is believed; None: nobody's.
            table: shared with the other HTTP workers.
            clock: monotonic nanoseconds, the same in all of them.
            exchange: by which pods count together; None: each for itself.
        """
        self._limits = limits
        self._proxies = proxies
        self._table = table
        self._take, self._clock = table.take, clock
        self.reads_forwarded = proxies is not None
        self.exchange = exchange

    def charges(self, peer: str, forwarded: str | None, client: Client | None) -> Charges:
        """What a request costs; the same for the same arguments.

        Args:
            peer: the address of the connection.
            forwarded: the header X-Forwarded-For, where `reads_forwarded`.
            client: who sends it; None where nobody is asked for a key.
        """
        found = self._of(limits.CLIENT, client.name) if client is not None else []
        return [*found, *self.unknown(peer, forwarded), *self._of(limits.MODEL, "")]

    def unknown(self, peer: str, forwarded: str | None) -> Charges:
        """What a request costs that carries no valid key: guessing keys is slowed down, nothing else."""
        address = addresses.counted(peer) if self._proxies is None else self._proxies.client(peer, forwarded)
        return self._of(limits.ADDRESS, address)

    def check(self, charges: Charges) -> None:
        """Count a request.

        Raises:
            RateLimitedError: it is one too many, and was not counted.
        """
        now = self._clock()
        if (refusal := self._take(charges, now)) is not None:
            charge = charges[refusal.which]
            limit, left = self._limits[charge.limit], self._table.left(charge, now)
            raise RateLimitedError(
                limits.sentence(limit, refusal.wait_ns),
                limits.headers(limit, left, refusal.wait_ns),
                limits.seconds(refusal.wait_ns),
            )
        if self.exchange is not None:
            self.exchange.add(charges)

    def _of(self, per: str, subject: str) -> list[Charge]:
        charge, exchange = self._table.charge, self.exchange
        return [
            charge(number, subject, limit.cost_ns, limit.most_ns)._replace(
                key=exchange.key(limit, subject) if exchange is not None else ""
            )
            for number, limit in limits.of_kind(self._limits, per)
        ]
