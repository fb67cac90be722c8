"""Forms of several files, as curl, browsers and Python's clients write them, and forms that are none."""

import httpx
import pytest
from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.tasks.batches.multipart import MOST_PARTS, boundary, parts

FILES = [b"one", b"", b"\r\n--x\r\n\r\n--x--", bytes(range(256))]


def written(*contents: bytes) -> tuple[dict[str, str], bytes]:
    """As httpx does it."""
    files = [("file", (f"{at}.png", content, "image/png")) for at, content in enumerate(contents)]
    request = httpx.Request("POST", "http://x", files=files)
    return dict(request.headers), request.read()


def test_files_come_out_as_they_went_in() -> None:
    headers, body = written(*FILES)
    assert parts(body, boundary(headers)) == FILES


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\n\r\na\r\n--x--",
        b"a preamble\r\n--x\r\nContent-Disposition: form-data; name=f\r\n\r\na\r\n--x--\r\nan epilogue",
        b"--x  \r\nContent-Transfer-Encoding: binary\r\n\r\na\r\n--x--\r\n",
    ],
)
def test_what_the_form_allows_is_read(body: bytes) -> None:
    assert parts(body, b"x") == [b"a"]


@pytest.mark.parametrize("quoted", ["x", '"x"', '"x"; charset=utf-8'])
def test_the_boundary_may_be_quoted(quoted: str) -> None:
    assert boundary({"content-type": f"Multipart/Form-Data; Boundary={quoted}"}) == b"x"


@pytest.mark.parametrize("header", ["", "; boundary=", '; boundary="a\u00e9"', f"; boundary={'x' * 71}"])
def test_no_boundary_is_a_refusal(header: str) -> None:
    with pytest.raises(BadRequestError, match=r"names no boundary; curl -F does\.$"):
        boundary({"content-type": f"multipart/form-data{header}"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the boundary of its Content-Type is not in its body"),
        (b"a picture", "the boundary of its Content-Type is not in its body"),
        (b"--x--", "The request has no parts."),
        (b"--x\r\n\r\na", "The request ends early: its last part has no end."),
        (b"--x\r\n\r\na\r\n--x\r\n\r\nb", "The request ends early"),
        (b"--x\r\na\r\n--x--", "A part of the request has no end of its headers."),
        (b"--x\r\na\r\n--x\r\n\r\nb\r\n--x--", "Part 0 of the request has no headers."),
        (b"--xy\r\n\r\na\r\n--xy--", "A part of the request has no end of its headers."),
        (b"--x\r\n" + b"A: b\r\n" * 2000 + b"\r\na\r\n--x--", "no end of its headers"),
        (b"--x\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--x--", "send the bytes as they are"),
        (b"--x\r\n\r\na\r\n" * (MOST_PARTS + 1) + b"--x--", f"has more than {MOST_PARTS} parts"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        parts(body, b"x")
    assert said in refusal.value.message
