"""What is measured at the start, with a predictor that fails as Paddle fails."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.engine import Array, Engine
from paddlemodel_server.errors import StartError
from paddlemodel_server.failures import said
from paddlemodel_server.model import Model, Tensor
from paddlemodel_server.probe import difference
from paddlemodel_server.warmup import Known, Options, Prepared, prepare, sums_to_one


class Fake:
    """A predictor whose answers and times are given."""

    def __init__(
        self, answer: Callable[[Array], Array], seconds: Callable[[int], float], clock: "Clock"
    ) -> None:
        self.answer = answer
        self.seconds = seconds
        self.clock = clock
        self.rows: list[int] = []

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        self.rows.append(len(arrays[0]))
        self.clock.now += self.seconds(len(arrays[0]))
        return [self.answer(arrays[0])]

    def shrink(self) -> None:
        pass


class Clock:
    """Time passes only in runs."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def model(shape: tuple[int, ...] = (-1, 3), output: tuple[int, ...] = (-1, 3)) -> Model:
    return Model(
        format="PIR",
        inputs=(Tensor(name="x", dtype="float32", shape=shape),),
        outputs=(Tensor(name="y", dtype="float32", shape=output),),
    )


def run(
    plain: Callable[[Array], Array] | None = None,
    fast: Callable[[Array], Array] | None = None,
    *,
    seconds: Callable[[int], float] = lambda _: 0.01,
    fast_seconds: Callable[[int], float] = lambda _: 0.005,
    described: Model | None = None,
    options: Options | None = None,
) -> Prepared:
    clock = Clock()
    same = lambda x: x * 2  # noqa: E731 - shorter than a function
    fakes = {
        False: Fake(plain or same, seconds, clock),
        True: Fake(fast or plain or same, fast_seconds, clock),
    }
    return prepare(described or model(), lambda engine: fakes[engine.onednn], options or asked(cap=8), clock)


def asked(**more: Any) -> Options:
    given: dict[str, Any] = {"engine": Engine(), "cap": 8, "seconds": 100} | more
    return Options(**given)


def fails(message: str = "(InvalidArgument) no") -> Callable[[Array], Array]:
    def run(_: Array) -> Array:
        raise RuntimeError(message)

    return run


def test_the_faster_of_two_equal_answers_is_kept() -> None:
    assert run().engine.onednn
    assert not run(fast_seconds=lambda _: 0.02).engine.onednn


@pytest.mark.parametrize(
    "fast",
    [
        fails("ConvertPirAttribute2RuntimeAttribute"),
        lambda x: x * 2 + 0.1,
        lambda x: x[:, :2],
        lambda x: x * np.nan,
    ],
    ids=["it-fails", "it-differs", "it-has-another-shape", "it-answers-nan"],
)
def test_onednn_is_off_where(fast: Callable[[Array], Array]) -> None:
    assert not run(fast=fast).engine.onednn


def test_a_choice_made_before_is_not_measured_again() -> None:
    opened: list[Engine] = []
    clock = Clock()
    fake = Fake(lambda x: x, lambda _: 0.01, clock)

    def opens(engine: Engine) -> Fake:
        opened.append(engine)
        return fake

    known = Known(onednn=True, sizes={1: 0.5, 4: 0.6})
    prepared = prepare(model(), opens, asked(known=known), clock)
    assert opened == [Engine(onednn=True)]
    assert fake.rows == [1, 1, 4]  # an example is found, then each known size runs once
    assert prepared.sizes == known.sizes


def test_larger_runs_are_warmed_while_they_pay() -> None:
    assert list(run(seconds=lambda _: 0.01, fast_seconds=lambda _: 0.01).sizes) == [1, 2, 4, 8]
    linear = lambda rows: 0.01 * rows  # noqa: E731 - shorter than a function
    assert list(run(seconds=linear, fast_seconds=linear).sizes) == [1, 2, 4]


@pytest.mark.parametrize(
    ("plain", "described"),
    [
        pytest.param(lambda x: x - x.mean(axis=0), model(), id="rows-change-each-other"),
        pytest.param(lambda x: x.sum(axis=0), model(output=(-1,)), id="an-output-is-no-batch"),
        pytest.param(lambda x: x, model(shape=(1, 3), output=(1, 3)), id="one-row-only"),
        pytest.param(lambda x: x, model(shape=(1, 3), output=(-1, 3)), id="one-row-in"),
    ],
)
def test_requests_run_alone_where(plain: Callable[[Array], Array], described: Model) -> None:
    assert run(plain, described=described).sizes == {}


def test_a_model_that_fails_on_two_rows_runs_them_alone() -> None:
    def one(x: Array) -> Array:
        if len(x) > 1:
            raise RuntimeError("(InvalidArgument) batch")
        return x

    assert run(one).sizes == {}


def test_open_dimensions_are_tried_until_the_model_runs() -> None:
    seen: list[tuple[int, ...]] = []

    def only_32(x: Array) -> Array:
        seen.append(x.shape)
        if x.shape[2] != 32:
            raise RuntimeError("(InvalidArgument) sizes")
        return x.reshape(len(x), -1)

    prepared = run(only_32, described=model((-1, 3, -1, -1), (-1, -1)), options=asked(cap=2))
    assert prepared.sizes
    assert seen[:3] == [(1, 3, 64, 64), (1, 3, 224, 224), (1, 3, 320, 320)]


def test_a_task_names_the_size_of_open_dimensions() -> None:
    seen: list[tuple[int, ...]] = []

    def note(x: Array) -> Array:
        seen.append(x.shape)
        return x.reshape(len(x), -1)

    run(note, described=model((-1, 3, -1, -1), (-1, -1)), options=asked(cap=1, sides=(48, 192)))
    assert set(seen) == {(1, 3, 48, 192)}


def test_a_model_that_never_runs_is_served_only_if_its_sizes_may_be_to_blame() -> None:
    prepared = run(fails(), described=model((-1, -1), (-1, -1)))
    assert (prepared.sizes, prepared.engine.onednn) == ({}, False)
    with pytest.raises(StartError) as refusal:
        run(fails(), fails())
    assert refusal.value.reason == "ModelDoesNotRun"
    assert "(InvalidArgument) no" in refusal.value.message


def test_a_model_that_does_not_load_is_one_sentence() -> None:
    def opens(_: Engine) -> Any:
        raise ValueError(
            "C++ Traceback:\n0 paddle::x\nError Message Summary:\nNotFoundError: [Hint: no op]\n"
        )

    with pytest.raises(StartError) as refusal:
        prepare(model(), opens, asked(cap=1), Clock())
    assert refusal.value.reason == "ModelDoesNotLoad"
    assert refusal.value.message == "Paddle cannot load the model: NotFoundError: [Hint: no op]."


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[0.25, 0.75], [1, 0]], True),
        ([[0.25, 0.25]], False),
        ([[2, -1]], False),
        ([[np.nan, 1]], False),
        ([0.5, 0.5], False),
    ],
)
def test_probabilities_are_recognised(scores: list[Any], expected: bool) -> None:
    assert sums_to_one(np.array(scores, np.float32)) is expected


def test_an_error_without_text_is_named() -> None:
    assert said(KeyError()) == "KeyError"
    assert said(None) == "None"


def asks(precision: Any, answer: Callable[[Array], Array], *, seconds: float = 0.005) -> Prepared:
    """Prepare a model whose FP32 answer is twice its input, in a lower precision."""
    clock = Clock()
    fakes = {
        "FP32": Fake(lambda x: x * 2, lambda _: 0.01, clock),
        precision: Fake(answer, lambda _: seconds, clock),
    }
    engine = Engine(precision=precision, onednn=True)
    return prepare(model(), lambda e: fakes[e.precision], asked(engine=engine), clock)


def test_a_lower_precision_is_kept_and_its_difference_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    prepared = asks("BF16", lambda x: x * 2 * 1.01)
    assert prepared.engine.precision == "BF16"
    assert prepared.difference == pytest.approx(0.01, rel=1e-3)
    assert "PADDLEMODEL_PRECISION BF16 was compared with FP32" in caplog.text


def test_a_lower_precision_that_is_slower_is_kept_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert asks("INT8", lambda x: x * 2, seconds=0.02).engine.precision == "INT8"
    assert "slower than FP32" in caplog.text


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda x: x * 2 * 1.2, "PrecisionDiffers"),
        (lambda x: x * np.nan, "PrecisionDiffers"),
        (lambda x: x[:, :2], "PrecisionDiffers"),
        (fails("(Unimplemented) bf16"), "PrecisionFails"),
    ],
    ids=["differs", "nan", "another-shape", "fails"],
)
def test_a_lower_precision_that_is_wrong_is_refused(answer: Callable[[Array], Array], reason: str) -> None:
    with pytest.raises(StartError, match="PADDLEMODEL_PRECISION BF16") as refusal:
        asks("BF16", answer)
    assert refusal.value.reason == reason


def test_a_slow_model_is_ready_within_its_time() -> None:
    """0.6 s a row: oneDNN is worth trying, the question whether rows may share a run is not."""
    clock = Clock()
    fakes = {
        False: Fake(lambda x: x * 2, lambda rows: 0.6 * rows, clock),
        True: Fake(lambda x: x * 2, lambda rows: 0.5 * rows, clock),
    }
    prepared = prepare(model(), lambda e: fakes[e.onednn], asked(seconds=2), clock)
    assert (prepared.engine.onednn, prepared.sizes) == (True, {})
    assert clock.now <= 0.6 + 2  # the bare model's own first run, and no more than the time for probing


def test_a_fast_model_is_measured_whatever_the_time() -> None:
    clock = Clock()
    fake = Fake(lambda x: x * 2, lambda _: 0.001, clock)
    assert list(prepare(model(), lambda _: fake, asked(seconds=0), clock).sizes) == [1, 2, 4, 8]


def test_a_busy_machine_does_not_change_what_is_found_out() -> None:
    """Runs seem to take two seconds each, but this process hardly works: others have the processors."""
    clock = Clock()
    fake = Fake(lambda x: x * 2, lambda _: 2.0, clock)
    prepared = prepare(model(), lambda _: fake, asked(seconds=2), clock, lambda: clock.now / 1000)
    assert len(prepared.sizes) > 1


def test_runs_that_find_no_memory_end_the_warm_up_not_the_server() -> None:
    def small(x: Array) -> Array:
        if len(x) > 2:
            raise MemoryError("(ResourceExhausted) Fail to alloc memory of 327680000 size, error code is 12.")
        return x * 2

    assert list(run(small).sizes) == [1, 2]


FULL = "(ResourceExhausted) Fail to alloc memory of 327680000 size, error code is 12."


def test_where_fp32_does_not_fit_the_lower_precision_is_not_compared(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    half = Fake(lambda x: x * 2, lambda _: 0.01, clock)

    def opens(engine: Engine) -> Fake:
        if engine.precision == "FP32":
            raise MemoryError(FULL)
        return half

    prepared = prepare(model(), opens, asked(engine=Engine(device="gpu", precision="FP16")), clock)
    assert (prepared.engine.precision, list(prepared.sizes)) == ("FP16", [1, 2, 4, 8])
    assert "FP32 does not fit into memory" in caplog.text


def test_a_model_that_does_not_fit_is_one_sentence_at_first_and_tried_again_later() -> None:
    """Once it has run, others must hold the memory: the process ends without giving up for ever."""

    def opens(_: Engine) -> Fake:
        raise MemoryError(FULL)

    with pytest.raises(StartError, match=r"does not fit into memory: .* Give the pod more") as refusal:
        prepare(model(), opens, asked(), Clock())
    assert refusal.value.reason == "OutOfMemory"
    with pytest.raises(MemoryError):
        prepare(model(), opens, asked(known=Known(onednn=False, sizes={1: 0.1})), Clock())


def test_a_sample_beside_the_model_decides_the_shapes() -> None:
    seen: list[tuple[int, ...]] = []

    def only_30(x: Array) -> Array:
        seen.append(x.shape)
        if x.shape[2:] != (30, 40):
            raise RuntimeError("(InvalidArgument) sizes")
        return x.reshape(len(x), -1)

    sample = [np.zeros((3, 3, 30, 40), np.float32)]
    described = model((-1, 3, -1, -1), (-1, -1))
    assert run(only_30, described=described, options=asked(cap=2, samples=(sample,))).sizes
    assert seen[0] == (1, 3, 30, 40)
    with pytest.raises(StartError, match="first sample beside it, of shapes"):
        run(fails(), described=described, options=asked(samples=(sample,)))


def test_tensorrt_sees_every_size_and_sample_before_its_engine_is_built(tmp_path: Any) -> None:
    opened: list[str] = []
    clock = Clock()
    fakes = {how: Fake(lambda x: x * 2, lambda _: 0.01, clock) for how in ("off", "collect", "on")}

    def opens(engine: Engine) -> Fake:
        opened.append(f"{engine.tensorrt} {engine.precision}")
        return fakes[engine.tensorrt]

    engine = Engine(device="gpu", precision="FP16", tensorrt="on", cache=tmp_path)
    sample = [np.zeros((5, 3), np.float32)]
    prepare(model(), opens, asked(engine=engine, samples=(sample,)), clock)
    assert opened == ["off FP32", "collect FP32", "on FP16"]
    assert fakes["collect"].rows == [1, 2, 4, 8, 5]
    opened.clear()
    prepare(model(), opens, asked(engine=engine, shapes_known=True), clock)
    assert opened == ["off FP32", "on FP16"]  # a cached range is not collected again


@pytest.mark.parametrize(
    ("exact", "found", "expected"),
    [
        ([1.0, -4.0], [1.0, -3.0], 0.25),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([np.inf, 1.0], [np.inf, 1.0], 0.0),
        ([np.inf, 1.0], [1.0, 1.0], np.inf),
        ([np.nan, 2.0], [np.nan, 1.0], 0.5),
    ],
)
def test_the_difference_is_a_part_of_the_largest_value(
    exact: list[float], found: list[float], expected: float
) -> None:
    assert difference([np.array(exact)], [np.array(found)]) == expected


def test_whole_numbers_differ_by_how_many_of_them() -> None:
    assert difference([np.array([1, 2, 3, 4])], [np.array([1, 2, 3, 5])]) == 0.25
    assert difference([np.array([1])], [np.array([1.0])]) == np.inf
