"""Which optimisations a program's operators rule out, for no comparison could show them to be right. Pure.

A comparison shows that answers are the same for the inputs that were tried. A program that branches or loops
by values may take another way for the next one, and one that draws random numbers never answers twice alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from paddlemodel_server.model.formats.lookups import LOOKUPS
from paddlemodel_server.model.formats.program import Program

_COURSE = frozenset({"while", "if", "conditional_block", "conditional_block_infer", "recurrent", "py_func"})
# In training mode only; in eval mode it passes its input on.
_DROPS = frozenset(
    {"dropout", "dropout_nd", "fused_bias_dropout_residual_layer_norm", "fused_dropout_add", "rrelu"}
)
_RANDOM = frozenset(
    {
        *("bernoulli", "bernoulli_", "binomial", "class_center_sample", "dirichlet", "dpsgd", "exponential_"),
        *("gaussian", "gaussian_inplace", "gaussian_inplace_", "gaussian_random", "multinomial", "poisson"),
        *("exponential", "gumbel_softmax", "random_routing", "randint_with_seed"),
        *("graph_khop_sampler", "graph_sample_neighbors", "tdm_sampler", "weighted_sample_neighbors"),
        *("gaussian_random_batch_size_like", "randint", "random_crop", "randperm", "sampling_id"),
        *("shuffle_batch", "standard_gamma", "top_p_sampling", "truncated_gaussian_random", "uniform"),
        *("uniform_inplace", "uniform_inplace_", "uniform_random", "uniform_random_batch_size_like"),
    }
)
# These tell how many rows they give for each row of the inputs; where the task knows of it, they are parted.
_COUNTED = frozenset({"matrix_nms", "multiclass_nms3"})
# How many rows they give is a matter of the values: a request's rows could be taken for its neighbour's.
_COUNTING = frozenset(
    {
        *("bipartite_match", "collect_fpn_proposals", "detection_map", "distribute_fpn_proposals"),
        *("generate_proposals", "generate_proposals_v2", "masked_select", "matrix_nms", "multiclass_nms"),
        *("multiclass_nms2", "multiclass_nms3", "nms", "nonzero", "unique", "unique_consecutive"),
        *(
            "where_index",
            "edit_distance",
            "ctc_align",
            "sequence_pool",
            "sequence_unpad",
            "repeat_interleave",
        ),
        *("repeat_interleave_with_tensor_index",),
    }
)


ONEDNN, KEEP_TENSORS, REUSE_MEMORY, BATCHING = "oneDNN", "keepTensors", "reuseMemory", "batching"


@dataclass(frozen=True, kw_only=True)
class Hazards:
    """What must not be done to a program, each with why; None where a comparison decides."""

    optimising: str | None = None  # anything at all
    kernels: str | None = None  # to let other kernels compute in the same precision, which round otherwise
    batching: str | None = None  # to run rows of several requests together, or to fill runs up
    gentle: bool = False  # inputs that are made up must be harmless: they may become indices


def of(program: Program, *, counted: bool = False) -> Hazards:
    """Judge a program by its operators.

    Args:
        program: the model's.
        counted: whether the task parts outputs by the numbers of rows that another output tells.
    """
    used = set(program.operators)
    counting = used & (_COUNTING - _COUNTED if counted else _COUNTING)
    optimising = _why("branches or loops by values", used & _COURSE) or _why(
        "draws random numbers", (used & _RANDOM) | (program.training & _DROPS)
    )
    return Hazards(
        optimising=optimising,
        kernels=optimising or _why("rounds to whole numbers", filter(_quantises, used)),
        batching=optimising or _why("gives as many rows as its values say", counting),
        gentle=bool(used & LOOKUPS) and not all(t.id_limit for t in program.inputs),
    )


def outlook(program: Program) -> dict[str, str]:
    """What will become of each optimisation at the start of a server, as far as files can tell."""
    found = of(program)
    tried = "tried at the start, on if all answers are the same"
    tensors = (*program.inputs, *program.outputs)
    fixed = any(tensor.shape[:1] != (-1,) for tensor in tensors)
    other = f"no use for a model in {program.format} format"
    pir = program.format == "PIR"
    said = {
        ONEDNN: found.kernels,
        KEEP_TENSORS: found.optimising if pir else other,
        REUSE_MEMORY: other if pir else found.optimising,
        BATCHING: "a tensor has a fixed first dimension" if fixed else found.batching,
    }
    return {name: f"off: {why}" if why else tried for name, why in said.items()}


def _quantises(operator: str) -> bool:
    """Whether it takes numbers to steps: what is near an edge may be taken to either side of it."""
    return operator.startswith(("quantize", "fake_quantize", "fake_channel_wise_quantize"))


def _why(what: str, operators: Iterable[str]) -> str | None:
    named = ", ".join(sorted(operators)[:3])
    return f"the program {what} ({named})" if named else None
