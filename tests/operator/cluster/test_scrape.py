"""A pod's page, read without trust: what counts as a number of ours, and what does not."""

import math
import socket
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_api import contract
from paddlemodel_operator.cluster.scrape import (
    MAX_LINE_BYTES,
    NVML_STATES,
    WANTED,
    Page,
    Scan,
    ScrapeError,
    Scraper,
)

from tests.operator.support.simulated_pods import Behaviour, SimulatedPod

GPU = contract.GPU_METRIC


def scan(text: str | bytes, size: int = 1 << 20) -> Page:
    result = Scan()
    data = text.encode() if isinstance(text, str) else text
    for start in range(0, len(data), size):
        result.feed(data[start : start + size])
    return result.page()


REAL = f"""\
# HELP {GPU} Mean of the GPUs.
# TYPE {GPU} gauge
{GPU} 47.5
# TYPE paddle_requests_total counter
paddle_requests_total{{route="infer",status="200"}} 12.0
paddle_busy_ratio 0.25 1700000000000
paddle_inflight_requests 3
paddle_queue_seconds 1e-3
paddle_gpu_seconds_total 86400.5
paddle_nvml_state{{state="ok"}} 1.0
"""


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_page_as_the_server_writes_it_in_pieces_of_any_size(size: int) -> None:
    assert scan(REAL, size) == Page(
        values={
            GPU: 47.5,
            "paddle_busy_ratio": 0.25,
            "paddle_inflight_requests": 3,
            "paddle_queue_seconds": 0.001,
            "paddle_gpu_seconds_total": 86400.5,
        },
        nvml_state="ok",
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"{GPU} 5", id="a line without an end, in which a number may be cut"),
        pytest.param(f"{GPU} 5\n{GPU} 5\n", id="told twice"),
        pytest.param(f"{GPU} NaN\n", id="no number"),
        pytest.param(f"{GPU} -Inf\n", id="infinity"),
        pytest.param(f"{GPU} -0.5\n", id="less than nothing"),
        pytest.param(f"{GPU} 1e10\n", id="too much"),
        pytest.param(f"{GPU} \n", id="no value"),
        pytest.param(f"{GPU}\n", id="no space"),
        pytest.param(f"{GPU}{{}} 5\n", id="labels"),
        pytest.param(f"a{GPU} 5\n{GPU}a 5\n", id="another name"),
        pytest.param(f"# {GPU} 5\n", id="a comment"),
        pytest.param("a" * MAX_LINE_BYTES * 3 + f"{GPU} 5\n", id="in the middle of a long line"),
        pytest.param(f"{GPU} 5{'0' * 100}\n", id="many digits"),
    ],
)
def test_what_is_no_number_of_ours(text: str) -> None:
    assert scan(text).values == {}
    assert scan(text, 5).values == {}


def test_what_follows_a_long_line_counts_again() -> None:
    text = f'a{{b="{"c" * 3 * MAX_LINE_BYTES}"}} 1\n{GPU} 5\n'
    assert scan(text).values == scan(text, 100).values == {GPU: 5}


@pytest.mark.parametrize("state", NVML_STATES)
def test_the_state_of_nvml(state: str) -> None:
    assert scan(f'paddle_nvml_state{{state="{state}"}} 1\n').nvml_state == state


@pytest.mark.parametrize(
    "text", ["", 'paddle_nvml_state{state="odd"} 1\n', 'paddle_nvml_state{state="ok"} 1\n' * 2]
)
def test_no_state_of_nvml(text: str) -> None:
    assert scan(text).nvml_state is None


@given(st.binary(max_size=500), st.integers(1, 50))
def test_any_bytes_in_any_pieces(data: bytes, size: int) -> None:
    """Never an error, never an impossible number, and the pieces make no difference."""
    page = scan(b"\n".join([data, REAL.encode(), data]), size)
    assert page == scan(b"\n".join([data, REAL.encode(), data]))
    assert all(math.isfinite(value) and value >= 0 for value in page.values.values())
    assert set(page.values) <= set(WANTED)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "has no IP address"),
        ("localhost", "has no IP address"),
        ("10.0.0.1:80", "has no IP address"),
        ("10.0.0.1/../x", "has no IP address"),
        ("169.254.169.254", "has an address that is no pod's"),
        ("fe80::1", "has an address that is no pod's"),
        ("::ffff:169.254.169.254", "has an address that is no pod's"),
        ("::ffff:0.0.0.0", "has an address that is no pod's"),
        ("fd00::1%]@elsewhere", "has an address that is no pod's"),
        ("0.0.0.0", "has an address that is no pod's"),
        ("::", "has an address that is no pod's"),
        ("224.0.0.1", "has an address that is no pod's"),
        ("127.66.255.253", "cannot be reached: Connection refused"),
    ],
)
async def test_an_address_that_is_no_pods(address: str, reason: str) -> None:
    async with Scraper() as scraper:
        with pytest.raises(ScrapeError) as caught:
            await scraper.read(address)
    assert str(caught.value).startswith(reason)


def closes(_: socket.socket, __: threading.Event) -> None:
    """As Envoy does where clients have to show a certificate and one begins no handshake (seen with 1.40)."""


def resets(client: socket.socket, _: threading.Event) -> None:
    """The same, where the proxy has not read all of the request."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("proxy", [closes, resets])
async def test_a_proxy_that_demands_mutual_tls_is_named(proxy: Behaviour) -> None:
    pod = SimulatedPod(proxy)
    try:
        async with Scraper() as scraper:
            with pytest.raises(ScrapeError) as caught:
                await scraper.read(pod.address)
    finally:
        pod.close()
    assert "as the proxy of a service mesh does that demands mutual TLS" in str(caught.value)
