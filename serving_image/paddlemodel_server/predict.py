"""The only file that imports Paddle: one predictor, loaded and run by the one owner process that holds it.

`predictor.run()` keeps the GIL and a predictor must never be shared, so nothing here is used by a front.
The GPU branch calls what Paddle documents, with the signatures of the installed package; it has not been run
on a GPU yet.
"""

import contextlib
import io
import os
import signal
import threading
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from paddlemodel_server.files import ModelFiles
from paddlemodel_server.model import Model

os.environ.setdefault("GLOG_minloglevel", "2")
# It warns of a missing compiler cache, and prints advice about OMP_NUM_THREADS: neither is a line of our log.
with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
    warnings.simplefilter("ignore")
    import paddle
    from paddle import inference

Array = np.ndarray[Any, np.dtype[Any]]

if threading.current_thread() is threading.main_thread():
    # Importing it has replaced the handlers of SIGTERM and others: a drain would lose every request.
    paddle.disable_signal_handler()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

GPU_POOL_MB = 256  # what Paddle reserves at first; it grows by need


class Predictor:
    """A model that is ready to run."""

    def __init__(
        self, files: ModelFiles, model: Model, *, device: Literal["cpu", "gpu"], threads: int, onednn: bool
    ) -> None:
        self._predictor = inference.create_predictor(_config(files, device, threads, onednn=onednn))
        names = self._predictor.get_input_names()
        self._inputs = [self._predictor.get_input_handle(t.name) for t in model.inputs if t.name in names]
        if len(self._inputs) != len(model.inputs) or len(names) != len(self._inputs):
            raise ValueError(f"Paddle knows the inputs {names}, the program {[t.name for t in model.inputs]}")
        self._outputs = [self._predictor.get_output_handle(n) for n in self._predictor.get_output_names()]

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Run the model once; the arrays are in the order of `Model.inputs`."""
        for handle, array in zip(self._inputs, arrays, strict=True):
            handle.copy_from_cpu(array)
        self._predictor.run()
        return [handle.copy_to_cpu() for handle in self._outputs]


def _config(
    files: ModelFiles, device: Literal["cpu", "gpu"], threads: int, *, onednn: bool
) -> inference.Config:
    config = inference.Config(str(files.program), str(files.params))
    config.disable_glog_info()
    if files.format == "PIR":
        # Without the new executor enable_memory_optim() makes create_predictor fail on these programs.
        config.enable_new_ir(True)
        config.enable_new_executor(True)
    config.enable_memory_optim()
    if device == "gpu":
        config.enable_use_gpu(GPU_POOL_MB, 0)  # each owner sees one device: CUDA_VISIBLE_DEVICES
    else:
        config.disable_gpu()
        config.set_cpu_math_library_num_threads(threads)
    if onednn:
        config.enable_onednn()
        config.set_onednn_cache_capacity(32)  # shapes; without a bound open dimensions grow memory for ever
    else:
        config.disable_onednn()
    return config


def version() -> str:
    """The version of Paddle."""
    return str(paddle.version.full_version)
