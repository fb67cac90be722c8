"""Whether the model's inputs are those of a text model, and how tokens become them; pure.

A text is filled up to one of a few lengths, chosen by its own number of tokens alone: so texts share runs,
and no neighbour changes an answer. Lengths are powers of two and the middles between them, from 16 on.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.outputs import FLOATS, WHOLE, check_rows, described, misfit
from paddlemodel_server.tasks.text.vocabulary import Vocabulary

if TYPE_CHECKING:  # what comes in has its fields, but is none: the HTTP workers do without pydantic
    from paddlemodel_api.tasks.text import TextInput as Spec

Role = Literal["ids", "types", "mask", "positions", "lengths"]
ROLES: Mapping[Role, frozenset[str]] = {
    "ids": frozenset({"input_ids", "ids", "src_ids", "token_ids", "word_ids", "words"}),
    "types": frozenset({"token_type_ids", "segment_ids", "sent_ids"}),
    "mask": frozenset({"attention_mask", "input_mask", "mask"}),
    "positions": frozenset({"position_ids", "pos_ids"}),
    "lengths": frozenset({"length", "lengths", "seq_len", "seq_lens"}),
}
SHORTEST = 16
EXAMPLE = 32  # tokens of the request with which the model is warmed up
PART_ROWS = 32  # texts that run together at most: a long list must leave room for others, and for all workers
PART_TOKENS = 8192  # likewise: an output with 1024 numbers for each token then has 32 MiB


@dataclass(frozen=True, kw_only=True)
class TextPlan:
    """How tokens become the model's inputs.

    Attributes:
        roles: what each input is, in the model's order.
        dtypes: numpy's, of each input.
        pad: the id that fills a text up.
        most: tokens of a text.
        lengths: that an input may have, in order; empty: any, and nothing is filled up.
        rows: that a run may have; 1 where the model's first dimension is fixed.
    """

    roles: tuple[Role, ...]
    names: tuple[str, ...]
    dtypes: tuple[np.dtype[Any], ...]
    pad: int
    most: int
    lengths: tuple[int, ...]
    rows: int

    def length(self, tokens: int) -> int:
        """To how many tokens a text of so many is filled up."""
        return self.lengths[bisect_left(self.lengths, tokens)] if self.lengths else tokens

    @property
    def shapes(self) -> dict[str, list[int]]:
        """The shapes of one row, by input, for the warm-up."""
        side = self.length(min(EXAMPLE, self.most))
        named = zip(self.names, self.roles, strict=True)
        return {name: [1] if role == "lengths" else [1, side] for name, role in named}

    def parts(self, tokens: Sequence[int], *, alone: bool) -> list[list[int]]:
        """Which texts run together: those of one length, in parts of a bounded size.

        Args:
            tokens: how many each text has.
            alone: whether texts must not share a run.

        Returns:
            For each part the numbers of its texts.
        """
        by_length: dict[int, list[int]] = {}
        for at, count in enumerate(tokens):
            by_length.setdefault(self.length(count), []).append(at)
        found = []
        for length, members in by_length.items():
            rows = 1 if alone else max(1, min(self.rows, PART_TOKENS // length))
            found += [members[at : at + rows] for at in range(0, len(members), rows)]
        return found

    def arrays(self, ids: Sequence[Array], types: Sequence[Array], length: int) -> list[Array]:
        """The inputs for some texts.

        Args:
            ids: of the tokens of each text, at most `length`.
            types: of the same tokens: 0 in the first text of a pair, 1 in the second.
            length: to which all are filled up.
        """
        made: dict[Role, Array] = {
            "ids": np.full((len(ids), length), self.pad, np.int64),
            "types": np.zeros((len(ids), length), np.int64),
            "mask": np.zeros((len(ids), length), np.int64),
            "positions": np.tile(np.arange(length), (len(ids), 1)),
            "lengths": np.array([len(row) for row in ids], np.int64),
        }
        for at, (row, kinds) in enumerate(zip(ids, types, strict=True)):
            made["ids"][at, : len(row)] = row
            made["types"][at, : len(row)] = kinds
            made["mask"][at, : len(row)] = 1
        return [made[role].astype(dtype) for role, dtype in zip(self.roles, self.dtypes, strict=True)]


def plan(task: str, spec: "Spec", model: Model, vocabulary: Vocabulary) -> TextPlan:
    """Fit the task to the model's inputs.

    Args:
        task: the member of spec.task.
        spec: its validated fields.
        model: the signature.
        vocabulary: of the tokenizer beside the model.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    roles = tuple(_role(task, tensor, model) for tensor in model.inputs)
    if len(set(roles)) != len(roles) or "ids" not in roles:
        names = ", ".join(map(described, model.inputs))
        raise misfit(
            task,
            f"takes one input with token ids, the model has {names}",
            "export the model with an input such as input_ids INT64 [-1, -1]",
        )
    ids = model.inputs[roles.index("ids")]
    if ids.id_limit is not None and vocabulary.largest >= ids.id_limit:
        raise misfit(
            task,
            f"reads texts with {vocabulary.source}, whose token ids go up to {vocabulary.largest}, but the "
            f"model's table has the ids 0 to {ids.id_limit - 1}",
            "put the tokenizer of this very model beside it",
        )
    most = _most(task, spec, vocabulary, ids)
    lengths = _lengths(spec, most, ids.shape[1])
    return TextPlan(
        roles=roles,
        names=tuple(tensor.name for tensor in model.inputs),
        dtypes=tuple(tensor.numpy for tensor in model.inputs),
        pad=_pad(task, vocabulary, roles) if lengths else 0,
        most=most,
        lengths=lengths,
        rows=PART_ROWS if model.batched else 1,
    )


def _role(task: str, tensor: Tensor, model: Model) -> Role:
    role = next((role for role, names in ROLES.items() if tensor.name in names), None)
    if role is None and len(model.inputs) == 1:
        role = "ids"
    if role is None:
        known = ", ".join(sorted(name for names in ROLES.values() for name in names))
        raise misfit(
            task,
            f"does not know what the input {described(tensor)} is",
            f"export the model with names of these: {known}",
        )
    dtypes = (*WHOLE, "bool", *FLOATS[2:]) if role == "mask" else WHOLE
    if len(tensor.shape) != (1 if role == "lengths" else 2) or tensor.dtype not in dtypes:
        wanted = "[-1]" if role == "lengths" else "[-1, -1]"
        raise misfit(
            task,
            f"takes whole numbers of the shape {wanted} as {tensor.name}, the model has {described(tensor)}",
            "export the model so",
        )
    check_rows(task, tensor)
    return role


def _pad(task: str, vocabulary: Vocabulary, roles: Sequence[Role]) -> int:
    if vocabulary.pad is not None:
        return vocabulary.pad
    if "mask" in roles or "lengths" in roles:
        return 0  # the model is told which tokens these are
    raise misfit(
        task,
        f"fills texts up, but {vocabulary.source} names no token for it, and the model has no attention_mask",
        "name it as pad_token in tokenizer_config.json",
    )


def _most(task: str, spec: "Spec", vocabulary: Vocabulary, ids: Tensor) -> int:
    """Most tokens of a text."""
    fixed = ids.shape[1] if ids.shape[1] != -1 else None
    most = (
        spec.max_tokens if spec.max_tokens is not None else min(vocabulary.limit, fixed or vocabulary.limit)
    )
    for limit, why in (
        (fixed, described(ids)),
        (vocabulary.positions, "max_position_embeddings of config.json"),
    ):
        if limit is not None and most > limit:
            raise misfit(
                task,
                f"takes {most} tokens, the model {limit} ({why})",
                f"set spec.task.{task}.maxTokens to {limit} at most",
            )
    return most


def _lengths(spec: "Spec", most: int, side: int) -> tuple[int, ...]:
    if side != -1:
        return (side,)
    if spec.padding == "None":
        return ()
    found, length = [], SHORTEST
    while length < most:
        found += [length, length * 3 // 2]
        length *= 2
    return (*(length for length in found if length < most), most)
