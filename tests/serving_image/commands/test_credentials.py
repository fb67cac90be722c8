"""Keys that the commands send: never shown, and never to another server than the one that is named."""

from pathlib import Path

import pytest
from paddlemodel_server.commands import served
from paddlemodel_server.commands.client import Client
from paddlemodel_server.commands.credentials import Credentials
from paddlemodel_server.commands.load import Shot
from paddlemodel_server.errors import StartError
from paddlemodel_server.settings import Settings

from tests.serving_image.support.stub_server import Handler, answering

KEY = "planted-alice-0123456789"


def test_what_is_printed_of_them_has_no_key() -> None:
    credentials = Credentials(key=KEY)
    shot = Shot.at("http://h/predict", b"", {}, credentials)
    assert f"Authorization: Bearer {KEY}\r\n".encode() in shot.content
    assert KEY not in repr(credentials) + repr(shot)


def test_a_redirect_gets_no_key() -> None:
    asked: list[str | None] = []

    class Elsewhere(Handler):
        def do_GET(self) -> None:  # noqa: N802 - http.server looks for it
            asked.append(self.headers["Authorization"])
            self.send_response(307)
            self.send_header(
                "Location", f"http://{self.headers['Host'].replace('127.0.0.1', 'localhost')}/other"
            )
            self.send_header("Content-Length", "0")
            self.end_headers()

    with answering(Elsewhere) as url, pytest.raises(StartError, match="/v2 answers 307"):
        Client(f"{url}/v2/models/m", Credentials(key=KEY)).metadata()
    assert asked == [f"Bearer {KEY}"]


def test_a_server_for_a_folder_asks_nobody_and_knows_no_key() -> None:
    given = {
        "PADDLEMODEL_API_KEY": KEY,
        "PADDLEMODEL_API_KEYS_DIR": "/keys",
        "PADDLEMODEL_TLS_DIR": "/tls",
        "PADDLEMODEL_QUEUE_SIZE": "7",
    }
    settings = served.environment(Path("model"), 8080, 8081, given)
    assert not settings.keys() & (given.keys() - {"PADDLEMODEL_QUEUE_SIZE"})
    assert settings["PADDLEMODEL_QUEUE_SIZE"] == "7"


def test_serve_refuses_a_client_s_key_and_says_whose_it_is() -> None:
    with pytest.raises(StartError, match=r"a client's key.* in PADDLEMODEL_API_KEYS_DIR") as refused:
        Settings.from_env({"PADDLEMODEL_API_KEY": KEY})
    assert KEY not in str(refused.value)
