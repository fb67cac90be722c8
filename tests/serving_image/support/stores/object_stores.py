"""A real S3 server (moto, from PyPI) on loopback, in an environment of its own, and what tests put there."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import obstore
from obstore.store import S3Store

from tests.environment import Environment

SECRET = {"accessKeyId": "AKIAS3CRETKEYID", "secretAccessKey": "S3CRETaccesskey"}


@dataclass(frozen=True)
class S3:
    """A server that holds buckets."""

    endpoint: str

    def client(self, bucket: str) -> S3Store:
        """The client itself, to put things there."""
        config: Any = {
            "endpoint": self.endpoint,
            "access_key_id": SECRET["accessKeyId"],
            "secret_access_key": SECRET["secretAccessKey"],
        }
        return S3Store(bucket, config=config, client_options={"allow_http": True})

    def bucket(self, name: str, content: Mapping[str, bytes], *, public: bool = False) -> str:
        """A new bucket with these objects; its name."""
        headers = {"x-amz-acl": "public-read"} if public else {}
        httpx.put(f"{self.endpoint}/{name}", headers=headers).raise_for_status()
        for key, body in content.items():
            # Not with the client, which refuses names that other clients write.
            httpx.put(
                f"{self.endpoint}/{name}/{key}",
                content=body,
                headers=headers | {"content-type": "application/octet-stream"},
            ).raise_for_status()
        return name

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object anew."""
        obstore.put(self.client(bucket), key, body)


@contextmanager
def s3_server(folder: Path) -> Iterator[S3]:
    """Start the server and wait until it says where it listens."""
    log = folder / "moto.log"
    command = [str(Environment("stores", 30).python()), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            yield S3(_endpoint(log, process))
        finally:
            process.terminate()


def _endpoint(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for word in log.read_text().split():
            if word.startswith("http://127.0.0.1:"):
                return word
        time.sleep(0.05)
    raise AssertionError(log.read_text())
