"""Which programs are never optimised, by their operators; real exports in both formats."""

from collections.abc import Callable
from pathlib import Path

import pytest
from paddlemodel_server.model import files, formats, hazards
from paddlemodel_server.model.formats.program import Program, Tensor

Export = Callable[[str, str], Path]
NO_USE = "off: no use for a model in {} format"
TRIED = "tried at the start, on if all answers are the same"


def program(*operators: str, training: tuple[str, ...] = ()) -> Program:
    tensor = Tensor(name="x", dtype="float32", shape=(-1, 3))
    return Program(
        format="PIR",
        writer="",
        inputs=(tensor,),
        outputs=(tensor,),
        parameters=(),
        operators=dict.fromkeys(operators, 1),
        training=frozenset(training),
    )


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (program("while", "add"), "the program branches or loops by values (while)"),
        (program("if"), "the program branches or loops by values (if)"),
        (program("conditional_block"), "the program branches or loops by values (conditional_block)"),
        (program("gaussian"), "the program draws random numbers (gaussian)"),
        (program("gumbel_softmax"), "the program draws random numbers (gumbel_softmax)"),
        (program("exponential"), "the program draws random numbers (exponential)"),  # legacy's exponential_
        (program("randint", "uniform"), "the program draws random numbers (randint, uniform)"),
        (program("dropout", training=("dropout",)), "the program draws random numbers (dropout)"),
        (program("dropout"), None),
        (program("matmul", "batch_norm", "softmax"), None),
    ],
)
def test_branches_loops_and_chance_rule_everything_out(found: Program, why: str | None) -> None:
    judged = hazards.of(found)
    assert (judged.optimising, judged.batching) == (why, why)


@pytest.mark.parametrize("operator", ["nonzero", "where_index", "masked_select", "unique", "matrix_nms"])
def test_rows_that_are_counted_by_values_rule_out_batching_only(operator: str) -> None:
    judged = hazards.of(program(operator))
    assert judged.optimising is None
    assert judged.batching == f"the program gives as many rows as its values say ({operator})"


@pytest.mark.parametrize("operator", ["multiclass_nms3", "matrix_nms"])
def test_a_detectors_rows_may_share_runs_where_the_task_parts_them(operator: str) -> None:
    """By the counts that these operators tell; others tell none."""
    assert hazards.of(program(operator), counted=True) == hazards.Hazards()
    judged = hazards.of(program(operator, "nonzero"), counted=True)
    assert judged.batching == "the program gives as many rows as its values say (nonzero)"


@pytest.mark.parametrize(
    "operator",
    ["quantize_linear", "fake_quantize_dequantize_moving_average_abs_max", "fake_quantize_abs_max"],
)
def test_steps_to_whole_numbers_rule_out_other_kernels_only(operator: str) -> None:
    """A difference in the last bit becomes a whole step, for some inputs and not for others."""
    judged = hazards.of(program(operator, "conv2d"))
    assert (judged.optimising, judged.batching) == (None, None)
    assert judged.kernels == f"the program rounds to whole numbers ({operator})"
    assert hazards.outlook(program(operator))["oneDNN"] == f"off: {judged.kernels}"


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_a_dropout_in_eval_mode_is_no_chance(exported: Export, model_format: str) -> None:
    read = formats.read(files.locate(exported(model_format, "tokens")))
    assert read.operators["dropout"] == 1
    assert read.training == frozenset()
    assert hazards.of(read) == hazards.Hazards()


@pytest.mark.parametrize(
    ("model_format", "name", "why"),
    [
        ("pir", "growing", "off: the program branches or loops by values (while)"),
        ("legacy", "growing", "off: the program branches or loops by values (while)"),
        ("pir", "mixed", TRIED),
        ("legacy", "mixed", TRIED),
    ],
)
def test_what_files_tell_of_optimisations(exported: Export, model_format: str, name: str, why: str) -> None:
    found = hazards.outlook(formats.read(files.locate(exported(model_format, name))))
    keeps, reuses = (why, NO_USE.format("PIR")) if model_format == "pir" else (NO_USE.format("Legacy"), why)
    assert found == {"oneDNN": why, "keepTensors": keeps, "reuseMemory": reuses, "batching": why}


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
def test_the_ids_of_a_table_are_known_through_what_rearranges_them(
    exported: Export, model_format: str
) -> None:
    for name in ("tokens", "padded-tokens"):
        (ids,) = formats.read(files.locate(exported(model_format, name))).inputs
        assert ids.id_limit == 50
    (x,) = formats.read(files.locate(exported(model_format, "mortal"))).inputs
    assert x.id_limit is None  # it is no whole number: what becomes of it is not certain
    assert hazards.of(formats.read(files.locate(exported(model_format, "mortal")))).gentle
