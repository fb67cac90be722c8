"""`task: auto` for sounds: PaddleSpeech's configuration beside a classifier."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks import origins, registry
from paddlemodel_server.tasks.audio.features import LogMel
from paddlemodel_server.tasks.audio_classification.task import AudioClassification
from paddlemodel_server.tasks.auto.found import Beside

# As examples/esc50/cls0/conf/panns.yaml.
PANNS: dict[str, Any] = {
    "data": {"dataset": "paddleaudio.datasets:ESC50", "num_classes": 3},
    "model": {"backbone": "paddlespeech.cls.models:cnn14"},
    "feature": {
        "sr": 32000,
        "n_fft": 1024,
        "hop_length": 320,
        "window": "hann",
        "win_length": 1024,
        "f_min": 50.0,
        "f_max": 14000.0,
        "n_mels": 64,
    },
    "training": {"epochs": 50},
}
SOUND = Tensor(name="x", dtype="float32", shape=(-1, -1, 64))
SCORES = Tensor(name="y", dtype="float32", shape=(-1, 3))


def model(shape: tuple[int, ...] = (-1, -1, 64)) -> Model:
    return Model(format="PIR", inputs=(Tensor(name="x", dtype="float32", shape=shape),), outputs=(SCORES,))


def settled(
    folder: Path, task: str = '{"auto":{}}', shape: tuple[int, ...] = (-1, -1, 64)
) -> registry.Chosen:
    return registry.settled(registry.read(task), Beside(folder=folder, model=model(shape)))


def written(folder: Path, name: str = "conf.yaml", **feature: Any) -> Path:
    tree = PANNS | {"feature": PANNS["feature"] | feature}
    (folder / name).write_text(yaml.dump(tree))
    return folder


@pytest.mark.parametrize("name", ["conf.yaml", "model.yaml", "panns.yaml"])
def test_a_classifier_of_sounds_configures_itself(tmp_path: Path, name: str) -> None:
    (tmp_path / "label_list.txt").write_text("dog\nrain\nsea\n")
    chosen = settled(written(tmp_path, name, sr=16000, f_max=7600, window="hamming"))
    assert (chosen.name, chosen.source) == ("audioClassification", name)
    shown = {field: (value, place) for field, value, place in origins.settings(chosen)}
    assert shown["features"][0].startswith('{"logMel": {"sampleRate": 16000, "nFft": 1024, ')
    assert shown["features"][1] == f"{name}: feature"
    assert shown["labelsFile"] == ('"label_list.txt"', "label_list.txt")
    task = registry.fit(chosen, Place(model=model(), folder=tmp_path))
    assert isinstance(task, AudioClassification)
    assert isinstance(task.plan.made, LogMel)
    assert (task.plan.rate, task.labels) == (16000, ("dog", "rain", "sea"))


def test_fields_of_the_spec_win(tmp_path: Path) -> None:
    named = '{"audioClassification":{"features":{"waveform":{}},"topK":2}}'
    chosen = settled(written(tmp_path), named)
    assert (chosen.spec.features.log_mel, chosen.spec.top_k, chosen.source) == (None, 2, "")
    assert settled(tmp_path, '{"audioClassification":{"topK":2}}').spec.features.log_mel.sample_rate == 32000


def test_what_takes_no_sound_is_no_classifier_of_sounds(tmp_path: Path) -> None:
    assert settled(written(tmp_path), shape=(-1, 64)).name == "tensors"


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        ({"n_mfcc": 40}, "conf.yaml: feature.n_mfcc is no parameter that can be served"),
        ({"window": "kaiser"}, "conf.yaml: feature.window is 'kaiser'"),
        ({"n_fft": 0.5}, "conf.yaml: feature.n_fft is 0.5"),
        ({"f_max": 20000}, "conf.yaml: feature.f_max lies not between f_min and half of sr"),
        ({"win_length": 2048}, "conf.yaml: feature.win_length is more than n_fft"),
        ({"top_db": "loud"}, "conf.yaml: feature.top_db is 'loud' and no number"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, feature: dict[str, Any], said: str) -> None:
    with pytest.raises(StartError) as refusal:
        settled(written(tmp_path, **feature))
    assert refusal.value.reason == "ConfigurationNotUnderstood"
    assert refusal.value.message.startswith(said)
