"""Which output of a model a task answers from, and how a model that does not fit is told of; pure."""

from collections.abc import Sequence

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol.served import Columns

FLOATS = ("float16", "bfloat16", "float32", "float64")
WHOLE = ("int32", "int64")


def described(tensor: Tensor) -> str:
    """An input or output as messages show it."""
    return f"{tensor.name} {tensor.datatype} {list(tensor.shape)}"


def misfit(task: str, what: str, cure: str) -> StartError:
    """The task and the model contradict each other."""
    return StartError("TaskDoesNotFit", f"The task {task} {what}; {cure}, or use the task tensors.")


def chosen(task: str, name: str | None, outputs: Sequence[Tensor], what: str) -> int:
    """The number of the output that the spec names, or of the only one.

    Args:
        task: the member of spec.task.
        name: the field `output`.
        outputs: the model's.
        what: it holds, such as "the vectors".

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    names = [tensor.name for tensor in outputs]
    if name is None and len(outputs) != 1:
        raise misfit(
            task,
            f"answers from one output, the model has {len(outputs)} ({', '.join(map(described, outputs))})",
            f"name the one with {what} in spec.task.{task}.output, or export the model with only that one",
        )
    if name is not None and name not in names:
        raise misfit(
            task,
            f"names the output {name!r}, the model has {', '.join(names)}",
            f"correct spec.task.{task}.output",
        )
    return 0 if name is None else names.index(name)


def check_columns(wanted: Columns, shape: Sequence[int]) -> None:
    """Compare the classes of an answer with the task's names, where the signature did not tell their number.

    Args:
        wanted: what the task expects.
        shape: of the output in the answer to one row.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    found = shape[-1] if shape else 0
    if found == 1 and wanted.alone:
        what = "chooses among classes, the model answered one number"
        raise misfit(wanted.task, what, wanted.alone)
    if wanted.count is not None and found != wanted.count:
        classes = "one class" if found == 1 else f"{found} classes"
        raise misfit(wanted.task, f"has {wanted.names}, the model answered {classes}", wanted.cure)


def check_rows(task: str, tensor: Tensor, what: str = "text") -> None:
    """One text, picture or sound is one row, so one row must be possible.

    Args:
        task: the member of spec.task.
        tensor: an input or output.
        what: is sent.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    if tensor.shape[0] not in {-1, 1}:
        raise misfit(
            task,
            f"sends one {what} at a time, the model takes and gives {tensor.shape[0]}: {described(tensor)}",
            "export the model with None as its first dimension",
        )
