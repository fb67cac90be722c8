"""Counters with labels, out of pages that come in pieces and are not to be trusted."""

import random

import pytest
from paddlemodel_operator.rollout.series import MAX_LINES, SeriesScan

PAGE = b"""# TYPE paddle_requests_total counter
paddle_requests_total{route="predict",status="200"} 12.0
paddle_requests_total{route="predict",status="500"} 1.0 1700000000
paddle_request_duration_seconds_bucket{le="0.005",route="predict"} 3.0
paddle_request_duration_seconds_bucket{le="+Inf",route="predict"} 1.3e+01
paddle_request_duration_seconds_sum{route="predict"} 2.5e-05
paddle_mirror_total{result="agree"} 4.0
paddle_busy_ratio 0.5
"""
FOUND = [
    ("paddle_requests_total", {"route": "predict", "status": "200"}, 12.0),
    ("paddle_requests_total", {"route": "predict", "status": "500"}, 1.0),
    ("paddle_request_duration_seconds_bucket", {"le": "0.005", "route": "predict"}, 3.0),
    ("paddle_request_duration_seconds_bucket", {"le": "+Inf", "route": "predict"}, 13.0),
    ("paddle_request_duration_seconds_sum", {"route": "predict"}, 2.5e-05),
    ("paddle_mirror_total", {"result": "agree"}, 4.0),
]


def scanned(page: bytes, size: int = 1 << 20) -> list[tuple[str, dict[str, str], float]]:
    scan = SeriesScan()
    for at in range(0, len(page), size):
        scan.feed(page[at : at + size])
    return scan.page()


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
def test_whatever_the_pieces(size: int) -> None:
    assert scanned(PAGE, size) == FOUND


HOSTILE = {
    "no end": b'paddle_requests_total{route="predict"} 12',
    "no number": b'paddle_requests_total{route="predict"} NaN\n',
    "no end of numbers": b'paddle_requests_total{route="predict"} 1e400\n',
    "below 0": b'paddle_requests_total{route="predict"} -1\n',
    "another name": b'paddle_requests_total_of_mine{route="predict"} 1\n',
    "a line that is too long": b'paddle_requests_total{route="' + b"x" * 4096 + b'"} 1\n',
    "the middle of a line": b'x paddle_requests_total{route="predict"} 1\n',
}


@pytest.mark.parametrize("page", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_what_is_no_line_of_ours(page: bytes, size: int) -> None:
    assert scanned(page, size) == []


def test_a_page_without_end_is_bounded() -> None:
    line = b'paddle_requests_total{route="predict",status="200"} 1.0\n'
    assert len(scanned(line * (MAX_LINES + 100))) == MAX_LINES


def test_noise() -> None:
    noise = random.Random(7).randbytes(1 << 16)
    assert scanned(noise) == []
