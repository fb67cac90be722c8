"""The clients that people already have, unchanged: NVIDIA's tritonclient, KServe's SDK, MLServer's codecs."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]  # it has no types
import tritonclient.http.aio as triton_aio  # type: ignore[import-untyped]  # it has no types
from tritonclient.utils import InferenceServerException  # type: ignore[import-untyped]  # it has no types

from tests import cleartext, peers
from tests.serving_image.support.clients import kserve_client, mlserver_client
from tests.serving_image.support.servers import UNMEASURED, Server, serving

X = np.array([[1, 2, 3], [4, 5, 6.5]], np.float32)
COUNT = np.array([[10], [2**40]], np.int64)
SUM, DOUBLE = X * 2 + COUNT.astype(np.float32), COUNT * 2  # what the model `pair` answers


@pytest.fixture(scope="module")
def pair(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(exported("pir", "pair"), tmp_path_factory.mktemp("clients"), name="pair") as running:
        yield running


@pytest.fixture
def client(pair: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{pair.port}") as connected:
        yield connected


def inputs(*, binary: bool, x: Any = X) -> list[triton.InferInput]:
    first, second = triton.InferInput("x", list(x.shape), "FP32"), triton.InferInput("count", [2, 1], "INT64")
    first.set_data_from_numpy(x, binary_data=binary)
    second.set_data_from_numpy(COUNT, binary_data=binary)
    return [first, second]


def test_triton_knows_the_server_and_the_model(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("pair")
    assert not client.is_model_ready("other")
    server = client.get_server_metadata()
    assert server["name"] == "paddlemodel-server"
    assert "binary_tensor_data" in server["extensions"]
    model = client.get_model_metadata("pair")
    assert model["name"] == "pair"
    assert model["inputs"] == [
        {"name": "x", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "count", "datatype": "INT64", "shape": [-1, 1]},
    ]
    assert [output["datatype"] for output in model["outputs"]] == ["FP32", "INT64"]


@pytest.mark.parametrize("sent_binary", [True, False], ids=["sends-bytes", "sends-json"])
@pytest.mark.parametrize("asked_binary", [True, False, None], ids=["asks-bytes", "asks-json", "asks-nothing"])
@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_triton_infers(
    client: triton.InferenceServerClient,
    sent_binary: bool,
    asked_binary: bool | None,
    compression: str | None,
) -> None:
    """Without requested outputs the client asks for all of them as bytes."""
    names = [output["name"] for output in client.get_model_metadata("pair")["outputs"]]
    outputs = asked_binary is not None and [
        triton.InferRequestedOutput(name, binary_data=asked_binary) for name in reversed(names)
    ]
    answer = client.infer(
        "pair",
        inputs(binary=sent_binary),
        outputs=outputs or None,
        request_id="seven",
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    response = answer.get_response()
    assert response["id"] == "seven"
    assert [output["name"] for output in response["outputs"]] == (names[::-1] if outputs else names)
    assert all(("data" in output) == (asked_binary is False) for output in response["outputs"])
    np.testing.assert_array_equal(answer.as_numpy(names[0]), SUM)
    np.testing.assert_array_equal(answer.as_numpy(names[1]), DOUBLE)


def test_triton_asks_for_one_output_of_two_in_each_form(client: triton.InferenceServerClient) -> None:
    first, second = (output["name"] for output in client.get_model_metadata("pair")["outputs"])
    wanted = [
        triton.InferRequestedOutput(second, binary_data=True),
        triton.InferRequestedOutput(first, False),
    ]
    answer = client.infer("pair", inputs(binary=True), outputs=wanted)
    np.testing.assert_array_equal(answer.as_numpy(first), SUM)
    np.testing.assert_array_equal(answer.as_numpy(second), DOUBLE)
    alone = client.infer("pair", inputs(binary=True), outputs=wanted[:1])
    np.testing.assert_array_equal(alone.as_numpy(second), DOUBLE)
    assert alone.as_numpy(first) is None


def test_triton_sends_many_at_once(pair: Server) -> None:
    """Its asynchronous calls, over several connections."""
    with triton.InferenceServerClient(f"127.0.0.1:{pair.port}", concurrency=8) as client:
        sent = [X + n for n in range(32)]
        waiting = [client.async_infer("pair", inputs(binary=True, x=x)) for x in sent]
        name = client.get_model_metadata("pair")["outputs"][0]["name"]
        for x, one in zip(sent, waiting, strict=True):
            np.testing.assert_array_equal(one.get_result().as_numpy(name), x * 2 + COUNT.astype(np.float32))


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_triton_s_asyncio_client_infers(pair: Server, compression: str | None) -> None:
    """A client of its own, on another HTTP library."""

    async def ask() -> None:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{pair.port}") as client:
            assert await client.is_server_ready()
            assert not await client.is_model_ready("other")
            model = await client.get_model_metadata("pair")
            name = model["outputs"][0]["name"]
            sent = [X + n for n in range(8)]
            compressed = {"request_compression_algorithm": compression}
            asked = [
                client.infer("pair", inputs(binary=n % 2 == 0, x=x), **compressed) for n, x in enumerate(sent)
            ]
            for x, answer in zip(sent, await asyncio.gather(*asked), strict=True):
                np.testing.assert_array_equal(answer.as_numpy(name), x * 2 + COUNT.astype(np.float32))
            with pytest.raises(InferenceServerException, match="count"):
                await client.infer("pair", inputs(binary=True)[:1])

    asyncio.run(ask())


def test_triton_s_deadline_ends_a_request(exported: Callable[[str, str], Path], tmp_path: Path) -> None:
    """In microseconds; the client's is shorter than the server's, and the model takes longer."""
    with (
        serving(exported("pir", "slow"), tmp_path, name="slow", **UNMEASURED) as server,
        triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client,
    ):
        tensor = triton.InferInput("x", [1, 4], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 4), np.float32))
        with pytest.raises(InferenceServerException) as caught:
            client.infer("slow", [tensor], timeout=1000)
        assert caught.value.status() == "504"
        assert "0.001 seconds" in str(caught.value)
        assert client.infer("slow", [tensor], timeout=60_000_000).get_response()["model_name"] == "slow"


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"model_name": "other"}, "404", "this server has pair"),
        ({"inputs": "wrong-shape"}, "400", "expected [-1, 3]"),
        ({"outputs": [triton.InferRequestedOutput("nothing")]}, "400", "nothing"),
        ({"inputs": "one-input"}, "400", "count"),
    ],
    ids=["model", "shape", "output", "input"],
)
def test_triton_is_told_what_is_wrong(
    client: triton.InferenceServerClient, change: dict[str, Any], status: str, message: str
) -> None:
    wrong = {
        "wrong-shape": inputs(binary=True, x=np.zeros((2, 4), np.float32)),
        "one-input": inputs(binary=True)[:1],
    }
    call: dict[str, Any] = {"model_name": "pair", "inputs": inputs(binary=True)} | change
    if isinstance(call["inputs"], str):
        call["inputs"] = wrong[call["inputs"]]
    with pytest.raises(InferenceServerException) as caught:
        client.infer(**call)
    assert caught.value.status() == status
    assert message in caught.value.message()


def in_the_peers_environment(program: Any, server: Server) -> tuple[Any, list[str]]:
    """What a program of another library understood, and the names of the outputs of `pair`."""
    outputs = cleartext.get(f"{server.url}/v2/models/pair").json()["outputs"]
    command = [str(peers.python()), "-W", "ignore", str(program.__file__), server.url, "pair"]
    answers = subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout
    return json.loads(answers), [output["name"] for output in outputs]


@pytest.mark.slow  # needs the peers' environment
def test_kserve_s_client_speaks_v1_and_v2(pair: Server) -> None:
    answers, names = in_the_peers_environment(kserve_client, pair)
    assert answers == kserve_client.expected(names)


@pytest.mark.slow  # needs the peers' environment
def test_mlserver_s_codecs_speak_v2(pair: Server) -> None:
    answers, names = in_the_peers_environment(mlserver_client, pair)
    assert answers == mlserver_client.expected(names)


@pytest.mark.slow  # needs the peers' environment
def test_mlserver_s_command_infers_line_by_line(pair: Server, tmp_path: Path) -> None:
    """`mlserver infer` sends a file of requests, and writes one of answers."""
    lines = [
        {
            "inputs": [
                {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [n, n, n]},
                {"name": "count", "shape": [1, 1], "datatype": "INT64", "data": [n]},
            ]
        }
        for n in range(5)
    ]
    asked, answered = tmp_path / "asked.jsonl", tmp_path / "answered.jsonl"
    asked.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [str(peers.python()), "-W", "ignore", "-m", "mlserver.cli.main", "infer"]
    command += ["-u", f"127.0.0.1:{pair.port}", "-m", "pair", "-i", str(asked), "-o", str(answered)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=180)
    answers = [json.loads(line)["outputs"] for line in answered.read_text().splitlines()]
    assert sorted(total["data"] + double["data"] for total, double in answers) == [
        [3.0 * n, 3.0 * n, 3.0 * n, 2 * n] for n in range(5)
    ]
