"""Paddle's C++ without most of its Python: all that a predictor needs, in a third of `import paddle`'s time.

`import paddle` also imports what networks are built, trained and distributed with, some 1,400 modules, and
with them setuptools, httpx and OpenCV. Here `paddle` becomes a bare package: its modules can be imported, its
`__init__.py` is not run. What that file and `paddle.base`'s do for a predictor is done here instead, in their
order, with their calls; tests hold all flags, the environment and the calls to theirs. What is known of one
version and build may be wrong for another, so others are imported whole: the GPU's builds, too, which look
for CUDA's libraries in `__init__.py`.
"""

import atexit
import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

VERSION = "3.3.1"  # whose `paddle/__init__.py` and `paddle/base/__init__.py` have been read
_PACKAGES = ("paddle", "paddle.base", "paddle.utils")
# With another value in one of them the build is for a device, or has a compiler that wants to be set up.
_PLAIN = {"cuda_version": "False", "hip_version": None, "xpu_xre_version": "False", "cinn_version": "False"}
_FAILED = "_PADDLE_FAILED_TO_IMPORT_LIGHT"  # the process's variable, from one start of it to the next


def prepare() -> str:
    """Put the bare package in the place of the whole; why not, if the next `import paddle` imports the whole.

    Half an initialised Paddle is none that another import could build on. So where something fails, this
    process begins anew: the same program with the same arguments and number, which imports the whole.
    """
    if "paddle" in sys.modules:
        return "it had been imported before"
    if failed := os.environ.get(_FAILED):
        return failed
    try:
        package = _bare()
        if why := _other():
            _forget()
            return why
        _initialise(package)
    except Exception as error:  # noqa: BLE001 - whatever it is, the whole Paddle may do without
        said = f"{type(error).__name__}: {error}"
        os.execve(sys.executable, sys.orig_argv, os.environ | {_FAILED: said})  # noqa: S606
    return ""


def _bare() -> ModuleType:
    """Packages with a path and nothing in them: their modules are found, their `__init__.py` is not run."""
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)  # of a package inside one: looks into the bare one
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError(f"{name} is no package")
        module = ModuleType(name)
        module.__spec__, module.__path__ = spec, list(spec.submodule_search_locations)
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
    return sys.modules["paddle"]


def _other() -> str:
    """In what the installed Paddle differs from the one known here; empty: in nothing."""
    found = importlib.import_module("paddle.version")
    if found.full_version != VERSION:
        return f"it is version {found.full_version}, and only {VERSION} is known"
    if {name: getattr(found, name) for name in _PLAIN} != _PLAIN:
        return "it is built for another device than the CPU"
    return ""


def _forget() -> None:
    """Take the bare packages away; nothing of Paddle's C++ is loaded yet."""
    for name in [one for one in sys.modules if one.partition(".")[0] == "paddle"]:
        del sys.modules[name]


def _initialise(package: ModuleType) -> None:
    importlib.import_module("paddle.cuda_env")
    core: Any = importlib.import_module("paddle.base.core")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    prefix = "FLAGS_"
    flags = [name.removeprefix(prefix) for name in core.globals().keys() if name.startswith(prefix)]  # noqa: SIM118 - it is no dict
    core.init_gflags([f"--tryfromenv={','.join(flags)}"])
    core.init_glog(sys.argv[0])
    core.init_memory_method()
    core.init_devices()
    core.init_tensor_operants()
    core.init_default_kernel_signatures()
    # In reverse at the end: devices go after the kernels, and both after what was compiled for them.
    for ending in (
        core.clear_executor_cache,
        core.pir.clear_cinn_compilation_cache,
        core.clear_device_manager,
        core.clear_kernel_factory,
        core.ProcessGroupIdMap.destroy,
    ):
        atexit.register(ending)
    _furnish(package, core)


def _furnish(package: Any, core: Any) -> None:
    """Give the bare package what engine/paddle.py calls, and the state in which the whole one is left."""

    def set_flags(flags: Mapping[str, object]) -> None:
        for name, value in flags.items():
            core.globals()[name] = value
            core.globals().update_linked_vars(name.removeprefix("FLAGS_"), str(value))

    def to_tensor(array: object) -> object:
        place = core.CPUPlace()
        return core.eager.Tensor(
            value=array, place=place, persistable=False, zero_copy=False, name=None, stop_gradient=True
        )

    package.disable_signal_handler = core.disable_signal_handler
    package.set_flags = set_flags
    package.to_tensor = to_tensor
    set_flags({"FLAGS_enable_pir_in_executor": True})
    core.pir.register_paddle_dialect()
    core.pir.register_dist_dialect()
