"""Whose address a request comes from: twenty heads that a client made up, and those that proxies write."""

import pytest
from paddlemodel_server.access import addresses
from paddlemodel_server.access.addresses import Proxies

CLIENT, PROXY, OUTER = "203.0.113.7", "10.0.0.5", "10.9.9.9"
ONE, TWO = addresses.read("1"), addresses.read("2")
INSIDE = addresses.read("10.0.0.0/8,fd00::/8")

MADE_UP = [
    "127.0.0.1",
    "10.0.0.1",
    "10.0.0.1, 10.0.0.2",
    "1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4",
    "203.0.113.99",
    "::1",
    "[::1]:80",
    "fd00::1",
    "::ffff:10.0.0.1",
    "unknown",
    "_hidden",
    "",
    ",,,",
    " ",
    "10.0.0.1:99999999",
    "0x0a000001",
    "012.0.0.1",
    "1.2.3",
    "a" * 5000,
    "10.0.0.1, unknown, 10.0.0.2",
]


@pytest.mark.parametrize("made_up", MADE_UP, ids=[text[:20] or "nothing" for text in MADE_UP])
def test_what_a_client_writes_itself_is_never_believed(made_up: str) -> None:
    """Each proxy has appended the address that asked it."""
    assert ONE.client(PROXY, f"{made_up},{CLIENT}") == CLIENT
    assert TWO.client(PROXY, f"{made_up},{CLIENT},{OUTER}") == CLIENT
    assert INSIDE.client(PROXY, f"{made_up},{CLIENT}") == CLIENT
    assert INSIDE.client(PROXY, f"{made_up},{CLIENT},{OUTER}") == CLIENT
    assert INSIDE.client(CLIENT, made_up) == CLIENT  # it came past the proxies


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "client"),
    [
        pytest.param(ONE, PROXY, None, PROXY, id="no header"),
        pytest.param(TWO, PROXY, CLIENT, PROXY, id="fewer entries than proxies"),
        pytest.param(ONE, PROXY, "unknown", PROXY, id="an entry that is no address"),
        pytest.param(INSIDE, PROXY, "1.1.1.1, unknown", PROXY, id="the last entry is no address"),
        pytest.param(INSIDE, PROXY, f"{OUTER},{OUTER}", OUTER, id="a client inside"),
        pytest.param(INSIDE, PROXY, f"{CLIENT}:4711", CLIENT, id="with a port"),
        pytest.param(ONE, PROXY, "[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::", id="IPv6 with a port"),
        pytest.param(INSIDE, "fd00::5", "2001:db8:1:2::9", "2001:db8:1:2::", id="IPv6"),
        pytest.param(INSIDE, "::ffff:10.0.0.5", CLIENT, CLIENT, id="IPv4 on an IPv6 socket"),
    ],
)
def test_what_proxies_write_is(proxies: Proxies, peer: str, forwarded: str | None, client: str) -> None:
    assert proxies.client(peer, forwarded) == client


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str, counted: str) -> None:
    assert addresses.counted(address) == counted


@pytest.mark.parametrize("text", ["", "0", "11", "-1", "10.0.0.0/33", "proxy", "10.0.0.0/8,", "*", "1 2"])
def test_what_names_no_proxies_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - ipaddress's and ours
        addresses.read(text)


def test_too_many_networks_are_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        addresses.read(",".join(["10.0.0.0/8"] * 17))
