"""The environment of `serve`: what is understood, and what each refusal says."""

from pathlib import Path

import pytest
from paddlemodel_api import contract
from paddlemodel_server.errors import StartError
from paddlemodel_server.settings import Settings


def test_without_variables_everything_has_its_default() -> None:
    assert Settings.from_env({"PATH": "/bin"}) == Settings()
    assert Settings().task == contract.DEFAULT_TASK


@pytest.mark.parametrize(
    ("given", "read"),
    [("::", "::"), ("[::]", "::"), ("[::1]", "::1"), ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0")],
)
def test_an_address_is_read_with_or_without_brackets(given: str, read: str) -> None:
    assert Settings.from_env({"PADDLEMODEL_BIND": given}).bind == read


def test_values_are_read() -> None:
    found = Settings.from_env(
        {
            "PADDLEMODEL_NAME": "resnet50",
            "PADDLEMODEL_MODEL_DIR": "/m",
            "PADDLEMODEL_DEVICE": "gpu",
            "PADDLEMODEL_TASK": '{"imageClassification":{"topK":1}}',
            "PADDLEMODEL_MAX_DELAY_MS": "1.5",
            "PADDLEMODEL_WORKERS": "2",
            "PADDLEMODEL_HTTP_WORKERS": "auto",
        }
    )
    assert found == Settings(
        name="resnet50",
        model_dir=Path("/m"),
        device="gpu",
        task='{"imageClassification":{"topK":1}}',
        max_delay_ms=1.5,
        workers=2,
    )


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PADDLEMODEL_PROT", "1", "PADDLEMODEL_PROT is not a setting; the settings are "),
        ("PADDLEMODEL_PORT", "http", "PADDLEMODEL_PORT is 'http'; set it to a whole number from 1 to 65535."),
        ("PADDLEMODEL_PORT", "0", "PADDLEMODEL_PORT is '0'; set it to a whole number from 1 to 65535."),
        ("PADDLEMODEL_PORT", "\u0662", "PADDLEMODEL_PORT is '\u0662'; set it to a whole number"),
        ("PADDLEMODEL_TIMEOUT_SECONDS", "nan", "PADDLEMODEL_TIMEOUT_SECONDS is 'nan'; set it to a number"),
        ("PADDLEMODEL_TIMEOUT_SECONDS", "-1", "PADDLEMODEL_TIMEOUT_SECONDS is '-1'; set it to a number"),
        ("PADDLEMODEL_DEVICE", "CPU", "PADDLEMODEL_DEVICE is 'CPU'; set it to one of cpu, gpu."),
        ("PADDLEMODEL_NAME", "a/b", "PADDLEMODEL_NAME is 'a/b'; set it to a name of lower-case letters"),
        ("PADDLEMODEL_CACHE_DIR", "", "PADDLEMODEL_CACHE_DIR is ''; set it to a value"),
        ("PADDLEMODEL_FURTHER_MODELS", "/m", "set it to JSON of names and folders"),
        ("PADDLEMODEL_FURTHER_MODELS", '{"recognition": 1}', "set it to JSON of names and folders"),
        ("PADDLEMODEL_FURTHER_MODELS", '{"recognition": ""}', "set it to JSON of names and folders"),
        (
            "PADDLEMODEL_BIND",
            "",
            "PADDLEMODEL_BIND is ''; set it to an IP address of this machine, or :: for",
        ),
        ("PADDLEMODEL_BIND", "localhost", "PADDLEMODEL_BIND is 'localhost'; set it to an IP address"),
        ("PADDLEMODEL_BIND", "[127.0.0.1]", "PADDLEMODEL_BIND is '[127.0.0.1]'; set it to an IP address"),
        ("PADDLEMODEL_BIND", "[::1", "PADDLEMODEL_BIND is '[::1'; set it to an IP address"),
        ("PADDLEMODEL_ADMIN_PORT", "0", "PADDLEMODEL_ADMIN_PORT is '0'; set it to a whole number from 1 to"),
        ("PADDLEMODEL_ADMIN_PORT", "8080", "PADDLEMODEL_PORT and PADDLEMODEL_ADMIN_PORT are both 8080; set"),
        ("PADDLEMODEL_PORT", "8081", "PADDLEMODEL_PORT and PADDLEMODEL_ADMIN_PORT are both 8081; set one of"),
        ("PADDLEMODEL_TASK", "", "PADDLEMODEL_TASK is ''; set it to a value"),
    ],
)
def test_a_refusal_names_the_variable_the_value_and_the_cure(variable: str, value: str, message: str) -> None:
    with pytest.raises(StartError) as refusal:
        Settings.from_env({variable: value})
    assert message in refusal.value.message
    assert refusal.value.reason == "InvalidSettings"
