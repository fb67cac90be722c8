"""What an API server that fails in the middle of an answer means to those who asked."""

import asyncio

import pytest
from kubernetes.aio import client
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.api import Api


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", id="a part of an answer"),
        pytest.param(b"garbage\r\n\r\n", id="garbage"),
    ],
)
async def test_an_answer_that_breaks_off_is_an_error_of_the_api(answer: bytes) -> None:
    """And no other one, which nobody would expect: those who ask go on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        configuration = client.Configuration(host=f"http://{host}:{port}")
        async with Api(client.ApiClient(configuration), 30) as api:
            with pytest.raises(ApiError) as caught:
                await api.get(names.POD, "shop", "a")
    assert caught.value.code == 0
