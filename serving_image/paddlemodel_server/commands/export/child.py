"""What `export` does with Paddle, in a child process of its own: python -m … JOB.json.

Whether Paddle writes PIR or legacy programs is decided by FLAGS_enable_pir_api when it is imported, so each
format takes a process. The parent (export.py) writes the job and reads its answer; it never loads Paddle.
"""

import importlib
import importlib.util
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paddlemodel_server.commands.export.options import Job, Quantise, Save

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import paddle

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]
# What has weights; the default of Paddle's quantiser leaves out matmul, which is what Linear becomes.
QUANTISED = ["conv2d", "depthwise_conv2d", "mul", "matmul", "matmul_v2"]


class JobError(Exception):
    """Why the job cannot be done, in one sentence."""


def save(job: Save) -> None:
    """Export the layer, and record what the live layer answers to the samples."""
    layer = _layer(job.target)
    if job.weights:
        _load(layer, job.weights)
    state = Path(job.state)
    if state.is_file():  # the other format was first: a factory may make other random numbers each time
        _load(layer, str(state))
    else:
        paddle.save(layer.state_dict(), str(state))
    layer.eval()
    dtypes: list[Any] = [one.dtype for one in job.inputs]  # Paddle's types list the names it takes
    for number, inputs in enumerate(job.samples):
        arrays = zip(_loaded(inputs).values(), dtypes, strict=True)
        with paddle.no_grad():
            answer = layer(*(paddle.to_tensor(array).astype(dtype) for array, dtype in arrays))
        outputs = {f"{at}": _array(tensor) for at, tensor in enumerate(_flat(answer))}
        np.savez(f"{job.answers}/{number}.npz", allow_pickle=False, **outputs)
    specs = [
        paddle.static.InputSpec([None if side < 0 else side for side in one.shape], dtype, one.name)
        for one, dtype in zip(job.inputs, dtypes, strict=True)
    ]
    paddle.jit.save(layer, f"{job.output}/inference", input_spec=specs)


def quantise(job: Quantise) -> None:
    """Make an INT8 program of a legacy one: weights of 8 bits, activations by the calibration data."""
    paddle.enable_static()
    calibration = _loaded(job.calibration)
    quantisation: Any = importlib.import_module("paddle.static.quantization")  # has no types
    quantiser = quantisation.PostTrainingQuantization(
        executor=paddle.static.Executor(paddle.CPUPlace()),
        model_dir=job.model,
        model_filename="inference.pdmodel",
        params_filename="inference.pdiparams",
        data_loader=_Rows(calibration),
        batch_size=1,
        batch_nums=len(_Rows(calibration)),
        algo="abs_max",
        quantizable_op_type=QUANTISED,
        onnx_format=True,  # weights are stored as int8, and every kind of device can run it
        is_full_quantize=False,
    )
    quantiser.quantize()
    quantiser.save_quantized_model(
        job.output, model_filename="inference.pdmodel", params_filename="inference.pdiparams"
    )


class _Rows:
    """The calibration data, row by row, as Paddle's quantiser wants a loader to be."""

    batch_size = 1

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def __iter__(self) -> Iterator[Arrays]:
        for row in range(len(self)):
            yield {name: array[row : row + 1] for name, array in self._arrays.items()}

    def __call__(self) -> Iterator[Arrays]:
        return iter(self)


def _layer(target: str) -> Any:
    source, _, name = target.rpartition(":")
    made = _factory(source, name)()
    if not isinstance(made, paddle.nn.Layer):
        raise JobError(f"{target} gives a {type(made).__name__}, not a paddle.nn.Layer")
    return made


def _load(layer: Any, path: str) -> None:
    """Give the layer these weights, all of them: Paddle only warns of what does not fit, and goes on."""
    try:
        state = paddle.load(path)
    except ValueError as error:
        raise JobError(f"{path} is not a file of paddle.save") from error
    if not isinstance(state, dict) or not all(isinstance(v, paddle.Tensor) for v in state.values()):
        raise JobError(f"{path} does not hold a layer's state_dict(), a dict of tensors by name")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of each
        lacking, left = layer.set_state_dict(state)
    if lacking or left:
        raise JobError(
            f"{path} is not of this layer: {_counted(lacking)} of the layer's tensors are not in it with "
            f"their shape, {_counted(left)} of its tensors fit none"
        )


def _counted(names: Sequence[str]) -> str:
    """How many, and up to five of them."""
    more = ", …" if len(names) > 5 else ""
    return f"{len(names)} ({', '.join(names[:5])}{more})" if names else "0"


def _factory(source: str, name: str) -> Callable[[], Any]:
    """A function or class that takes no arguments; `source` is a module or a file."""
    sys.path.insert(0, str(Path.cwd()))
    if source.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(source).stem, source)
        if spec is None or spec.loader is None or not Path(source).is_file():
            raise JobError(f"there is no file {source}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        try:
            module = importlib.import_module(source)
        except ModuleNotFoundError as error:
            if error.name != source.partition(".")[0]:
                raise
            raise JobError(f"there is no module {source} in this folder or installed") from error
    if not callable(getattr(module, name, None)):
        raise JobError(f"{source} has no function or class {name}")
    factory: Callable[[], Any] = getattr(module, name)
    return factory


def _flat(answer: Any) -> list[Any]:
    """The tensors of an answer, in the order in which they become the model's outputs."""
    return list(importlib.import_module("paddle.utils").flatten(answer))


def _array(tensor: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """For numpy, which has no bfloat16: the same numbers as float32."""
    plain = tensor.astype("float32") if tensor.dtype == paddle.bfloat16 else tensor
    array: np.ndarray[Any, np.dtype[Any]] = plain.numpy()
    return array


def _loaded(path: str) -> Arrays:
    return dict(np.load(path, allow_pickle=False))


def _sentence(error: Exception) -> str:
    """An error of somebody else's code, with the place where it happened."""
    here = Path(__file__).name
    # Where Paddle translates forward() itself, its text names the line.
    places = re.findall(r'File "([^"]+)", line (\d+)', str(error))
    places += [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    theirs = [p for p in places if "site-packages" not in p[0] and Path(p[0]).name != here]
    where = f" ({Path(theirs[-1][0]).name}, line {theirs[-1][1]})" if theirs else ""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error:" in line or line.startswith("(")] or lines
    if "must be Value, but got None" in str(error):
        return f"PaddlePaddle 3.3 cannot write this operator in legacy format{where}; use --format pir"
    return f"{type(error).__name__}: {(telling or ['no reason'])[-1][:400]}{where}"


def main(arguments: Sequence[str]) -> int:
    """Do the job in the file; a failure is one sentence in its answer."""
    job = Job.read(Path(arguments[0]))
    try:
        if job.save:
            save(job.save)
        if job.quantise:
            quantise(job.quantise)
    except JobError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - the person's code and Paddle raise whatever they like
        said = _sentence(error)
    else:
        return 0
    Path(job.answer).write_text(said)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
