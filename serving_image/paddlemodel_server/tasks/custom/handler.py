"""The door to handler.py beside the model: loaded once, and called with a limit of time.

What it raises becomes a 500, of which the client reads one sentence and the log has the trace; a
BadRequestError is the client's fault, and its message is answered.
"""

import ctypes
import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paddlemodel_server.errors import DeadlineExceededError, ModelFailedError, ServingError, StartError

FILE = "handler.py"
FUNCTIONS = ("preprocess", "postprocess")
_MODULE = "paddlemodel_handler"
_OVER = "The model's own code was not done"


class _Over(BaseException):  # no error: `except Exception` in a handler must not stop it
    """Raised amid the code that has taken too long."""


def load(folder: Path) -> dict[str, Callable[..., Any]]:
    """Run the file, and take its two functions.

    Args:
        folder: of the model's files.

    Raises:
        StartError: `HandlerUnusable`, with what it raised.
    """
    found = importlib.util.spec_from_file_location(_MODULE, folder / FILE)
    if found is None or found.loader is None:
        raise unusable("cannot be read as Python")
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except BaseException as error:  # SystemExit, too: whatever it does, it is one sentence
        raise unusable(f"cannot be imported ({type(error).__name__}: {error})") from error
    missing = [name for name in FUNCTIONS if not callable(getattr(module, name, None))]
    if missing:
        raise unusable(f"has no function {' and no function '.join(missing)}")
    return {name: getattr(module, name) for name in FUNCTIONS}


def unusable(why: str) -> StartError:
    """The file beside the model, and what is wrong with it."""
    return StartError(
        "HandlerUnusable",
        f"The task custom runs {FILE} beside the model, which {why}: it has preprocess(body, content_type) "
        "and postprocess(outputs, kept); correct it, or use another task.",
    )


def failed() -> ModelFailedError:
    """What a client reads of a fault of the handler."""
    return ModelFailedError("The model's own code failed on this request; the cause is in the server's log.")


def call(function: Callable[..., Any], seconds: float, *arguments: Any) -> Any:
    """Call a function of the handler in this thread, and end it where it takes too long.

    It is ended between two steps of Python; what does not come back from a library keeps its thread.

    Raises:
        DeadlineExceededError: it took too long.
        ModelFailedError: it raised; what, is its cause.
        ServingError: what the handler raised of these itself.
    """
    thread, lock = threading.get_ident(), threading.Lock()
    ended, struck = threading.Event(), threading.Event()

    def strike() -> None:
        with lock:
            if not ended.is_set():
                struck.set()
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Over))

    timer = threading.Timer(seconds, strike)
    timer.daemon = True
    timer.start()
    try:
        try:
            return function(*arguments)
        finally:
            with lock:
                ended.set()
                if struck.is_set():  # what has not arrived yet would hit the next request
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)
            timer.cancel()
    except _Over:
        raise DeadlineExceededError(seconds, _OVER) from None
    except ServingError:
        raise
    except BaseException as error:  # SystemExit, too: a handler ends no server
        if struck.is_set():
            raise DeadlineExceededError(seconds, _OVER) from None
        raise failed() from error
