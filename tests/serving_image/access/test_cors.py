"""What a browser is told of which pages may ask, and how that is written."""

import pytest
from paddlemodel_server.access import cors
from paddlemodel_server.access.cors import Cors

APP = "https://app.example.com"
ASKS = {"access-control-request-method": "POST"}


def test_answers_say_that_they_differ_by_origin_whoever_asks() -> None:
    """Else a cache between would give one page the answer that another may read."""
    some = Cors(origins=frozenset({APP, "http://localhost:3000"}))
    for origin in (None, "null", "https://app.example.com.evil.example", f"{APP}, {APP}", APP.upper()):
        assert some.lines(origin) == (("Vary", "Origin"),)
    assert some.lines(APP)[:2] == (("Vary", "Origin"), ("Access-Control-Allow-Origin", APP))


def test_every_origin_gets_one_answer() -> None:
    every = cors.read('{"allowedOrigins":["*"]}')
    assert every.lines(None) == ()
    for origin in (APP, "null"):
        assert every.lines(origin)[0] == ("Access-Control-Allow-Origin", "*")
        assert every.lines(origin)[1:] == (("Access-Control-Expose-Headers", ", ".join(cors.EXPOSED)),)


def test_no_page_asks_with_cookies() -> None:
    for found in (Cors(origins=frozenset()), Cors(origins=frozenset({APP}))):
        lines = (*found.lines(APP), *(found.preflight({"origin": APP, **ASKS}) or ()))
        assert "access-control-allow-credentials" not in {name.lower() for name, _ in lines}


def test_what_a_browser_asks_ahead() -> None:
    some = Cors(origins=frozenset({APP}), headers=("X-Mine",), max_age_seconds=5)
    assert some.preflight({"origin": APP, **ASKS}) == (
        ("Access-Control-Allow-Methods", "GET, POST"),
        ("Access-Control-Allow-Headers", ", ".join((*cors.READ, "X-Mine"))),
        ("Access-Control-Max-Age", "5"),
    )
    assert some.preflight({"origin": "https://elsewhere.example.com", **ASKS}) is None
    assert some.preflight(ASKS) is None
    assert some.preflight({"origin": APP}) is None
    assert Cors(origins=frozenset()).preflight({"origin": "null", **ASKS}) is not None


@pytest.mark.parametrize(
    "text",
    [
        "https://app.example.com",
        "[]",
        "{}",
        '{"allowedOrigins":[]}',
        '{"allowedOrigins":"*"}',
        '{"allowedOrigins":["*","https://app.example.com"]}',
        '{"allowedOrigins":["https://a\\r\\nSet-Cookie: x"]}',
        '{"allowedOrigins":["*"],"allowedHeaders":["X-Mine",1]}',
        '{"allowedOrigins":["*"],"maxAgeSeconds":true}',
        '{"allowedOrigins":["*"],"maxAgeSeconds":-1}',
        '{"allowedOrigins":["*"],"allowCredentials":true}',
    ],
)
def test_what_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the gate says what is right
        cors.read(text)
