"""What PaddleSpeech's configuration of a recogniser (model.yaml) says becomes the task's fields; pure.

By examples/aishell/asr0/conf of PaddleSpeech 969f339: `preprocess_config` names a second file, with Kaldi's
fbank and the mean of each filter; `vocab_filepath` the tokens. What is for training alone is passed over.
"""

import re
from pathlib import PurePosixPath
from typing import Any

from paddlemodel_server.errors import StartError
from paddlemodel_server.tasks.audio.fit import is_length
from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.outputs import FLOATS
from paddlemodel_server.tasks.speech_recognition import ctc

TASK = "speechRecognition"
_PLAIN = re.compile(r"(?!.{256})[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_UNITS = ("char", "spm")  # words would want spaces between them
_FOR_TRAINING = ("time_warp", "freq_mask", "time_mask", "spec_augment", "speed_perturbation")
_WHOLE = {
    "fs": ("sample_rate", 1000, 192_000),
    "n_mels": ("n_mels", 1, 1024),
    "n_shift": ("n_shift", 1, 65536),
    "win_length": ("win_length", 16, 65536),
}
_DEFAULTS: dict[str, Any] = {  # those of LogMelSpectrogramKaldi, and of Kaldi's fbank
    "sample_rate": 16000,
    "n_mels": 80,
    "n_shift": 160,
    "win_length": 400,
    "window": "Povey",
    "preemphasis": 0.97,
    "f_min": 20.0,
    "f_max": None,
    "cmvn_file": None,
}


def recognise(beside: Beside) -> Found | None:
    """A recogniser, by its configuration and by the model's signature; None where it is none.

    Raises:
        StartError: `ConfigurationNotUnderstood`, `ConfigurationUnreadable`, or `VocabularyMissing`; it is
            one, with something that cannot be served.
    """
    config = beside.config
    if config is None or "preprocess_config" not in config or "vocab_filepath" not in config:
        return None
    if not _hears(beside):
        return None
    if (unit := config.get("unit_type")).value is not None and unit.text() not in _UNITS:
        raise unit.unknown(f"is {unit.value!r}")
    vocabulary = _file(beside, config.get("vocab_filepath"))
    _check_blank(beside, config.get("blank_id"), vocabulary)
    steps = beside.table(_file(beside, config.get("preprocess_config")))
    fields = {
        "features": {"log_mel": None, "fbank": _fbank(beside, steps.get("process")), "waveform": None},
        "vocabulary_file": vocabulary,
    }
    origins = {"features": steps.get("process").place, "vocabulary_file": config.get("vocab_filepath").place}
    return Found(task=TASK, source=config.file, fields=fields, origins=origins)


def _hears(beside: Beside) -> bool:
    """Frames in, perhaps their number, scores of each step out; a streaming export has states as well."""
    model = beside.model
    sounds = [one for one in model.inputs if not is_length(one)]
    scores = [one for one in model.outputs if one.dtype in FLOATS and len(one.shape) == 3]
    return len(model.inputs) <= 2 and len(sounds) == 1 and len(sounds[0].shape) == 3 and len(scores) == 1


def _file(beside: Beside, named: Branch) -> str:
    """A file that the configuration names: where it says, or directly beside the model."""
    text = named.text()
    for name in (text, PurePosixPath(text).name):
        if _PLAIN.fullmatch(name) and beside.has(name):
            return name
    raise StartError(
        "ConfigurationNotUnderstood",
        f"{named.place} names {text[:80]!r}, which does not lie beside the model; add it there, or name the "
        f"task {TASK} with its fields in spec.task, and {named.file} is not needed.",
    )


def _check_blank(beside: Beside, given: Branch, vocabulary: str) -> None:
    if given.value is None:
        return
    found = ctc.vocabulary(TASK, vocabulary, ctc.BLANK, beside.folder).blank
    if given.number() != found:
        raise given.unknown(f"is {given.value!r} and not {found}, the number of {ctc.BLANK} in {vocabulary},")


def _fbank(beside: Beside, process: Branch) -> dict[str, Any]:
    made = dict(_DEFAULTS)
    names = []
    for step in process.items():
        name, parameters = step.typed()
        if name in _FOR_TRAINING:
            continue
        names.append(name)
        if name == "fbank_kaldi":
            made |= _numbers(parameters.only(*_WHOLE, "dither"))
        elif name == "cmvn_json":
            made["cmvn_file"] = _file(beside, parameters.only("cmvn_path").get("cmvn_path"))
        else:
            raise step.unknown(f"names the operation {name!r}")
    if names not in (["fbank_kaldi"], ["fbank_kaldi", "cmvn_json"]):
        raise process.unknown(f"has the operations {', '.join(names) or 'of no feature'}")
    return made


def _numbers(parameters: Branch) -> dict[str, int]:
    found = {}
    for name, (ours, least, most) in _WHOLE.items():
        if (given := parameters.get(name)).value is not None:
            if given.number() != round(given.number()) or not least <= given.number() <= most:
                raise given.unknown(f"is {given.value!r}")
            found[ours] = round(given.number())
    return found
