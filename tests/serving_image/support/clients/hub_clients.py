"""A program for the peers' environment: downloads a repository with a hub's client, or says how it refuses.

.venv-peers/bin/python …/hub_clients.py hf http://127.0.0.1:8080 me/net main TOKEN FOLDER
"""

import os
import sys
from pathlib import Path


def main(hub: str, endpoint: str, name: str, revision: str, token: str, folder: str) -> str:
    """The name of the exception that the client raises; empty if it has downloaded everything."""
    try:
        (_huggingface if hub == "hf" else _modelscope)(endpoint, name, revision, token, folder)
    except Exception as error:  # noqa: BLE001 - the test compares what it is
        return type(error).__name__
    return ""


def _huggingface(endpoint: str, name: str, revision: str, token: str, folder: str) -> None:
    import huggingface_hub  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - of the peers

    huggingface_hub.snapshot_download(
        name, revision=revision, local_dir=folder, endpoint=endpoint, token=token or False
    )


def _modelscope(endpoint: str, name: str, revision: str, token: str, folder: str) -> None:
    import modelscope_hub  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - of the peers

    api = modelscope_hub.HubApi(token=token or None, endpoint=endpoint)
    api.download_repo(name, "model", revision=revision, local_dir=Path(folder))


if __name__ == "__main__":
    os.environ |= {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "MODELSCOPE_DOWNLOAD_INTRA_CLOUD": "false",  # else it looks for Alibaba's cloud around it
    }
    sys.stdout.write(main(*sys.argv[1:]))
