"""The part of the tables of specs that is about the tasks for sounds; specs.py puts it beside the others."""

from typing import Any

from tests.operator.support.builders import spec
from tests.operator.support.source_specs import Refused


def _sound(**features: Any) -> dict[str, Any]:
    return spec(task={"audioClassification": {"features": features}})


def _speech(**fields: Any) -> dict[str, Any]:
    return spec(task={"speechRecognition": fields})


RULES = (
    Refused("two kinds of features", _sound(fbank={}, waveform={}), "features has exactly one member"),
    Refused("no features", _sound(), "features has exactly one member"),
    Refused("a window longer than its frame", _sound(logMel={"winLength": 1025}), "logMel.winLength is more"),
    Refused("filters upside down", _sound(fbank={"fMin": 300, "fMax": 200}), "fbank.fMin must be less than"),
    Refused(
        "filters above the default", _sound(logMel={"fMin": 15000}), "logMel.fMin must be less than fMax"
    ),
    Refused("more than half of the rate", _sound(fbank={"fMax": 8001}), "fbank.fMax must be half of"),
    Refused(
        "a vocabulary elsewhere", _speech(vocabularyFile="/x"), "vocabularyFile must be a plain relative"
    ),
    Refused("a file elsewhere", _sound(fbank={"cmvnFile": "../x"}), "cmvnFile must be a plain relative path"),
)

TYPES = (
    Refused(
        "half an hour and more",
        spec(task={"audioClassification": {"maxSeconds": 1801}}),
        "spec.task.audioClassification.maxSeconds",
    ),
    Refused("no rate", _sound(waveform={"sampleRate": 0}), "features.waveform.sampleRate"),
)

ACCEPTED: dict[str, dict[str, Any]] = {
    "a sound's class": spec(
        task={
            "audioClassification": {
                "features": {
                    "logMel": {"nFft": 512, "winLength": 400, "fMin": 0.5, "fMax": 16000, "topDb": 80}
                },
                "labels": ["a"],
                "maxSeconds": 1800,
                "longSounds": "Truncate",
                "padding": "Buckets",
            }
        }
    ),
    "Kaldi's features": _sound(fbank={"sampleRate": 8000, "fMax": 4000, "cmvnFile": "mean_std.json"}),
    "speech": _speech(vocabularyFile="dict/units.txt", blank="_", activation="Softmax", output="probs"),
    "samples": _sound(waveform={}),
}
