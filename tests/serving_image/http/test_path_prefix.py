"""Several models behind one host: a server answers below its prefix as it does without one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import cleartext
from tests.serving_image.support.servers import Server, serving, tensor

PREFIX = "/models/mixed~1"
BODY = {"inputs": [tensor("x", "FP32", np.array([[1, 2]], np.float32))]}


@pytest.fixture(scope="module")
def prefixed(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("prefixed")
    with serving(exported("pir", "mixed"), folder, name="mixed", path_prefix=f"{PREFIX}/") as running:
        yield running


@pytest.mark.parametrize("prefix", ["", PREFIX, "/models/mixed%7E1"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v2/models/mixed/infer", BODY),
        ("POST", "/v2/models/mixed/versions/1/infer", BODY),
        ("POST", "/v1/models/mixed:predict", {"instances": [[1, 2]]}),
        ("GET", "/v2/health/ready", None),
        ("GET", "/v2/models/mixed", None),
        ("GET", "/openapi.json", None),
    ],
)
def test_every_route_answers_below_the_prefix_as_it_does_without(
    prefixed: Server, prefix: str, method: str, path: str, body: object
) -> None:
    plain = cleartext.request(method, f"{prefixed.url}{path}", json=body)
    below = cleartext.request(method, f"{prefixed.url}{prefix}{path}", json=body)
    assert plain.status_code == below.status_code == 200
    assert plain.content == below.content


@pytest.mark.parametrize("path", ["/nothing", "/v2/models/mixed~1", "/v2/models/other"])
def test_what_is_not_there_is_not_there_below_the_prefix_either(prefixed: Server, path: str) -> None:
    assert cleartext.get(f"{prefixed.url}{PREFIX}{path}").status_code == 404


@pytest.mark.parametrize("path", [f"{PREFIX}2/v2", f"/x{PREFIX}/v2", f"{PREFIX}{PREFIX}/v2", "/models/v2"])
def test_a_path_that_only_resembles_the_prefix_is_another_one(prefixed: Server, path: str) -> None:
    assert cleartext.get(f"{prefixed.url}{path}").status_code == 404


def test_the_page_has_its_links_below_the_prefix(prefixed: Server) -> None:
    """A browser resolves them by the address, which must end in a slash."""
    found = cleartext.get(f"{prefixed.url}{PREFIX}", headers={"Accept": "text/html"})
    assert (found.status_code, found.headers["Location"]) == (308, f"{PREFIX}/")
    page = cleartext.get(f"{prefixed.url}{PREFIX}", headers={"Accept": "text/html"}, follow_redirects=True)
    assert page.headers["Content-Type"].startswith("text/html")
    assert f"{prefixed.url.removeprefix('http://')}{PREFIX}/v2/models/mixed/infer" in page.text


def test_the_admin_port_has_no_prefix(prefixed: Server) -> None:
    assert cleartext.get(f"{prefixed.admin_url}/healthz").status_code == 200
    assert cleartext.get(f"{prefixed.admin_url}{PREFIX}/healthz").status_code == 404
