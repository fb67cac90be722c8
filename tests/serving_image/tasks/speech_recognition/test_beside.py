"""`task: auto` for speech: PaddleSpeech's configuration beside a recogniser."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks import origins, registry
from paddlemodel_server.tasks.audio.features import Fbank
from paddlemodel_server.tasks.auto.found import Beside
from paddlemodel_server.tasks.speech_recognition.task import SpeechRecognition

# As examples/aishell/asr0/conf of PaddleSpeech, deepspeech2.yaml and preprocess.yaml, with fewer filters.
MODEL_YAML = """
train_manifest: data/manifest.train
max_output_len: .inf
vocab_filepath: data/lang_char/vocab.txt 
spm_model_prefix: ''
unit_type: 'char'
preprocess_config: conf/preprocess.yaml
feat_dim: 161
num_rnn_layers: 5
rnn_direction: bidirect # [forward, bidirect]
fc_layers_size_list: -1,
blank_id: 0
checkpoint:
  kbest_n: 50
"""  # noqa: W291 - the space is theirs
STEPS: list[dict[str, Any]] = [
    {"type": "fbank_kaldi", "fs": 16000, "n_mels": 3, "n_shift": 160, "win_length": 400, "dither": 0.1},
    {"type": "cmvn_json", "cmvn_path": "data/mean_std.json"},
    {"type": "time_warp", "max_time_warp": 5, "inplace": True, "mode": "PIL"},
    {"type": "freq_mask", "F": 30, "n_mask": 2, "inplace": True, "replace_with_zero": False},
    {"type": "time_mask", "T": 40, "n_mask": 2, "inplace": True, "replace_with_zero": False},
]
SOUND = Tensor(name="audio_chunk", dtype="float32", shape=(-1, -1, 3))
LENGTH = Tensor(name="audio_chunk_lens", dtype="int64", shape=(-1,))
SCORES = Tensor(name="softmax_0.tmp_0", dtype="float32", shape=(-1, -1, 4))
LENGTHS = Tensor(name="cast_3.tmp_0", dtype="int64", shape=(-1,))
STATE = Tensor(name="chunk_state_h_box", dtype="float32", shape=(-1, -1, -1))
BIDIRECTIONAL = Model(format="Legacy", inputs=(SOUND, LENGTH), outputs=(SCORES, LENGTHS))
AUTO = '{"auto":{}}'


def written(folder: Path, config: str = MODEL_YAML, steps: Any = STEPS, *, flat: bool = False) -> Path:
    """The files of a release; `flat`: all directly beside the model."""
    for name, content in (
        ("model.yaml", config),
        ("conf/preprocess.yaml", yaml.dump({"process": steps})),
        ("data/lang_char/vocab.txt", "<blank>\na\n<space>\nb\n"),
        ("data/mean_std.json", json.dumps({"mean_stat": [2, 4, 6], "var_stat": [8, 16, 24], "frame_num": 2})),
    ):
        file = folder / (Path(name).name if flat else name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return folder


def settled(folder: Path, task: str = AUTO, model: Model = BIDIRECTIONAL) -> registry.Chosen:
    return registry.settled(registry.read(task), Beside(folder=folder, model=model))


@pytest.mark.parametrize("flat", [False, True])
def test_a_recogniser_configures_itself(tmp_path: Path, flat: bool) -> None:
    """With the names of inputs that PaddleSpeech's own export has."""
    chosen = settled(written(tmp_path, flat=flat))
    assert (chosen.name, chosen.source) == ("speechRecognition", "model.yaml")
    shown = {field: (value, place) for field, value, place in origins.settings(chosen)}
    vocabulary = "vocab.txt" if flat else "data/lang_char/vocab.txt"
    assert shown["vocabularyFile"] == (f'"{vocabulary}"', "model.yaml: vocab_filepath")
    assert shown["features"][1] == f"{'' if flat else 'conf/'}preprocess.yaml: process"
    task = registry.fit(chosen, Place(model=BIDIRECTIONAL, folder=tmp_path))
    assert isinstance(task, SpeechRecognition)
    assert isinstance(task.plan.made, Fbank)
    assert (task.plan.rate, task.plan.made.mels, task.plan.made.length, task.plan.made.shift) == (
        *(16000, 3),
        *(400, 160),
    )
    assert task.vocabulary.tokens == ("", "a", " ", "b")
    columns = task.warm_up.columns  # an export that leaves the number of its tokens open is compared later
    assert columns is not None
    assert (columns.output, columns.count, columns.names) == (0, 4, f"4 tokens in {vocabulary}")


def test_the_features_are_those_that_a_spec_names(tmp_path: Path) -> None:
    """Their file says the same as `features: {fbank: {nMels, cmvnFile}}` does."""
    features = {"fbank": {"nMels": 3, "cmvnFile": "data/mean_std.json"}}
    task = json.dumps(
        {"speechRecognition": {"features": features, "vocabularyFile": "data/lang_char/vocab.txt"}}
    )
    given = settled(written(tmp_path), task).spec.features
    assert settled(tmp_path).spec.features == given


def test_fields_of_the_spec_win(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("<blank>\nx\ny\nz\n")
    chosen = settled(written(tmp_path), '{"speechRecognition":{"vocabularyFile":"mine.txt"}}')
    assert (chosen.spec.vocabulary_file, chosen.spec.features.fbank.n_mels) == ("mine.txt", 3)


@pytest.mark.parametrize(
    "model",
    [
        Model(format="Legacy", inputs=(SOUND, LENGTH, STATE, STATE), outputs=(SCORES, LENGTHS, STATE, STATE)),
        Model(format="Legacy", inputs=(SOUND, LENGTH), outputs=(LENGTHS,)),
    ],
)
def test_a_streaming_export_takes_tensors_and_a_note_says_so(tmp_path: Path, model: Model) -> None:
    chosen = settled(written(tmp_path), model=model)
    assert chosen.name == "tensors"
    assert chosen.note.startswith("model.yaml beside the model is for a task that this server has not")


@pytest.mark.parametrize(
    ("config", "steps", "said"),
    [
        ({"unit_type": "word"}, STEPS, "model.yaml: unit_type is 'word', which"),
        (
            {"blank_id": 3},
            STEPS,
            "model.yaml: blank_id is 3 and not 0, the number of <blank> in data/lang_char",
        ),
        ({"vocab_filepath": "v.txt"}, STEPS, "model.yaml: vocab_filepath names 'v.txt', which does not lie"),
        ({"vocab_filepath": "v" * 300}, STEPS, "model.yaml: vocab_filepath names 'vvv"),
        (
            {"preprocess_config": "../../etc/x"},
            STEPS,
            "model.yaml: preprocess_config names '../../etc/x', wh",
        ),
        (
            {},
            [{"type": "fbank", "n_mels": 80}],
            "conf/preprocess.yaml: process.0 names the operation 'fbank'",
        ),
        ({}, [STEPS[0] | {"n_mels": 0}], "conf/preprocess.yaml: process.0.fbank_kaldi.n_mels is 0"),
        ({}, [STEPS[0] | {"eps": 1}], "conf/preprocess.yaml: process.0.fbank_kaldi.eps is no parameter"),
        ({}, [STEPS[1]], "conf/preprocess.yaml: process has the operations cmvn_json"),
        ({}, [], "conf/preprocess.yaml: process has the operations of no feature"),
        ({}, "fbank", "conf/preprocess.yaml: process is no list"),
    ],
)
def test_what_is_not_understood_is_named(
    tmp_path: Path, config: dict[str, Any], steps: Any, said: str
) -> None:
    with pytest.raises(StartError) as refusal:
        settled(written(tmp_path, yaml.dump(yaml.safe_load(MODEL_YAML) | config), steps))
    assert refusal.value.reason == "ConfigurationNotUnderstood"
    assert refusal.value.message.startswith(said)
    assert "spec.task" in refusal.value.message


def test_a_named_task_puts_aside_what_it_does_not_understand(tmp_path: Path) -> None:
    chosen = settled(written(tmp_path, steps=[]), '{"speechRecognition":{}}')
    assert chosen.note.startswith("The spec and defaults alone hold: conf/preprocess.yaml: process has")
    assert chosen.spec.vocabulary_file == "vocab.txt"
