"""Precision, time, memory and samples at the start, with a predictor that fails as Paddle fails."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.engine.budget import FREE_SECONDS, Budget
from paddlemodel_server.engine.interface import Array, Engine
from paddlemodel_server.engine.warmup import Known, Prepared, prepare
from paddlemodel_server.errors import StartError

from tests.serving_image.support.models.fake_predictor import Clock, Fake, asked, fails, model, run


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


def test_a_model_that_loads_slowly_is_not_loaded_again() -> None:
    """Three seconds each: oneDNN, and keeping tensors, would cost as much again; the rest costs little."""
    clock = Clock()
    opened: list[Engine] = []

    def opens(engine: Engine) -> Fake:
        opened.append(engine)
        clock.now += 3
        return Fake(lambda x: x * 2, lambda _: 0.0001, clock)

    prepared = prepare(model(), opens, asked(seconds=2), clock)
    assert (opened, prepared.engine) == ([Engine()], Engine())
    assert clock.now <= 3 + 2


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


class Times:
    """Both clocks."""

    clock = worked = 0.0

    def pass_(self, clock: float, worked: float) -> None:
        self.clock += clock
        self.worked += worked


def begun(times: Times, seconds: float) -> Budget:
    """After a load and first run of 10 s, in which this process worked for a tenth of a second."""
    budget = Budget(lambda: times.clock, lambda: times.worked, seconds)
    times.pass_(10, 0.1)
    budget.begin()
    return budget


def test_what_has_just_begun_does_not_hide_that_the_machine_is_busy() -> None:
    """A moment without others once counted for all: 20 s by the clock were taken for 20 s of work."""
    times = Times()
    budget = begun(times, 1)
    times.pass_(1e-4, 1e-4)
    assert budget.allows(20)
    assert not budget.allows(200)


def test_a_load_counts_as_the_first_one_did() -> None:
    times = Times()
    budget = begun(times, 1)
    assert budget.allows(50, loads=4)
    assert not budget.allows(50, loads=6)


def test_comparisons_leave_a_part_of_the_time_to_others() -> None:
    times = Times()
    budget = begun(times, 1)
    times.pass_(50, 0.5)
    assert budget.allows(40)
    assert not budget.allows(40, part=0.6)
    assert budget.allows(FREE_SECONDS, part=0.1)  # it takes a hundredth of that: such work is always done
