"""Settings that make a gate, and those that are refused before anything starts."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.access import gate
from paddlemodel_server.errors import StartError
from paddlemodel_server.settings import Settings

TOKENS = '{"issuer":"a","audiences":["b"]}'
LIMIT = '[{"per":"Address","requests":1,"seconds":60}]'


def test_without_settings_there_is_no_gate_and_nothing_is_shared() -> None:
    shared = gate.Shared.create(Settings())
    assert shared == gate.Shared()
    assert gate.of(Settings(), asdict(shared)) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rate_limits": "10/s"}, "PADDLEMODEL_RATE_LIMITS is '10/s'; set it to a JSON list such as"),
        (
            {"rate_limits": LIMIT.replace("Address", "Client")},
            "set PADDLEMODEL_API_KEYS_DIR or PADDLEMODEL_JWT, or",
        ),
        (
            {"rate_limits": LIMIT, "trusted_proxies": "all"},
            "PADDLEMODEL_TRUSTED_PROXIES is 'all'; set it to a number of proxies",
        ),
        (
            {"rate_limits": LIMIT, "shared_limits": "redis://valkey:6379"},
            "PADDLEMODEL_SHARED_LIMITS is 'redis://valkey:6379'; set it to a JSON object such as",
        ),
        ({"shared_limits": "{}"}, "PADDLEMODEL_SHARED_LIMITS is for limits, and there are none"),
        ({"jwt": "{}"}, "PADDLEMODEL_JWT is '{}'; set it to a JSON object such as"),
        ({"jwt": TOKENS}, "come from one place: set its keys.uri, or PADDLEMODEL_JWT_KEYS_DIR, and"),
        (
            {"jwt": TOKENS[:-1] + ',"keys":{"uri":"https://a"}}', "jwt_keys_dir": Path("/keys")},
            "come from one place: set its keys.uri, or PADDLEMODEL_JWT_KEYS_DIR, and",
        ),
        ({"cors": "*"}, "PADDLEMODEL_CORS is '*'; set it to a JSON object such as"),
        (
            {"trusted_proxies": "1"},
            "PADDLEMODEL_TRUSTED_PROXIES is for limits per Address, and there is none",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(settings: dict[str, Any], said: str) -> None:
    found = Settings(**settings)
    with pytest.raises(StartError) as caught:
        gate.of(found, asdict(gate.Shared.create(found)))
    assert caught.value.reason == "InvalidSettings"
    assert said in caught.value.message
