"""Folders of further models are refused where the task has none; so are recordings where it has several."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Served
from paddlemodel_server.protocol.task.warm_up import WarmUp
from paddlemodel_server.settings import Settings
from paddlemodel_server.supervisor import main
from paddlemodel_server.tasks.tensors import Tensors

MODEL = Model(format="PIR", inputs=(Tensor(name="x", dtype="float32", shape=(-1, 2)),), outputs=())
SERVED = Served(name="m", model=MODEL, task=Tensors(), max_request_bytes=1)
SETTINGS = Settings(model_dir=Path("/models/model"), further_models={"reader": Path("../reader")})


class Two(Tensors):
    """A task with a further model."""

    further: ClassVar = {"reader": WarmUp(shapes={"x": [1, 2]})}

    def next(self, request: Any, outputs: Any) -> None: ...


TWO: Any = Two()


def test_a_task_with_further_models_gets_their_folders() -> None:
    (model,) = main._further(SETTINGS, replace(SERVED, task=TWO))
    assert (model.name, model.folder) == ("reader", Path("/models/model/../reader"))
    assert model.warm_up.shapes == {"x": [1, 2]}


def test_others_have_none() -> None:
    assert main._further(Settings(), SERVED) == ()
    with pytest.raises(StartError, match="the task tensors has one model; leave the variable out"):
        main._further(SETTINGS, SERVED)
