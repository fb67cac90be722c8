"""Which models fit which features, how long a sound becomes, and what is said of what does not fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.errors import BadRequestError, StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.audio.fit import plan
from paddlemodel_server.tasks.audio.plan import DECODING, SoundPlan

FBANK: dict[str, Any] = {"fbank": {}}
LENGTH = Tensor(name="audio_len", dtype="int64", shape=(-1,))


def planned(
    *inputs: Tensor, folder: Path = Path(), body_bytes: int | None = None, **fields: Any
) -> SoundPlan:
    spec = registry.read(json.dumps({"audioClassification": fields})).spec
    outputs = (Tensor(name="y", dtype="float32", shape=(-1, 3)),)
    model = Model(format="PIR", inputs=inputs, outputs=outputs)
    return plan("audioClassification", spec, model, folder, body_bytes)


def sound(*shape: int, name: str = "x") -> Tensor:
    return Tensor(name=name, dtype="float32", shape=shape)


def tone(seconds: float, rate: int = 16000) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.sin(np.arange(round(seconds * rate)) / 20).astype(np.float32)


@pytest.mark.parametrize(
    ("features", "shape", "expected"),
    [
        ({"logMel": {"sampleRate": 16000}}, (-1, 1, -1, 64), (1, 1, 51, 64)),
        ({"logMel": {"sampleRate": 16000}}, (-1, -1, -1), (1, 51, 64)),
        ({"logMel": {"sampleRate": 16000, "nMels": 40}}, (-1, 40, -1), (1, 40, 51)),
        ({"logMel": {"sampleRate": 16000}}, (-1, -1, 32, -1), (1, 1, 32, 51)),
        (FBANK, (-1, -1, 161), (1, 98, 161)),
        (FBANK, (-1, -1, -1), (1, 98, 80)),
        (FBANK, (1, 1, 98, 80), (1, 1, 98, 80)),
        (FBANK, (-1, 120, 80), (1, 120, 80)),
        (FBANK, (-1, 80, 120), (1, 80, 120)),
        ({"waveform": {}}, (-1, -1), (1, 16000)),
        ({"waveform": {}}, (-1, 1, -1), (1, 1, 16000)),
        ({"waveform": {}}, (-1, 24000), (1, 24000)),
    ],
)
def test_a_second_in_the_model_s_shape(features: Any, shape: tuple[int, ...], expected: Any) -> None:
    made = planned(sound(*shape), features=features)
    (array,) = made.arrays(tone(1, made.rate))
    assert (array.dtype.name, array.shape, array.flags.c_contiguous) == ("float32", expected, True)
    assert made.warm_up().shapes == {"x": list(expected)}


@pytest.mark.parametrize(
    ("shape", "features", "seconds"),
    [((-1, -1), {"waveform": {}}, 1), ((-1, 48000), {"waveform": {}}, 3), ((-1, 298, 80), FBANK, 3)],
)
def test_what_an_http_worker_decodes_is_as_long_as_what_is_run(
    shape: tuple[int, ...], features: Any, seconds: float
) -> None:
    """So that processes are shared out as the work is."""
    found = planned(sound(*shape), features=features).warm_up().http_seconds
    assert found == pytest.approx(seconds * DECODING, rel=0.01)


def test_time_and_filters_are_not_mixed_up() -> None:
    """The model wants filters first; the numbers are those of the other order, transposed."""
    fields: dict[str, Any] = {"features": {"logMel": {"sampleRate": 16000, "nMels": 40}}}
    (first,) = planned(sound(-1, 40, -1), **fields).arrays(tone(1))
    (last,) = planned(sound(-1, -1, 40), **fields).arrays(tone(1))
    np.testing.assert_array_equal(first[0].T, last[0])


def test_without_padding_a_sound_is_as_long_as_it_is() -> None:
    made = planned(sound(-1, -1, 80), features=FBANK)
    assert [made.arrays(tone(seconds))[0].shape[1] for seconds in (0.5, 0.51, 2)] == [48, 49, 198]


def test_buckets_are_chosen_by_the_sound_alone() -> None:
    """Powers of two and the middles between them, up to the longest one."""
    made = planned(sound(-1, -1), features={"waveform": {}}, padding="Buckets", maxSeconds=5)
    lengths = [made.arrays(tone(seconds))[0].shape[1] / 16000 for seconds in (0.1, 0.5, 0.51, 1.2, 3, 4.5)]
    assert lengths == [0.5, 0.5, 0.75, 1.5, 3, 5]
    (filled,) = made.arrays(tone(0.6))
    np.testing.assert_array_equal(filled[0, :9600], tone(0.6))
    assert not filled[0, 9600:].any()


def test_silence_is_added_before_features_are_computed() -> None:
    made = planned(sound(-1, -1, 80), features=FBANK, padding="Buckets")
    (filled,) = made.arrays(tone(0.6))
    silent = np.log(np.finfo(np.float32).eps)
    assert filled.shape[1] == made.made.frames(12000)  # type: ignore[union-attr]
    np.testing.assert_allclose(filled[0, 62:], silent, atol=1e-5)


def test_a_model_that_knows_lengths_gets_zeros_and_the_truth() -> None:
    made = planned(sound(-1, -1, 80), LENGTH, features=FBANK)
    array, length = made.arrays(tone(0.6))
    plain = planned(sound(-1, -1, 80), features=FBANK).arrays(tone(0.6))[0]
    assert (length.dtype.name, length.tolist()) == ("int64", [plain.shape[1]])
    np.testing.assert_array_equal(array[:, : plain.shape[1]], plain)
    assert array.shape[1] > plain.shape[1]
    assert not array[:, plain.shape[1] :].any()
    assert made.warm_up().shapes == {"x": list(made.arrays(tone(1))[0].shape), "audio_len": [1]}
    reversed_order = planned(LENGTH, sound(-1, -1, 80), features=FBANK).arrays(tone(0.6))
    assert [found.ndim for found in reversed_order] == [1, 3]


def test_the_longest_sound_is_the_model_s_or_what_memory_allows() -> None:
    assert planned(sound(-1, -1), features={"waveform": {}}).most == 60 * 16000
    assert planned(sound(-1, 8000), features={"waveform": {}}).most == 8000
    assert planned(sound(-1, 100, 80), features=FBANK).most == 400 + 99 * 160 + 160
    assert planned(sound(-1, -1), features={"waveform": {}}, body_bytes=12 * 32000).most == 32000


def test_too_short_a_sound_is_refused() -> None:
    with pytest.raises(BadRequestError, match=r"is 0\.010 seconds long; at least 0\.025 are needed"):
        planned(sound(-1, -1, 80), features=FBANK).arrays(tone(0.01))
    assert planned(sound(-1, 98, 80), features=FBANK).arrays(tone(0.01))[0].shape == (1, 98, 80)


@pytest.mark.parametrize(
    ("inputs", "features", "said"),
    [
        (
            (sound(-1, 3, 224, 224),),
            {"logMel": {}},
            "takes an input such as FP32 [-1, -1, 64] or [-1, 1, -1, 64]",
        ),
        ((sound(-1, -1),), {"logMel": {}}, "with the features logMel, the model has x FP32 [-1, -1]"),
        ((sound(-1, 2, -1),), {"waveform": {}}, "takes an input such as FP32 [-1, -1] or [-1, 1, -1]"),
        (
            (Tensor(name="x", dtype="int16", shape=(-1, -1)),),
            {"waveform": {}},
            "with the features waveform, the model has x INT16",
        ),
        (
            (sound(-1, 100, 64),),
            {"logMel": {"nMels": 40}},
            "has 40 mel filters, the model x FP32 [-1, 100, 64]",
        ),
        ((sound(4, -1, 64),), {"logMel": {}}, "sends one sound at a time, the model takes and gives 4"),
        (
            (sound(-1, -1, 64), sound(-1, name="y")),
            {"logMel": {}},
            "takes one input for the sound, and perhaps",
        ),
        (
            (sound(-1, -1, 64), Tensor(name="lengths", dtype="int64", shape=(-1, 1))),
            {"logMel": {}},
            "takes one input for the",
        ),
        ((LENGTH,), {"logMel": {}}, "takes an input such as"),
    ],
)
def test_what_does_not_fit_is_refused(inputs: tuple[Tensor, ...], features: Any, said: str) -> None:
    with pytest.raises(StartError) as refusal:
        planned(*inputs, features=features)
    assert refusal.value.reason == "TaskDoesNotFit"
    assert said in refusal.value.message
    assert refusal.value.message.endswith("or use the task tensors.")


def statistics(folder: Path, content: Any) -> Path:
    (folder / "mean_std.json").write_text(json.dumps(content))
    return folder


CMVN = {"fbank": {"cmvnFile": "mean_std.json"}}


def test_mean_and_variance_come_from_the_file(tmp_path: Path) -> None:
    """Sums over all frames, as PaddleSpeech writes them; a filter without variance divides by no zero."""
    content = {"mean_stat": [20.0, 40.0], "var_stat": [80.0, 160.0], "frame_num": 10}
    model = sound(-1, -1, 2)
    (plain,) = planned(model, features=FBANK).arrays(tone(1))
    (found,) = planned(model, features=CMVN, folder=statistics(tmp_path, content)).arrays(tone(1))
    np.testing.assert_allclose(found[..., 0], (plain[..., 0] - 2) / 2, atol=1e-4)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("content", "reason", "said"),
    [
        (None, "FeaturesUnreadable", "mean_std.json holds no mean and variance (FileNotFoundError)"),
        ([], "FeaturesUnreadable", "(TypeError); it is JSON with mean_stat, var_stat and frame_num"),
        ({"mean_stat": [1], "var_stat": [1], "frame_num": 0}, "FeaturesUnreadable", "(ZeroDivisionError)"),
        ({"mean_stat": [1], "var_stat": [1], "frame_num": 1}, "TaskDoesNotFit", "numbers of the shape [1]"),
    ],
)
def test_a_file_of_other_numbers_is_refused(tmp_path: Path, content: Any, reason: str, said: str) -> None:
    if content is not None:
        statistics(tmp_path, content)
    with pytest.raises(StartError) as refusal:
        planned(sound(-1, -1, 80), features=CMVN, folder=tmp_path)
    assert refusal.value.reason == reason
    assert said in refusal.value.message
