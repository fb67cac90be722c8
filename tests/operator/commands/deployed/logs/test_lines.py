"""What `paddlemodel logs` makes of a line."""

import argparse
import json

import pytest
from paddlemodel_operator.commands.deployed.logs.lines import passes, seconds, shown

EVENT = {"time": "T", "level": "WARNING", "process": "http-0", "pid": 3, "message": "slow", "ms": 12}


def line(**changed: object) -> bytes:
    return json.dumps(EVENT | changed, ensure_ascii=False).encode()


def test_an_event_is_written_for_a_person() -> None:
    assert shown(line(model="a b", shape=[1, 2])) == 'T WARNING http-0 slow ms=12 model="a b" shape="[1, 2]"'
    assert shown(line(trace="Traceback:\n  x")) == "T WARNING http-0 slow ms=12\n    Traceback:\n      x"


@pytest.mark.parametrize("text", [b"Fatal Python error: x", b"[1]", b"{broken", b'{"a": 1}', b"", b"\xff"])
def test_what_is_no_event_stays_as_it_is(text: bytes) -> None:
    assert shown(text) == text.decode(errors="replace")
    assert passes(text, "CRITICAL")


def test_no_line_commands_the_terminal() -> None:
    assert "\x1b" not in shown(line(message="\x1b[2J", user="\x1b]0;x")) + shown(b"\x1b[31m")


def test_levels_are_in_order() -> None:
    assert [passes(line(), level) for level in ("DEBUG", "WARNING", "ERROR")] == [True, True, False]
    assert passes(line(level="odd"), "ERROR")


def test_lengths_of_time() -> None:
    assert [seconds(text) for text in ("90s", "10m", "1h30m", "2d")] == [90, 600, 5400, 172_800]
    for text in ("", "10", "m", "-1s", "1.5h", "99999999999s"):
        with pytest.raises(argparse.ArgumentTypeError):
            seconds(text)
