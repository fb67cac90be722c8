"""A worker that switches everything on and compares nothing, so that the fuzzer has something to find."""

from unittest import mock

from paddlemodel_server.engine.trials import Trials, Verdict
from paddlemodel_server.model import hazards


def blindfold() -> None:
    """Take the guards away, in a process that was forked for it."""
    mock.patch.object(Trials, "judge", return_value=Verdict(None, 0.0)).start()
    mock.patch.object(Trials, "parted", return_value=True).start()
    mock.patch.object(hazards, "of", return_value=hazards.Hazards()).start()
