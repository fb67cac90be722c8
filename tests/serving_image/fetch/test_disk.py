"""A volume that takes no more: one sentence with the cure, and nothing half left; and how far a fetch is."""

import errno
import io
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.fetch import command as fetch
from paddlemodel_server.fetch.transfer import Progress

from tests.serving_image.support.file_server import no_proxy, serving  # noqa: F401 - no_proxy is a fixture
from tests.serving_image.support.models.model_builders import LEGACY_MODEL, tar_of

SERVED = {"/m.tar": tar_of(LEGACY_MODEL)}


class Full(io.FileIO):
    """A file on a volume that has room for so many bytes."""

    room = 0
    number = errno.ENOSPC

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > Full.room:
            raise OSError(Full.number, "no")
        return super().write(content)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("room", [0, 700, len(SERVED["/m.tar"])])
def test_a_volume_that_is_full_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, number: int
) -> None:
    """While it is downloaded, and while it is unpacked: the last room is that of the archive itself."""
    real, opened = Path.open, []

    def limited(path: Path, mode: str = "r", *given: Any, **more: Any) -> Any:
        if mode in {"wb", "xb"} and path.is_relative_to(tmp_path / "pod"):
            opened.append(path.name)
            if room < len(SERVED["/m.tar"]) or path.name != "archive":
                Full.room, Full.number = (0 if path.name != "archive" else room), number
                return Full(path, mode.replace("b", ""))
        return real(path, mode, *given, **more)

    monkeypatch.setattr(Path, "open", limited)
    log = tmp_path / "termination-log"
    log.touch()
    with serving(SERVED) as server:
        code = fetch.main(["--uri", server.uri("/m.tar"), "--into", str(tmp_path / "pod" / "model")], log)
    words = json.loads(log.read_text())
    assert opened
    assert (code, words["reason"]) == (1, "NoSpace")
    assert "The volume is full; raise the pod's ephemeral-storage" in words["message"]
    assert list((tmp_path / "pod").iterdir()) == []


def test_how_far_it_is_is_told_every_ten_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    now = 0.0
    monkeypatch.setattr("paddlemodel_server.fetch.transfer.time.monotonic", lambda: now)
    progress = Progress(total=400, reported_at=0.0)
    for _ in range(400):  # 40 seconds
        now += 0.1
        progress.add(1)
    told = [(vars(record)["received"], vars(record)["percent"]) for record in caplog.records]
    assert len(told) in {3, 4}
    assert told[0][1] in {24, 25}
    assert all(later[0] - earlier[0] >= 100 for earlier, later in itertools.pairwise(told))
