"""Which inputs are the ids of an embedding, and how many ids its table has. Pure.

Paddle itself reads past a table that has a padding_idx, whatever the id: foreign memory is answered, or the
process dies. So an input that certainly is a table's index has a bound of its own, which requests are checked
against. Certain means: all values of the input, and nothing else, reach the table, in the main block, by way
of operators that only convert or rearrange them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from paddlemodel_server.model.formats.program import Tensor

LOOKUPS = frozenset({"embedding", "lookup_table", "lookup_table_v2"})
_PASSING = frozenset(
    {
        *("assign", "cast", "contiguous", "expand", "expand_v2", "flatten", "flatten2"),
        *("flatten_contiguous_range", "memcpy", "reshape", "reshape2", "share_data", "squeeze", "squeeze2"),
        *("tile", "transpose", "transpose2", "unsqueeze", "unsqueeze2"),
    }
)
_WHOLE = frozenset({"int8", "uint8", "int16", "int32", "int64"})
Value = int | str  # PIR numbers its values, a legacy program names them


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operator of the main block: the values that it takes and makes."""

    kind: str
    takes: Sequence[Value]  # of a lookup ids and table, of the others first what they rearrange
    makes: Sequence[Value]
    padding: int = -1  # a lookup's padding_idx; -1: none


def bounded(
    inputs: Sequence[Tensor],
    values: Mapping[Value, str],
    steps: Iterable[Step],
    tables: Mapping[Value, Sequence[int]],
) -> tuple[Tensor, ...]:
    """The inputs, those that are ids with `id_limit`.

    Args:
        inputs: as the program describes them.
        values: the value of each input, and the input's name.
        steps: the operators of the main block, in their order.
        tables: the shapes of parameters.
    """
    whole = {tensor.name for tensor in inputs if tensor.dtype in _WHOLE}
    origin = {value: name for value, name in values.items() if name in whole}
    limits: dict[str, int] = {}
    for step in steps:
        if step.kind in LOOKUPS and len(step.takes) > 1:
            name, rows = origin.get(step.takes[0]), _rows(tables.get(step.takes[1], ()))
            # A padding_idx beyond the table is an id that Paddle takes all the same.
            if name is not None and rows and step.padding < rows:
                limits[name] = min(rows, limits.get(name, rows))
        came = origin.get(step.takes[0]) if step.kind in _PASSING and step.takes else None
        for value in step.makes:
            origin.pop(value, None)  # a legacy program may write a variable again
        if came is not None and step.makes:
            origin[step.makes[0]] = came
    return tuple(replace(t, id_limit=limits.get(t.name)) for t in inputs)


def _rows(table: Sequence[int]) -> int:
    return table[0] if len(table) == 2 and table[0] > 0 else 0
