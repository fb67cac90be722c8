"""`python -m benchmarks.adapter.pods COUNT PAGE`: so many pods, each an address that answers with the page.

One process for all of them, started by `world`; it says "ready" when every address listens.
"""

import asyncio
import sys
from pathlib import Path

from paddlemodel_api import contract

PER_NETWORK = 250


def address(number: int) -> str:
    """Of the pod with this number; all on the loopback interface."""
    return f"127.200.{number // PER_NETWORK}.{number % PER_NETWORK + 1}"


class _Pod(asyncio.Protocol):
    """One connection; a request is a head that ends with an empty line."""

    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            self._transport.write(self.answer)
            if b"connection: close" in self._head.lower():
                self._transport.close()
            self._head = b""


async def _serve(count: int, page: bytes) -> None:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(page)}\r\n\r\n"
    )
    _Pod.answer = head.encode() + page
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(_Pod, address(number), contract.ADMIN_PORT) for number in range(count)
    ]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
