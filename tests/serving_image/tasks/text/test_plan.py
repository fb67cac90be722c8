"""Tokens become the model's inputs: which inputs these are, to which length, and what does not fit."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.tasks.text.plan import TextPlan, plan
from paddlemodel_server.tasks.text.vocabulary import Vocabulary

IDS = Tensor(name="input_ids", dtype="int64", shape=(-1, -1))
OUT = Tensor(name="y", dtype="float32", shape=(-1, 4))


def fitted(*inputs: Tensor, known: dict[str, Any] | None = None, **spec: Any) -> TextPlan:
    fields = SimpleNamespace(**({"max_tokens": None, "long_texts": "Refuse", "padding": "Buckets"} | spec))
    facts: dict[str, Any] = {
        "source": "vocab.txt",
        "largest": 99,
        "pad": 7,
        "limit": 256,
        "limit_from": "",
        "positions": None,
    }
    model = Model(format="PIR", inputs=inputs or (IDS,), outputs=(OUT,))
    task: Any = fields
    return plan("textEmbedding", task, model, Vocabulary(**facts | (known or {})))


def tensor(
    name: str, dtype: str = "int64", shape: tuple[int, ...] = (-1, -1), limit: int | None = None
) -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape, id_limit=limit)


def test_a_length_depends_on_the_text_alone() -> None:
    """Powers of two and the middles between them; the last is what the model takes."""
    found = fitted(max_tokens=200)
    assert found.lengths == (16, 24, 32, 48, 64, 96, 128, 192, 200)
    assert [found.length(n) for n in (1, 16, 17, 49, 128, 193, 200)] == [16, 16, 24, 64, 128, 200, 200]
    assert fitted(tensor("x", shape=(-1, 128))).lengths == (128,)
    unpadded = fitted(padding="None")
    assert [unpadded.length(n) for n in (1, 17)] == [1, 17]
    assert fitted(max_tokens=5).lengths == (5,)


def test_texts_of_one_length_run_together_in_bounded_parts() -> None:
    found = fitted(max_tokens=512)
    assert found.parts([3, 40, 4, 41], alone=False) == [[0, 2], [1, 3]]
    assert found.parts([3, 40, 4], alone=True) == [[0], [2], [1]]
    assert [len(part) for part in found.parts([3] * 70, alone=False)] == [32, 32, 6]
    assert [len(part) for part in found.parts([500] * 20, alone=False)] == [16, 4]
    fixed = fitted(tensor("x", shape=(1, -1)))
    assert fixed.parts([3, 3], alone=False) == [[0], [1]]


def test_every_input_gets_what_it_is_for() -> None:
    names = {
        "input_ids": "int32",
        "token_type_ids": "int64",
        "attention_mask": "float32",
        "position_ids": "int64",
    }
    inputs = [tensor(name, dtype) for name, dtype in names.items()]
    found = fitted(*inputs, tensor("seq_len", shape=(-1,)))
    assert found.shapes == {name: [1, 32] for name in names} | {"seq_len": [1]}
    ids, types, mask, positions, lengths = found.arrays(
        [np.array([5, 6, 8]), np.array([9])], [np.array([0, 0, 1]), np.array([0])], 4
    )
    assert [array.dtype for array in (ids, types, mask, positions, lengths)] == [
        np.int32,
        np.int64,
        np.float32,
        np.int64,
        np.int64,
    ]
    assert ids.tolist() == [[5, 6, 8, 7], [9, 7, 7, 7]]
    assert types.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert positions.tolist() == [[0, 1, 2, 3]] * 2
    assert lengths.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("inputs", "known", "spec", "said"),
    [
        ([IDS, tensor("image")], {}, {}, "does not know what the input image INT64 [-1, -1] is"),
        ([tensor("attention_mask"), tensor("mask")], {}, {}, "takes one input with token ids"),
        ([tensor("x", "float32")], {}, {}, "takes whole numbers of the shape [-1, -1] as x"),
        ([tensor("x", shape=(-1, 3, 4))], {}, {}, "takes whole numbers of the shape [-1, -1] as x"),
        ([tensor("x", shape=(8, -1))], {}, {}, "sends one text at a time, the model takes and gives 8"),
        (
            [tensor("x", limit=99)],
            {},
            {},
            "reads texts with vocab.txt, whose token ids go up to 99, but the model's table has the ids 0",
        ),
        ([IDS], {"pad": None}, {}, "fills texts up, but vocab.txt names no token for it"),
        (
            [IDS],
            {"positions": 64},
            {"max_tokens": 65},
            "takes 65 tokens, the model 64 (max_position_embeddings",
        ),
        ([tensor("x", shape=(-1, 32))], {}, {"max_tokens": 33}, "takes 33 tokens, the model 32 (x INT64"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(
    inputs: list[Tensor], known: dict[str, Any], spec: dict[str, Any], said: str
) -> None:
    with pytest.raises(StartError) as refusal:
        fitted(*inputs, known=known, **spec)
    assert refusal.value.message.startswith(f"The task textEmbedding {said}")
    assert refusal.value.message.endswith("or use the task tensors.")


def test_padding_is_needed_only_where_a_text_is_filled_up() -> None:
    assert fitted(IDS, known={"pad": None}, padding="None").pad == 0
    assert fitted(IDS, tensor("attention_mask"), known={"pad": None}).pad == 0
