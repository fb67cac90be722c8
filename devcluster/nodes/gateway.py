"""Carries connections from 127.0.0.1 of the host into the cluster's namespace.

Runs inside the namespace as one of the node's components. The listening socket was opened by `up` in
the host's network and inherited: it stays there, while the connections made here are the cluster's.
Usage: python -m devcluster.nodes.gateway SOCKET_FD ADDRESS PORT
"""

import asyncio
import socket
import sys
from contextlib import suppress


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction until it ends, then pass the end on."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def serve(listener: socket.socket, address: str, port: int) -> None:
    """Forward every accepted connection to address:port, for ever."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(address, port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            writer.close()
            far_writer.close()

    server = await asyncio.start_server(carry, sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    descriptor, to_address, to_port = sys.argv[1:]
    asyncio.run(serve(socket.socket(fileno=int(descriptor)), to_address, int(to_port)))
