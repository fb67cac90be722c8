"""What PADDLEMODEL_MIRROR says, and how it is refused."""

import json
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.mirror.wanted import TOLERANCE, UNTOLD, Target, Wanted, read
from paddlemodel_server.verification.differences import Tolerance, Tolerances

URL = "http://ocr-canary.ml.svc:8000"


def test_the_least_that_it_can_say() -> None:
    target = Target(
        host="ocr-canary.ml.svc", port=8000, tls=False, part=0.05, tolerances=Tolerances(default=TOLERANCE)
    )
    assert read(json.dumps({"url": URL})) == Wanted(target=target, token=UNTOLD)


def test_every_field_counts() -> None:
    outputs = [{"name": "a", "compare": "TopK", "k": 3}, {"name": "b", "absolute": "2"}]
    fields = {"percent": 100, "relative": "1e-3", "absolute": "0.5", "outputs": outputs, "token": "t"}
    found = read(json.dumps({"url": "https://ocr-canary.ml.svc", **fields}))
    of = {"a": Tolerance(rtol=0, atol=0, top_k=3), "b": Tolerance(rtol=1e-3, atol=2)}
    assert found.token == "t"
    assert found.target == Target(
        host="ocr-canary.ml.svc",
        port=443,
        tls=True,
        part=1.0,
        tolerances=Tolerances(default=Tolerance(rtol=1e-3, atol=0.5), of=of),
    )


def test_a_canary_has_a_token_and_no_target() -> None:
    assert read('{"token": "t"}') == Wanted(target=None, token="t")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nonsense", "PADDLEMODEL_MIRROR cannot be read; set it to JSON such as"),
        ([], "set it to JSON such as"),
        ({"percent": 5}, "set it to JSON such as"),
        ({"url": "ocr-canary"}, "set it to JSON such as"),
        ({"url": "http://ocr-canary:many"}, "set it to JSON such as"),
        ({"url": "http://ocr-canary:0"}, "set it to JSON such as"),
        ({"url": "http://ocr-canary/path"}, "set it to JSON such as"),
        ({"url": "http://ocr-canary?query"}, "set it to JSON such as"),
        ({"url": "http://ocr-canary#fragment"}, "set it to JSON such as"),
        ({"url": "http://user@ocr-canary"}, "set it to JSON such as"),
        ({"url": "http://:word@ocr-canary"}, "set it to JSON such as"),
        ({"url": URL, "token": "two words"}, "set it to JSON such as"),
        ({"url": URL, "token": 1}, "set it to JSON such as"),
        ({"url": URL, "percent": 0}, "spec.rollout.mirror.percent"),
        ({"url": URL, "percentage": 5}, "percentage"),
        ({"url": URL, "outputs": [{"name": "a", "compare": "TopK"}]}, "needs k"),
    ],
)
def test_a_fault_is_one_sentence(given: Any, words: str) -> None:
    with pytest.raises(StartError) as raised:
        read(given if isinstance(given, str) else json.dumps(given))
    assert raised.value.reason == "InvalidSettings"
    assert words in raised.value.message


@pytest.mark.parametrize(
    "given",
    [
        '{"token": "planted-token", "url": "http://ocr-canary:many"}',
        '{"token": "planted-token", "url": "http://ocr-canary", "percent": 0}',
        '{"token": "planted-token", "url": "http://ocr-canary"',
        '{"token": "planted token"}',
        '{"tokens": "planted-token"}',
        '"planted-token"',
    ],
)
def test_the_sentence_quotes_no_token(given: str) -> None:
    """It goes to the log, and to the pod's status."""
    with pytest.raises(StartError) as raised:
        read(given)
    assert "planted" not in raised.value.message


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        (URL, "ocr-canary.ml.svc:8000"),
        ("http://[fd00::7]:8000", "[fd00::7]:8000"),
        ("https://[fd00::7]", "[fd00::7]:443"),
    ],
)
def test_the_host_header_is_one(url: str, authority: str) -> None:
    target = read(json.dumps({"url": url})).target
    assert target is not None
    assert target.authority == authority
