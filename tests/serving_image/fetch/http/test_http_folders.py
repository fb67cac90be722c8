"""Folders behind web servers: the pages of four servers, and pages that mean harm."""

import functools
import os
import ssl
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch import fetching
from paddlemodel_server.fetch.command import Options
from paddlemodel_server.fetch.retry_policy import RetryPolicy
from paddlemodel_server.fetch.sources import index_page
from paddlemodel_server.model import files

from tests.serving_image.support.file_server import FileServer, Step, no_proxy, serving  # noqa: F401 - no_proxy is a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, folder_of, tree

MODEL = LEGACY_MODEL | {"labels é.txt": b"cat", "sub/vocab.txt": b"a"}
HTML = {"Content-Type": "text/html; charset=utf-8"}

PAGES = {
    "nginx": """<html><head><title>Index of /m/</title></head><body><h1>Index of /m/</h1><hr><pre>
<a href="../">../</a>
<a href="sub/">sub/</a>                29-Nov-2026 10:00       -
<a href="a%20b.json">a b.json</a>      29-Nov-2026 10:00      17
</pre><hr></body></html>""",
    "Apache": """<html><body><table><tr><th><a href="?C=N;O=D">Name</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td></tr><tr><td><a href="sub/">sub/</a></td></tr>
<tr><td><a href="a%20b.json">a b.json</a></td></tr></table></body></html>""",
    "Caddy": """<html><body><a href="..">Up</a><a href="./?sort=name&order=desc">Name</a>
<a href="./sub/">sub</a><a href="./a%20b.json">a b.json</a></body></html>""",
    "http.server": """<!DOCTYPE HTML><html><body><ul><li><a href="sub/">sub/</a></li>
<li><a href="a%20b.json">a b.json</a></li></ul></body></html>""",
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_pages_of_four_servers_are_read(page: str) -> None:
    assert index_page.below(page, "http://h/m/") == ["sub/", "a b.json"]


@pytest.mark.parametrize(
    "link",
    [
        *("http://other/m/x.json", "//other/m/x.json", "/x.json", "../x.json", "https://h/m/x.json"),
        *("javascript:alert(1)", "mailto:a@b", "?C=N", "#top", "", "http://[", "http://h:1/m/x.json"),
    ],
)
def test_links_that_lead_elsewhere_are_none(link: str) -> None:
    assert index_page.below(f'<a href="{link}">x</a>', "http://h/m/") == []


@given(st.text())
def test_no_page_breaks_it(page: str) -> None:
    assert index_page.below(page + "<a href='b.json'>", "http://h/m/") is not None


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[str]:
    """Python's own web server, with a model in `net`."""
    folder_of(tmp_path / "www" / "net", MODEL | {"README.md": b"#"})

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def options(tmp_path: Path, uri: str) -> Options:
    return Options(
        uri=uri, into=tmp_path / "goal" / "model", retries=RetryPolicy(attempts=2, first_pause=0.01)
    )


def refused(tmp_path: Path, uri: str) -> StartError:
    with pytest.raises(StartError) as caught:
        fetch.fetch(options(tmp_path, uri))
    assert not (tmp_path / "goal" / "model").exists()
    return caught.value


def test_authorities_are_read_once_for_all_files(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a system take 40 ms, and each file of a folder is a request or two."""
    reads: list[str | None] = []

    def counted() -> ssl.SSLContext:
        reads.append(os.environ.get("SSL_CERT_FILE"))
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr("paddlemodel_server.fetch.sources.http_client.ssl.create_default_context", counted)
    for name in ("one.pem", "other.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        fetch.fetch(options(tmp_path / name, folder + "/net/"))
    assert reads == [str(tmp_path / "one.pem"), str(tmp_path / "other.pem")]


@pytest.mark.parametrize("path", ["/net/", "/"])
def test_a_folder_of_a_real_server_is_fetched(tmp_path: Path, folder: str, path: str) -> None:
    fetched = fetch.fetch(options(tmp_path, folder + path))
    assert tree(tmp_path / "goal" / "model") == MODEL
    assert (fetched.revision or "").startswith("files-")
    if path == "/net/":
        assert fetched.digest == files.digest(folder_of(tmp_path / "same", MODEL))
        assert fetching.check(options(tmp_path, folder + path)) == fetched.revision


def test_a_program_brings_its_parameters(tmp_path: Path, folder: str) -> None:
    fetch.fetch(options(tmp_path, folder + "/net/inference.pdmodel"))
    assert set(tree(tmp_path / "goal" / "model")) == {"inference.pdmodel", "inference.pdiparams"}


def test_a_folder_that_is_not_listed_is_named(tmp_path: Path) -> None:
    with serving({"/m/": b"{}"}) as server:
        assert refused(tmp_path, server.uri("/m/")).reason == "NotAFolder"


def page(*links: str) -> bytes:
    return "".join(f'<a href="{link}">x</a>' for link in links).encode()


def served(pages: dict[str, bytes]) -> tuple[dict[str, bytes], list[Step]]:
    return pages, [Step(headers=HTML)] * 500


@pytest.mark.parametrize(
    ("links", "reason"),
    [
        (["a%2F..%2F..%2Fb.json", "m.pdmodel", "m.pdiparams"], "UnsafeListing"),
        (["a%00b.json", "m.pdmodel", "m.pdiparams"], "UnsafeListing"),
        (["M.pdmodel", "m.pdmodel", "m.pdiparams"], "UnsafeListing"),
        ([f"{number}.json" for number in range(10_001)], "TooManyFiles"),
        ([f"{number}/" for number in range(300)], "TooManyFiles"),
        ([], "NoModel"),
    ],
)
def test_a_page_that_means_harm_is_refused(tmp_path: Path, links: list[str], reason: str) -> None:
    pages, plan = served({"/m/": page(*links)})
    with serving(pages, *plan) as server:
        assert refused(tmp_path, server.uri("/m/")).reason == reason


def test_a_page_without_end_is_refused(tmp_path: Path) -> None:
    pages, plan = served({"/m/": b" " * (17 << 20)})
    with serving(pages, *plan) as server:
        assert refused(tmp_path, server.uri("/m/")).reason == "UnexpectedAnswer"


def test_folders_without_end_are_not_followed(tmp_path: Path) -> None:
    class Endless(dict[str, bytes]):
        def get(self, key: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
            return page("deeper/") if key.endswith("/") else default

    with serving(Endless(), *[Step(headers=HTML)] * 50) as server:
        assert refused(tmp_path, server.uri("/m/")).reason == "NoModel"
        assert asked(server) < 20


def asked(server: FileServer) -> int:
    return len(server.seen)
