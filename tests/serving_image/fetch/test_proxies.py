"""NO_PROXY means what it means to curl and to Go; the failure of a proxy names it."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.proxies import Proxy, is_direct, proxy_for
from paddlemodel_server.fetch.retry_policy import RetryPolicy

from tests.serving_image.support.file_server import Step, no_proxy, serving  # noqa: F401 - no_proxy is a fixture

# As the tests of Go's httpproxy package and curl's unit test 1614 have them, and the reports of users.
LISTED = [
    ("*", "a.example", 80, True),
    ("10.0.0.0/8", "10.1.2.3", 80, True),
    ("10.0.0.0/8,.svc", "store.models.svc", 80, True),
    ("10.0.0.0/8", "11.1.2.3", 80, False),
    ("127.0.0.0/8", "127.0.0.1", 9000, True),
    ("10.0.0.0/8", "ten.example", 80, False),
    ("10.0.0.0/33", "10.0.0.1", 80, False),
    ("192.168.1.1", "192.168.1.1", 80, True),
    ("192.168.1.1", "192.168.1.10", 80, False),
    ("192.168.1.1:81", "192.168.1.1", 80, False),
    ("192.168.1.1:80", "192.168.1.1", 80, True),
    ("fd00::/8", "fd12::1", 443, True),
    ("fd12::1", "fd12:0::1", 443, True),
    ("[fd12::1]:443", "fd12::1", 443, True),
    ("[fd12::1]:444", "fd12::1", 443, False),
    ("[fd12::1]", "fd12::1", 443, True),
    ("example.com", "example.com", 80, True),
    ("example.com", "a.b.example.com", 80, True),
    ("example.com", "notexample.com", 80, False),
    ("example.com", "example.com.evil", 80, False),
    (".example.com", "a.example.com", 80, True),
    (".example.com", "example.com", 80, True),
    ("*.example.com", "a.example.com", 80, True),
    ("*.example.com", "a.example.org", 80, False),
    ("example.com:8080", "a.example.com", 8080, True),
    ("example.com:8080", "example.com", 80, False),
    ("EXAMPLE.com", "Example.COM.", 80, True),
    ("one.example two.example", "two.example", 80, True),
    (" one.example , two.example ", "two.example", 80, True),
    ("example.com.", "example.com", 80, True),
    (",", "example.com", 80, False),
    (".", "example.com", 80, False),
    ("", "example.com", 80, False),
]


@pytest.mark.parametrize(("listed", "host", "port", "direct"), LISTED)
def test_no_proxy_is_read_as_curl_and_go_read_it(listed: str, host: str, port: int, direct: bool) -> None:
    assert is_direct(host, port, listed) is direct


OCTET = st.sampled_from([0, 1, 10, 127, 128, 192, 255])
ADDRESS = st.tuples(st.sampled_from([10, 127, 192]), OCTET, OCTET, st.sampled_from([1, 2, 254])).map(
    lambda parts: ".".join(map(str, parts))
)
NAME = st.lists(st.sampled_from(["a", "b", "svc", "example", "notexample"]), min_size=1, max_size=3).map(
    ".".join
)
CIDR = st.tuples(ADDRESS, st.integers(1, 32)).map(lambda parts: f"{parts[0]}/{parts[1]}")
BELOW = NAME.map("{}.invalid".format)
ENTRY = st.one_of(NAME, BELOW, BELOW.map(".{}".format), ADDRESS, CIDR)
HOST = st.one_of(BELOW, ADDRESS)


@given(host=HOST, entries=st.lists(ENTRY, min_size=1, max_size=3))
@example(host="10.1.2.3", entries=["10.0.0.0/8"])
@example(host="a.example.invalid", entries=[".example.invalid"])
@settings(max_examples=60, deadline=None)
def test_no_proxy_agrees_with_curl(host: str, entries: list[str]) -> None:
    """Curl says which way it goes before it goes: there is no network in it."""
    listed = ",".join(entries)
    command = ["curl", "-sv", "-o", "/dev/null", "--max-time", "5", "--connect-to", "::127.0.0.1:1"]
    done = subprocess.run(
        [*command, "--proxy", "http://127.0.0.1:2", "--noproxy", listed, f"http://{host}/"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("127.0.0.1:2..." in done.stderr) is not is_direct(host, 80, listed), (listed, done.stderr)


def test_lower_case_wins_and_an_empty_variable_is_none() -> None:
    uri = "http://a.example/m.tar"
    assert proxy_for(uri, {}) is None
    assert proxy_for(uri, {"http_proxy": "", "HTTP_PROXY": "http://p:1"}) is None
    assert proxy_for("https://a.example/m.tar", {"HTTP_PROXY": "http://p:1"}) is None
    assert proxy_for(uri, {"HTTP_PROXY": "http://u%40:s@p:1"}) == Proxy(
        url="http://p:1", login="u@:s", variable="HTTP_PROXY"
    )
    assert proxy_for(uri, {"ALL_PROXY": "p"}) == Proxy(url="http://p:80", login=None, variable="ALL_PROXY")
    assert proxy_for(uri, {"ALL_PROXY": "p", "NO_PROXY": "a.example:80"}) is None


@pytest.mark.parametrize("value", ["socks5://p:1080", "http://p:port", "http://", "http://[p"])
def test_a_proxy_that_cannot_be_used_is_named(value: str) -> None:
    with pytest.raises(
        StartError, match=r"HTTPS_PROXY names no proxy that can be used; write http://HOST:PORT"
    ):
        proxy_for("https://a.example/m.tar", {"HTTPS_PROXY": value})


@pytest.mark.parametrize(
    ("step", "reason", "said"),
    [
        (
            Step(status=503),
            "Unreachable",
            "the server answered 503 through the proxy 127.0.0.1:PORT (http_proxy)",
        ),
        (Step(status=403), "NotAllowed", "403 through the proxy 127.0.0.1:PORT (http_proxy)"),
        (Step(status=407), "NotAllowed", "write http_proxy as http://USER:PASSWORD@HOST:PORT"),
    ],
)
def test_a_failure_names_the_proxy_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step, reason: str, said: str
) -> None:
    with serving({}, step, step) as proxy:
        monkeypatch.setenv("http_proxy", proxy.uri("", host="user:S3CRET@127.0.0.1"))
        with pytest.raises(StartError) as caught:
            fetch.fetch(options("http://model.invalid/m.tar", tmp_path))
    assert caught.value.reason == reason
    assert said.replace("PORT (", f"{proxy.port} (") in caught.value.message
    assert "S3CRET" not in caught.value.message


def test_a_proxy_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.uri(""))
    with pytest.raises(
        StartError, match=rf"the proxy 127.0.0.1:{proxy.port} \(HTTP_PROXY\) failed: the host refused"
    ):
        fetch.fetch(options("http://model.invalid/m.tar", tmp_path))


def options(uri: str, folder: Path) -> Options:
    return Options(uri=uri, into=folder / "model", retries=RetryPolicy(attempts=2, first_pause=0.01))
