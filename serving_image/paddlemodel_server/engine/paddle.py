"""The only file that imports Paddle: one predictor, loaded and run by the one worker process that holds it.

`predictor.run()` keeps the GIL and a predictor must never be shared, so nothing here is used by an HTTP
worker. The calls for a GPU are those that Paddle documents, and a test checks every one against the
signatures of the installed package; none of them has been run on a GPU.
"""

import contextlib
import io
import os
import signal
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from paddlemodel_server.engine.importing import light_paddle
from paddlemodel_server.engine.interface import Engine
from paddlemodel_server.engine.paddle_errors import explain
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import formats
from paddlemodel_server.model.files import ModelFiles
from paddlemodel_server.model.signature import Model

os.environ.setdefault("GLOG_minloglevel", "2")
# It warns of a missing compiler cache, and prints advice about OMP_NUM_THREADS: neither is a line of our log.
with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
    warnings.simplefilter("ignore")
    WHOLE = light_paddle.prepare()  # why the whole of Paddle is imported; empty: it is not
    import paddle
    import paddle.version
    from paddle import inference
    from paddle.base import core

Array = np.ndarray[Any, np.dtype[Any]]

if threading.current_thread() is threading.main_thread():
    # Importing it has replaced the handlers of SIGTERM and others: a drain would lose every request.
    paddle.disable_signal_handler()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

# A predictor's handles take these for int32 and answer garbage, without a word; run(list) takes them rightly.
_NOT_BY_HANDLE = {"int16", "bfloat16"}
_ONEDNN_SHAPES = 32  # without a bound, open dimensions grow memory for ever
_PRECISIONS = {
    "FP32": inference.PrecisionType.Float32,
    "FP16": inference.PrecisionType.Half,
    "BF16": inference.PrecisionType.Bfloat16,
    "INT8": inference.PrecisionType.Int8,
}


class Predictor:
    """A model that is ready to run."""

    def __init__(self, files: ModelFiles, model: Model, engine: Engine) -> None:
        # Of the whole process, like all of Paddle's flags; below zero: tensors are freed by the next run.
        paddle.set_flags({"FLAGS_eager_delete_tensor_gb": -1.0 if engine.keep_tensors else 0.0})
        try:
            self._predictor = inference.create_predictor(_config(files, engine))
        except Exception as error:
            if unknown := unknown_operators(files):  # Paddle itself names none of a PIR program
                raise explain(str(error), unknown) from error
            raise
        names = self._predictor.get_input_names()
        given = [t.name for t in model.inputs]
        if sorted(names) != sorted(given):
            raise ValueError(f"Paddle knows the inputs {names}, the program {given}")
        tensors = (*model.inputs, *model.outputs)
        # The order in which run(list) wants them; None: by handles.
        self._order = (
            [given.index(name) for name in names] if any(t.dtype in _NOT_BY_HANDLE for t in tensors) else None
        )
        self._inputs = [self._predictor.get_input_handle(name) for name in given]
        self._outputs = [self._predictor.get_output_handle(n) for n in self._predictor.get_output_names()]

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Run the model once; the arrays are in the order of `Model.inputs`, bfloat16 as uint16."""
        if self._order is not None:
            found = self._predictor.run([paddle.to_tensor(arrays[at]) for at in self._order])
            return [tensor.numpy() for tensor in found]
        for handle, array in zip(self._inputs, arrays, strict=True):
            handle.copy_from_cpu(array)
        self._predictor.run()
        return [handle.copy_to_cpu() for handle in self._outputs]

    def shrink(self) -> None:
        """Give back what earlier runs have left behind."""
        self._predictor.clear_intermediate_tensor()
        self._predictor.try_shrink_memory()


def _config(files: ModelFiles, engine: Engine) -> inference.Config:
    config = inference.Config(str(files.program), str(files.params))
    config.disable_glog_info()
    if engine.reuse_memory:
        config.enable_memory_optim()
    if engine.device == "gpu":
        _gpu(config, engine)
    else:
        config.disable_gpu()
        config.set_cpu_math_library_num_threads(engine.threads)
    if engine.tensorrt == "collect":
        config.collect_shape_range_info(str(engine.shapes))  # written when the predictor goes
    elif engine.tensorrt == "on":
        _tensorrt(config, engine)
    if engine.onednn:
        config.enable_onednn()
        config.set_onednn_cache_capacity(_ONEDNN_SHAPES)
        if engine.precision == "BF16":
            config.enable_onednn_bfloat16()
        elif engine.precision == "INT8":
            config.enable_onednn_int8()
    else:
        config.disable_onednn()
    return config


def _gpu(config: inference.Config, engine: Engine) -> None:
    native = "FP32" if engine.tensorrt != "off" else engine.precision
    config.enable_use_gpu(engine.pool_mb, 0, _PRECISIONS[native])  # a worker sees one: CUDA_VISIBLE_DEVICES
    if not config.use_gpu():  # without CUDA the setting is dropped silently
        raise StartError(
            "NoGpuSupport",
            "PADDLEMODEL_DEVICE is gpu, but this image's Paddle is built for CPUs; use the GPU image, "
            "or set it to cpu.",
        )


def _tensorrt(config: inference.Config, engine: Engine) -> None:
    if inference.get_trt_compile_version() == (0, 0, 0):
        raise StartError(
            "NoTensorRT",
            "PADDLEMODEL_TENSORRT is true, but this image's Paddle is built without TensorRT; leave it out, "
            "or use an image that has it.",
        )
    config.enable_tensorrt_engine(
        workspace_size=engine.workspace_mb << 20,
        max_batch_size=engine.max_rows,
        min_subgraph_size=3,
        precision_mode=_PRECISIONS[engine.precision],
        use_static=True,  # engines are kept in the cache: building one takes minutes
        use_calib_mode=False,
    )
    config.enable_tuned_tensorrt_dynamic_shape(str(engine.shapes), True)
    config.set_optim_cache_dir(str(engine.cache))


def unknown_operators(files: ModelFiles) -> list[str]:
    """The program's operators that this Paddle does not have."""
    untyped: Any = core
    kernels = untyped._get_registered_phi_kernels()  # noqa: SLF001 - there is no public name
    known = {*untyped.get_all_op_names(), *kernels, *dir(untyped.pir.ops)}
    return sorted(set(formats.read(files).operators) - known)


def version() -> str:
    """The version of Paddle."""
    return str(paddle.version.full_version)


def device_facts() -> tuple[str, ...]:
    """What a TensorRT engine depends on beside the model: Paddle, TensorRT and the kind of GPU."""
    gpu = paddle.device.cuda.get_device_name(0) if core.is_compiled_with_cuda() else "none"
    return version(), str(inference.get_trt_compile_version()), gpu
