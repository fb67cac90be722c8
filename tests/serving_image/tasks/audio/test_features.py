"""Features equal the references': Kaldi's by kaldi-native-fbank, log-mel by numbers that librosa computed."""

from pathlib import Path
from typing import Any

import kaldi_native_fbank  # type: ignore[import-untyped]
import numpy as np
import pytest
from paddlemodel_api.tasks.sound.sound_input import Fbank as FbankFields
from paddlemodel_api.tasks.sound.sound_input import LogMel as LogMelFields
from paddlemodel_server.tasks.audio.features import Fbank, LogMel

from tests.environment import Environment
from tests.serving_image.tasks.audio import librosa_reference

Samples = np.ndarray[Any, np.dtype[np.float32]]
COMPUTED = Path(__file__).with_name("librosa_log_mel.txt")


def sound(seconds: float = 1.5, rate: int = 16000) -> Samples:
    """A rising tone that fades, noise, and a part that is silent."""
    count = round(seconds * rate)
    time = np.arange(count) / rate
    random = np.random.default_rng(4)
    found = 0.2 * np.exp(-time) * np.sin(2 * np.pi * (200 + 1500 * time) * time)
    found += 0.05 * random.standard_normal(count)
    found[count // 3 : count // 2] = 0
    return found.astype(np.float32)


def of_kaldi(samples: Samples, fields: FbankFields, mels: int) -> Any:
    options = kaldi_native_fbank.FbankOptions()
    frames, filters = options.frame_opts, options.mel_opts
    frames.dither, frames.snip_edges, frames.samp_freq = 0, True, fields.sample_rate
    frames.frame_length_ms = 1000 * fields.win_length / fields.sample_rate
    frames.frame_shift_ms = 1000 * fields.n_shift / fields.sample_rate
    frames.window_type = {"Povey": "povey", "Hann": "hanning", "Hamming": "hamming"}[fields.window]
    frames.preemph_coeff = fields.preemphasis
    filters.num_bins, filters.low_freq, filters.high_freq = mels, fields.f_min, fields.f_max or 0
    options.energy_floor = 0
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(fields.sample_rate, (samples * 32768).tolist())
    fbank.input_finished()
    return np.stack([fbank.get_frame(at) for at in range(fbank.num_frames_ready)])


@pytest.mark.parametrize(
    ("fields", "mels"),
    [
        ({}, 80),
        ({"window": "Hamming", "f_max": 7600.0}, 40),
        ({"window": "Hann", "preemphasis": 0.0, "f_min": 0.0}, 23),
        ({"sample_rate": 8000, "win_length": 200, "n_shift": 80, "f_max": 3700.0}, 40),
    ],
)
def test_fbank_is_kaldi_s(fields: dict[str, Any], mels: int) -> None:
    """To 2e-4, which is what Kaldi's own float32 leaves open; digital silence included."""
    spec = FbankFields(**fields)
    samples = sound(rate=spec.sample_rate)
    ours, theirs = Fbank(spec, mels), of_kaldi(samples, spec, mels)
    found = ours.compute(samples)
    assert found.shape == theirs.shape == (ours.frames(len(samples)), mels)
    assert np.abs(found - theirs).max() < 2e-4


@pytest.mark.parametrize("number", range(len(librosa_reference.CASES)))
def test_log_mel_is_librosa_s(number: int) -> None:
    case = librosa_reference.CASES[number]
    fields = LogMelFields.model_validate(case)
    samples = librosa_reference.sound(fields.sample_rate)
    ours = LogMel(fields, case["nMels"])
    theirs = librosa_reference.read(COMPUTED)[number]
    found = ours.compute(samples)
    assert found.shape == theirs.shape == (ours.frames(len(samples)), case["nMels"])
    assert np.abs(found - theirs).max() < 1e-4


@pytest.mark.slow
def test_librosa_still_computes_these_numbers(tmp_path: Path) -> None:
    """In an environment of its own: it brings a compiler of 140 MB."""
    import subprocess  # noqa: PLC0415

    python = Environment("oracles", 90).python()
    subprocess.run([python, librosa_reference.__file__, tmp_path / "anew.txt"], check=True)
    again = zip(librosa_reference.read(COMPUTED), librosa_reference.read(tmp_path / "anew.txt"), strict=True)
    for kept, computed in again:
        assert np.abs(kept - computed).max() < 2e-5


@pytest.mark.parametrize("made", [Fbank(FbankFields(), 80), LogMel(LogMelFields(), 64)])
def test_frames_and_samples_agree(made: Fbank | LogMel) -> None:
    for frames in (1, 2, 10, 513):
        samples = made.samples(frames)
        assert made.frames(samples) == frames or samples == made.fewest
        assert len(made.compute(sound(samples / made.rate, made.rate)[:samples])) == made.frames(samples)


def test_mean_and_variance_are_applied() -> None:
    mean, factor = np.arange(80.0), np.full(80, 0.5)
    plain = Fbank(FbankFields(), 80).compute(sound())
    found = Fbank(FbankFields(), 80, (mean, factor)).compute(sound())
    np.testing.assert_allclose(found, (plain - mean) / 2, atol=1e-5)
