"""The way of every request that does not run the model: through uvicorn's cycle and an ASGI task to `lane`.

`connection` builds on it. It bends uvicorn's protocol where that would lose requests or fall out of step.
"""

from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from paddlemodel_server.ipc.scoreboard import Scoreboard


class AsgiProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which knows when an answer is the last."""

    scoreboard: ClassVar[Scoreboard]
    cycle: Any  # uvicorn's, or an Ask
    pipeline: Any  # of both

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.leaving = False  # the server ends

    @property
    def ends(self) -> bool:
        """Whether the next answer shall be the last: the server ends, and no other request was taken in."""
        return (self.leaving or self.scoreboard.draining) and not self.pipeline

    def _renew_parser(self) -> None:
        """Parse what comes as the beginning of a request."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def _take_uvicorns_way(self) -> None:
        """Let uvicorn see a head that we have kept."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()
        if self.cycle.waiting_for_100_continue:
            self.cycle.keep_alive = False  # nobody can know whether its body still comes

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        async def ending(scope: Any, receive: Any, send: Any) -> None:
            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start" and self.ends:
                    cycle.keep_alive = False
                await send(message)

            await app(scope, receive, answer)

        super()._start_asgi_task(cycle, ending)


def desert(cycle: Any) -> None:
    """Let uvicorn's cycle end: nobody reads what it would answer."""
    cycle.disconnected = True
    cycle.message_event.set()
