"""Whether the model's inputs are those of a sound with the features of the spec; pure."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.audio import features
from paddlemodel_server.tasks.audio.plan import SoundPlan
from paddlemodel_server.tasks.outputs import WHOLE, check_rows, described, misfit

if TYPE_CHECKING:  # what comes in has its fields, but is none: the HTTP workers do without pydantic
    from paddlemodel_api.tasks.sound.sound_input import Fbank, LogMel
    from paddlemodel_api.tasks.sound.sound_input import SoundInput as Spec

_LENGTH = re.compile(r"(?:.*_|[a-z]?)(?:len|lens|length|lengths)")
"""Names of the input for the length, such as audio_len or xlens; audio_chunk_lens of DeepSpeech2's export."""
_SHORTEST = 0.5  # seconds; lengths are powers of two and the middles between them
_BYTES_PER_SAMPLE = 12  # while a sound is decoded, at the model's rate


def plan(task: str, spec: "Spec", model: Model, folder: Path, body_bytes: int | None) -> SoundPlan:
    """Fit the task to the model's inputs.

    Args:
        task: the member of spec.task.
        spec: its validated fields.
        model: the signature.
        folder: of the model's files.
        body_bytes: what a decoded sound may take; None: as much as any.

    Raises:
        StartError: `TaskDoesNotFit`, or `FeaturesUnreadable`.
    """
    sound, length = _inputs(task, model)
    tensor = model.inputs[sound]
    made, time = _features(task, spec, tensor, folder)
    waveform = spec.features.waveform
    rate = made.rate if made is not None else waveform.sample_rate if waveform is not None else 0
    fixed = tensor.shape[time] if tensor.shape[time] != -1 else None
    most = spec.max_seconds * rate
    if body_bytes is not None:
        most = max(rate, min(most, body_bytes // _BYTES_PER_SAMPLE))
    if fixed is not None:
        # One frame more than the model takes is none that is missed.
        most = min(most, fixed if made is None else made.samples(fixed) + made.shift)
    return SoundPlan(
        task=task,
        made=made,
        rate=rate,
        most=most,
        fixed=fixed,
        buckets=_buckets(rate, most, made) if _fills(spec, length) and fixed is None else (),
        shape=tensor.shape,
        time=time,
        inputs=tuple(one.name for one in model.inputs),
        sound=sound,
        length_dtype=length.numpy if length else None,
    )


def _fills(spec: "Spec", length: Tensor | None) -> bool:
    return spec.padding == "Buckets" or (spec.padding == "Auto" and length is not None)


def _buckets(rate: int, most: int, made: features.Features | None) -> tuple[int, ...]:
    found, seconds = [], _SHORTEST
    while seconds * rate < most:
        found += [round(seconds * rate), round(seconds * rate * 1.5)]
        seconds *= 2
    samples = [*(n for n in found if n < most), most]
    return tuple(samples if made is None else [made.frames(n) for n in samples])


def is_length(tensor: Tensor) -> bool:
    """Whether an input takes the length of a sound: whole numbers [rows], by such a name."""
    return tensor.dtype in WHOLE and len(tensor.shape) == 1 and _LENGTH.fullmatch(tensor.name) is not None


def _inputs(task: str, model: Model) -> tuple[int, Tensor | None]:
    """The number of the input for the sound, and the input for its length."""
    lengths = [one for one in model.inputs if is_length(one) and len(model.inputs) == 2]
    sounds = [at for at, one in enumerate(model.inputs) if one not in lengths]
    if len(sounds) != 1:
        names = ", ".join(map(described, model.inputs))
        raise misfit(
            task,
            f"takes one input for the sound, and perhaps one for its length, the model has {names}",
            "export the model so, with INT64 [-1] for the length, under a name that ends in len, lens, "
            "length or lengths, such as audio_len",
        )
    tensor = model.inputs[sounds[0]]
    for one in (tensor, *lengths):
        check_rows(task, one, "sound")
    return sounds[0], lengths[0] if lengths else None


def _features(task: str, spec: "Spec", tensor: Tensor, folder: Path) -> tuple[features.Features | None, int]:
    """What is computed of the samples, and the input's axis of time."""
    dimensions, chosen = len(tensor.shape), spec.features
    wave = chosen.waveform is not None
    if (
        tensor.dtype != "float32"
        or dimensions not in ({2, 3} if wave else {3, 4})
        or _wide(tensor, wave=wave)
    ):
        wanted = "[-1, -1] or [-1, 1, -1]" if wave else "[-1, -1, 64] or [-1, 1, -1, 64]"
        raise misfit(
            task,
            f"takes an input such as FP32 {wanted} with the features {_name(chosen)}, the model has "
            f"{described(tensor)}",
            f"choose others in spec.task.{task}.features, or export the model so",
        )
    if wave:
        return None, dimensions - 1
    mels = _mels(task, spec, tensor)
    first = tensor.shape[-2] == mels != tensor.shape[-1]  # the filters stand before time
    time = dimensions - 1 if first else dimensions - 2
    if chosen.log_mel is not None:
        return features.LogMel(chosen.log_mel, mels), time
    fbank = cast("Fbank", chosen.fbank)
    return features.Fbank(fbank, mels, _cmvn(task, fbank.cmvn_file, folder, mels)), time


def _wide(tensor: Tensor, *, wave: bool) -> bool:
    """Whether there is an axis of channels, and more than one of them."""
    between = tensor.shape[1 : -1 if wave else -2]
    return any(n != 1 and (wave or n != -1) for n in between)


def _name(chosen: Any) -> str:
    return next(name for at, name in _MEMBERS.items() if getattr(chosen, at) is not None)


_DEFAULTS = {"logMel": 64, "fbank": 80}
_MEMBERS = {"log_mel": "logMel", "fbank": "fbank", "waveform": "waveform"}


def _mels(task: str, spec: "Spec", tensor: Tensor) -> int:
    """How many filters: the spec's, else the model's, else the reference's."""
    name = _name(spec.features)
    block, default = cast("Fbank | LogMel", spec.features.log_mel or spec.features.fbank), _DEFAULTS[name]
    sides = tensor.shape[-2:]
    wanted = block.n_mels
    if wanted is None:
        wanted = sides[1] if sides[1] != -1 else sides[0] if sides[0] != -1 else default
    if wanted not in sides and -1 not in sides:
        raise misfit(
            task,
            f"has {wanted} mel filters, the model {described(tensor)}",
            f"correct spec.task.{task}.features.{name}.nMels",
        )
    return int(wanted)


def _cmvn(task: str, name: str | None, folder: Path, mels: int) -> tuple[Array, Array] | None:
    """Mean, and one divided by the standard deviation, of each filter."""
    if name is None:
        return None
    place = f"spec.task.{task}.features.fbank.cmvnFile"
    try:
        found = json.loads((folder / name).read_bytes())
        count = 1 / float(found["frame_num"])
        mean = np.array(found["mean_stat"], np.float64) * count
        variance = np.array(found["var_stat"], np.float64) * count - mean**2
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError) as error:
        raise StartError(
            "FeaturesUnreadable",
            f"{name} holds no mean and variance ({type(error).__name__}); it is JSON with mean_stat, "
            f"var_stat and frame_num, as PaddleSpeech writes it: correct the file or {place}.",
        ) from None
    if mean.shape != (mels,) or variance.shape != (mels,) or not np.isfinite(mean + variance).all():
        raise misfit(
            task,
            f"has {mels} mel filters, {name} numbers of the shape {list(mean.shape)}",
            f"correct {place}",
        )
    return mean, 1 / np.sqrt(np.maximum(variance, 1e-20))
