"""What PaddleSpeech's configuration of a classifier (conf.yaml) says becomes the task's fields; pure.

By examples/esc50/cls0/conf and paddlespeech/cls/exps/panns of PaddleSpeech 969f339: log-mel features in the
table `feature`, with the names of paddle.audio. What is for training alone stands in other tables.
"""

from typing import Any

from paddlemodel_server.tasks.auto.branch import Branch
from paddlemodel_server.tasks.auto.found import Beside, Found

TASK = "audioClassification"
_LABELS = ("labels.txt", "label.txt", "label_list.txt", "audioset_labels.txt", "esc50_labels.txt")
_WINDOWS = {"hann": "Hann", "hamming": "Hamming"}
_PADDING = {"reflect": "Reflect", "constant": "Constant"}
_WHOLE = {
    "sr": "sample_rate",
    "n_fft": "n_fft",
    "hop_length": "hop_length",
    "win_length": "win_length",
    "n_mels": "n_mels",
}
_HERTZ = ("f_min", "f_max")
_DEFAULTS: dict[str, Any] = {
    "sample_rate": 32000,
    "n_fft": 1024,
    "hop_length": 320,
    "win_length": None,
    "window": "Hann",
    "f_min": 50.0,
    "f_max": None,
    "n_mels": None,
    "pad_mode": "Reflect",
    "top_db": None,
}


def recognise(beside: Beside) -> Found | None:
    """A classifier of sounds, by its features and by the model's signature; None where it is none.

    Raises:
        StartError: `ConfigurationNotUnderstood`; it is one, with something that cannot be served.
    """
    config, model = beside.config, beside.model
    if config is None or "feature" not in config:
        return None
    if len(model.inputs) != 1 or len(model.inputs[0].shape) not in {3, 4} or len(model.outputs[0].shape) != 2:
        return None
    feature = config.get("feature").only(*_WHOLE, *_HERTZ, "window", "pad_mode", "top_db")
    fields: dict[str, Any] = {
        "features": {"log_mel": _log_mel(feature), "fbank": None, "waveform": None},
    }
    origins = {"features": feature.place}
    if labels := next(filter(beside.has, _LABELS), None):
        fields["labels_file"] = labels
        origins["labels_file"] = labels
    return Found(task=TASK, source=config.file, fields=fields, origins=origins)


def _log_mel(feature: Branch) -> dict[str, Any]:
    made = dict(_DEFAULTS)
    for name, ours in _WHOLE.items():
        if (given := feature.get(name)).value is not None:
            if given.number() != round(given.number()) or not 1 <= given.number() <= 192_000:
                raise given.unknown(f"is {given.value!r}")
            made[ours] = round(given.number())
    for name in (*_HERTZ, "top_db"):
        if (given := feature.get(name)).value is not None:
            made[name] = given.number()
    for name, known in (("window", _WINDOWS), ("pad_mode", _PADDING)):
        if (given := feature.get(name)).value is not None:
            if given.text() not in known:
                raise given.unknown(f"is {given.value!r}")
            made[name] = known[given.text()]
    _check(feature, made)
    return made


def _check(feature: Branch, made: dict[str, Any]) -> None:
    """What the rules of the spec say of these fields."""
    half = made["sample_rate"] / 2
    if (made["win_length"] or 0) > made["n_fft"]:
        raise feature.get("win_length").unknown("is more than n_fft")
    if not 0 <= made["f_min"] < (made["f_max"] or half) <= half:
        raise feature.get("f_max").unknown("lies not between f_min and half of sr")
