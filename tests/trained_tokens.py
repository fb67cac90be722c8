"""Baidu's LAC, as the package jieba carries its trained weights: words of Chinese text with their kinds.

The network of jieba/lac_small/nets.py (two bidirectional GRUs and a CRF) is rebuilt for padded batches, in a
child process, as only a child may load Paddle; the export is kept in the user's cache. `labels` is the same
in numpy.
"""

import json
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__)
SOURCE = "jieba-0.42.1.tar.gz"
INSIDE = "jieba-0.42.1/jieba/lac_small/"
Array = np.ndarray[Any, np.dtype[Any]]


def lac() -> Path:
    """The model with its tokenizer and labels: whole numbers for each character, and their scores beside."""
    from tests.models import made_once, text_wheels  # noqa: PLC0415 - the child process cannot import it

    archive = text_wheels() / SOURCE

    def make(folder: Path) -> None:
        command = [sys.executable, "-W", "ignore", str(HERE), str(archive), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise RuntimeError(f"the export failed: {done.stderr[-2000:]}")

    return made_once("lac", f"{HERE.read_text()} {SOURCE}", make)


@cache
def _read(archive: Path) -> tuple[dict[str, Array], list[str], list[str]]:
    """The weights by name, the words by id, the labels by class."""
    weights, words, tags = {}, list[str](), list[str]()
    with tarfile.open(archive) as content:
        for member in content:
            found = content.extractfile(member)
            if found is None or not member.name.startswith(INSIDE):
                continue
            name = member.name.removeprefix(INSIDE)
            if name.startswith("model_baseline/"):
                weights[name.removeprefix("model_baseline/")] = _tensor(found.read())
            elif name in {"word.dic", "tag.dic"}:
                lines = [line.split("\t") for line in found.read().decode().rstrip("\n").split("\n")]
                (words if name == "word.dic" else tags).extend(line[1] for line in lines)
    return weights, words, tags


def _tensor(content: bytes) -> Array:
    """A parameter as Paddle 1 saves it: version, level of detail, version, description, numbers."""
    size = int.from_bytes(content[16:20], "little")
    description, numbers = content[20 : 20 + size], np.frombuffer(content[20 + size :], "<f4")
    sides, value, shift, fresh = [], 0, 0, True
    for byte in description[2:]:  # behind the dtype: a tag and a variable-length number for each side
        if fresh:
            value, shift, fresh = 0, 0, False
            continue
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            sides.append(value)
            fresh = True
    return numbers.reshape(sides)


# --- the same in numpy, one text at a time


def labels(text: str) -> list[str]:
    """The label of each character."""
    from tests.models import text_wheels  # noqa: PLC0415 - the child process cannot import it

    weights, words, tags = _read(text_wheels() / SOURCE)
    ids = {word: at for at, word in enumerate(words)}
    x = weights["word_emb"][[ids.get(character, ids["OOV"]) for character in text]].astype(np.float64)
    for layer in range(2):
        x = np.concatenate([_gru(weights, x, 2 * layer), _gru(weights, x[::-1], 2 * layer + 1)[::-1]], axis=1)
    scores = x @ weights["fc_4.w_0"] + weights["fc_4.b_0"]
    start, stop, moves = weights["crfw"][0], weights["crfw"][1], weights["crfw"][2:]
    best, came = scores[0] + start, []
    for row in scores[1:]:
        paths = best[:, None] + moves
        came.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + row
    path = [int((best + stop).argmax())]
    for before in reversed(came):
        path.append(int(before[path[-1]]))
    return [tags[at] for at in reversed(path)]


def _gru(weights: dict[str, Array], x: Array, number: int) -> Array:
    gates = x @ weights[f"fc_{number}.w_0"] + weights[f"fc_{number}.b_0"].reshape(-1)
    gates = gates + weights[f"gru_{number}.b_0"].reshape(-1)
    recurrent = weights[f"gru_{number}.w_0"]
    size = len(recurrent)
    # Paddle keeps the weights of both gates together, in front of those of the candidate.
    both = recurrent.reshape(-1)[: 2 * size * size].reshape(size, 2 * size)
    candidate = recurrent.reshape(-1)[2 * size * size :].reshape(size, size)
    hidden, found = np.zeros(size), []
    for row in gates:
        opened = 1 / (1 + np.exp(-(row[: 2 * size] + hidden @ both)))
        update, reset = opened[:size], opened[size:]
        new = np.tanh(row[2 * size :] + (reset * hidden) @ candidate)
        hidden = (1 - update) * hidden + update * new
        found.append(hidden)
    return np.array(found)


# --- in the child process


def _network(weights: dict[str, Array]) -> Any:  # noqa: C901 - only the child can make these classes
    import paddle  # noqa: PLC0415
    from paddle import nn  # noqa: PLC0415

    whole: Any = paddle  # typed in parts only

    def constant(array: Array) -> Any:
        return whole.to_tensor(np.ascontiguousarray(array, np.float32))

    class Cell(nn.Layer):
        """One step of Paddle 1's dynamic_gru: the reset comes before the multiplication."""

        def __init__(self, recurrent: Array) -> None:
            super().__init__()
            size = len(recurrent)
            self.size = size
            flat = recurrent.reshape(-1)
            self.register_buffer("both", constant(flat[: 2 * size * size].reshape(size, 2 * size)))
            self.register_buffer("candidate", constant(flat[2 * size * size :].reshape(size, size)))

        def forward(self, gates: Any, hidden: Any) -> Any:
            size = self.size
            opened = nn.functional.sigmoid(gates[:, : 2 * size] + hidden @ self.both)
            update, reset = opened[:, :size], opened[:, size:]
            new = whole.tanh(gates[:, 2 * size :] + (reset * hidden) @ self.candidate)
            return (1 - update) * hidden + update * new

    class Direction(nn.Layer):
        def __init__(self, number: int) -> None:
            super().__init__()
            bias = weights[f"fc_{number}.b_0"].reshape(-1) + weights[f"gru_{number}.b_0"].reshape(-1)
            self.register_buffer("weight", constant(weights[f"fc_{number}.w_0"]))
            self.register_buffer("bias", constant(bias))
            self.cell = Cell(weights[f"gru_{number}.w_0"])
            self.backwards = number % 2 == 1

        def forward(self, x: Any, mask: Any) -> Any:
            gates = whole.transpose(x @ self.weight + self.bias, [1, 0, 2])
            there = whole.transpose(mask, [1, 0]).unsqueeze(-1)
            if self.backwards:
                gates, there = whole.flip(gates, [0]), whole.flip(there, [0])
            hidden = whole.zeros_like(gates[0, :, : self.cell.size])
            kept = hidden.unsqueeze(0)
            step = whole.zeros([1], "int64")
            while step < whole.shape(gates)[0]:
                now = there[step].squeeze(0)
                hidden = now * self.cell(gates[step].squeeze(0), hidden) + (1 - now) * hidden
                kept = whole.concat([kept, hidden.unsqueeze(0)])
                step = step + 1
            kept = kept[1:]
            if self.backwards:
                kept = whole.flip(kept, [0])
            return whole.transpose(kept, [1, 0, 2])

    class Lac(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(*weights["word_emb"].shape)
            self.words.weight.set_value(constant(weights["word_emb"]))
            self.directions = nn.LayerList([Direction(number) for number in range(4)])
            self.register_buffer("weight", constant(weights["fc_4.w_0"]))
            self.register_buffer("bias", constant(weights["fc_4.b_0"].reshape(-1)))
            for at, name in enumerate(("start", "stop")):
                self.register_buffer(name, constant(weights["crfw"][at]))
            self.register_buffer("moves", constant(weights["crfw"][2:]))

        def forward(self, token_ids: Any, length: Any) -> Any:
            places = whole.cumsum(whole.ones_like(token_ids), 1) - 1
            most = whole.shape(token_ids)[1].astype("int64")
            length = whole.minimum(whole.clip(length, min=1), most)  # others end the process
            mask = (places < length.unsqueeze(1)).astype("float32")
            x = self.words(token_ids)
            for layer in range(2):
                pair = self.directions[2 * layer], self.directions[2 * layer + 1]
                x = whole.concat([direction(x, mask) for direction in pair], 2)
            scores = x @ self.weight + self.bias
            first = (places == 0).astype("float32").unsqueeze(-1)
            last = (places == length.unsqueeze(1) - 1).astype("float32").unsqueeze(-1)
            ends = scores + first * self.start + last * self.stop
            _, path = whole.text.viterbi_decode(ends, self.moves, length, include_bos_eos_tag=False)
            # It ends with the longest of the texts, not of the padding.
            path = whole.reshape(path, [whole.shape(token_ids)[0], -1]).astype("int64")
            path = whole.concat([path, whole.zeros_like(token_ids)], 1)
            path = path[:, : whole.shape(token_ids)[1]]
            return whole.reshape(path, whole.shape(token_ids)), scores

    return Lac()


def _tokenizer(words: list[str]) -> str:
    """Each character is a token; what is full-width is read as its half-width twin, as LAC does."""
    import tokenizers  # noqa: PLC0415

    ids = {word: at for at, word in enumerate(words)}
    wide = {chr(at + 0xFEE0): ids[chr(at)] for at in range(0x21, 0x7F) if chr(at) in ids}
    vocab = wide | ids | {"[PAD]": len(words)}
    found = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocab, unk_token="OOV"))
    found.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex("."), "isolated")
    found.add_special_tokens(["[PAD]"])
    return found.to_str()


def _main(archive: str, goal: str) -> None:
    import paddle  # noqa: PLC0415
    from paddle.static import InputSpec  # noqa: PLC0415

    weights, words, tags = _read(Path(archive))
    folder, network = Path(goal), _network(weights)
    network.eval()
    inputs = [InputSpec([None, None], "int64", "token_ids"), InputSpec([None], "int64", "length")]
    paddle.jit.save(network, str(folder / "inference"), input_spec=inputs)
    (folder / "tokenizer.json").write_text(_tokenizer(words), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    (folder / "labels.txt").write_text("\n".join(tags) + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
