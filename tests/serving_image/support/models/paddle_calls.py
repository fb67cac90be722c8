"""Prints the signatures that the installed Paddle documents: python paddle_calls.py, as JSON by name.

A program of its own: only a child process may load Paddle.
"""

import inspect
import json
import os

os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112 - so Paddle spells it

from paddle import device, inference
from paddle import to_tensor as _to_tensor


def main() -> None:
    found = {}
    for kind in (inference.Config, inference.Predictor, inference.Tensor):
        for name in dir(kind):
            if not name.startswith("_"):
                member = getattr(kind, name)
                python = str(inspect.signature(member)) if inspect.isfunction(member) else None
                found[f"{kind.__name__}.{name}"] = python or (member.__doc__ or "")
    for function in (
        device.is_compiled_with_cuda,
        device.cuda.get_device_name,
        _to_tensor,
    ):
        found[f"paddle.{function.__name__}"] = str(inspect.signature(function))
    for builtin in (inference.create_predictor, inference.get_trt_compile_version):
        found[f"inference.{builtin.__name__}"] = builtin.__doc__ or ""
    found["precisions"] = ",".join(inference.PrecisionType.__members__)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
