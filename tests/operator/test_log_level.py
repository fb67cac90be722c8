"""The log level follows a file, as the chart mounts one; what the file should not say changes nothing."""

import logging
from pathlib import Path

import pytest
from paddlemodel_operator.log_level import LevelFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "logLevel"


def test_a_change_of_the_file_is_taken_over_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    levels: list[str] = []
    followed = LevelFile(file, "INFO", levels.append)
    for text in ("INFO", "DEBUG\n", "DEBUG\n", "ERROR"):
        file.write_text(text)
        followed.look()
    assert levels == ["DEBUG", "ERROR"]
    assert caplog.messages == [
        "The log level is DEBUG now; it was INFO.",
        "The log level is ERROR now; it was DEBUG.",
    ]


@pytest.mark.parametrize("text", ["", "LOUD", "debug", "\xff" * 9, "DEBUG " * 10_000])
def test_another_word_is_told_once_and_the_level_stays(
    file: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    levels: list[str] = []
    followed = LevelFile(file, "INFO", levels.append)
    file.write_text(text, encoding="latin-1")
    for _ in range(3):
        followed.look()
    (said,) = caplog.messages
    assert said.startswith(f"The log level stays INFO: {file} says ")
    assert len(said) < 500
    file.write_text("WARNING")
    followed.look()
    assert levels == ["WARNING"]


def test_no_file_is_told_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    followed = LevelFile(file, "INFO", logging.getLogger().setLevel)
    for _ in range(3):
        followed.look()
    (said,) = caplog.messages
    assert "No such file" in said
