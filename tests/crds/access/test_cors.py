"""Which origins `spec.access.cors` takes: those that a browser can send, and no pattern of them."""

import pytest
from paddlemodel_api.access import Cors
from pydantic import ValidationError


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://app.example.com",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://[::1]:8080",
        "https://a.example.com:80",
        "http://a.example.com:4430",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
    ],
)
def test_an_origin_is_what_browsers_send(origin: str) -> None:
    assert Cors.model_validate({"allowedOrigins": [origin]}).max_age_seconds == 600


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://",
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://App.example.com",
        "https://*.example.com",
        "https://user@app.example.com",
        "https://app.example.com:",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "https://app.example.com https://b.example.com",
        "https://app.example.com\n",
    ],
)
def test_anything_else_would_never_match(origin: str) -> None:
    with pytest.raises(ValidationError):
        Cors.model_validate({"allowedOrigins": [origin]})
