"""What configurations of models for pictures share: a list of operations, how pixels become numbers; pure."""

from collections.abc import Callable, Mapping, Set
from typing import Any

from paddlemodel_server.tasks.auto.branch import Branch

FOR_TRAINING = frozenset({"DetLabelEncode", "MultiLabelEncode", "KeepKeys", "ToCHWImage"})


class Fields:
    """The fields of a task found so far, and where each of them stands."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}

    def set(self, branch: Branch, **values: Any) -> None:
        """Note fields that stand in a branch."""
        self.values |= values
        self.origins |= dict.fromkeys(values, branch.place)


Operations = Mapping[str, Callable[[Fields, Branch], None]]
"""What each operation that is understood makes of its parameters."""


def fields_of(
    operations: Branch,
    known: Operations,
    skipped: Set[str] = frozenset(),
    named: Callable[[Branch], tuple[str, Branch]] = Branch.named,
) -> Fields:
    """The fields that a list of operations says, in its order.

    Args:
        operations: the list.
        known: by name.
        skipped: those that mean nothing for an answer.
        named: how an operation says its name and its parameters.

    Raises:
        StartError: `ConfigurationNotUnderstood`, for one that is neither.
    """
    fields = Fields()
    for operation in operations.items():
        name, parameters = named(operation)
        if name in known:
            known[name](fields, parameters)
        elif name not in skipped:
            raise operation.unknown(f"names the operation {name!r}")
    return fields


def decode(fields: Fields, branch: Branch) -> None:
    """DecodeImage: the order of the channels.

    Raises:
        StartError: `ConfigurationNotUnderstood`.
    """
    branch.only("channel_first", "img_mode")
    if (first := branch.get("channel_first")).truth(default=False):
        raise first.unknown("asks for channels before the pixels are scaled")
    if (mode := branch.get("img_mode")).value is not None:
        if mode.value not in {"RGB", "BGR"}:
            raise mode.unknown(f"is {mode.value!r}")
        fields.set(mode, channel_order=mode.value)


def normalize(fields: Fields, branch: Branch) -> None:
    """NormalizeImage: mean and std, for values in 0..1.

    Raises:
        StartError: `ConfigurationNotUnderstood`.
    """
    branch.only("mean", "std", "scale", "order")
    if (order := branch.get("order")).value not in {None, "", "hwc", "chw"}:
        raise order.unknown(f"is {order.value!r}")
    scale = 1 / 255 if (given := branch.get("scale")).value is None else given.number()
    mean, std = branch.get("mean"), branch.get("std")
    divisors = std.three()
    if scale <= 0 or min(divisors) <= 0:
        raise branch.unknown("has a scale or std that is not above zero")
    factor = 255 * scale
    fields.set(mean, mean=[number / factor for number in mean.three()])
    fields.set(std, std=[number / factor for number in divisors])
