"""Which task for texts a model is for, as its tokenizer, its config.json and its signature tell; pure.

sentence-transformers writes modules.json and config_sentence_transformers.json, transformers and PaddleNLP
the class of the network into `architectures` of config.json.
"""

from paddlemodel_server.tasks.auto.found import Beside, Found
from paddlemodel_server.tasks.outputs import FLOATS
from paddlemodel_server.tasks.text import beside as files
from paddlemodel_server.tasks.text.plan import ROLES

_TOKENIZERS = ("tokenizer.json", "vocab.txt")
_EMBEDDING = ("modules.json", "config_sentence_transformers.json")
_ARCHITECTURES = {
    "ForSequenceClassification": "textClassification",
    "ForTokenClassification": "tokenClassification",
}


def recognise(beside: Beside) -> Found | None:
    """A task for texts, where the files say which; nothing is guessed of a tokenizer alone.

    Raises:
        StartError: `TokenizerUnreadable`; config.json cannot be read.
    """
    ids = any(tensor.name in ROLES["ids"] for tensor in beside.model.inputs)
    if not ids or not any(map(beside.has, _TOKENIZERS)):
        return None
    for name in _EMBEDDING:
        if beside.has(name):
            return Found(task="textEmbedding", source=name)
    config = files.table(beside.folder, "config.json")
    named = config.get("architectures")
    for architecture in named if isinstance(named, list) else ():
        for ending, task in _ARCHITECTURES.items():
            if str(architecture).endswith(ending):
                return Found(task=task, source="config.json")
    task = _by_output(beside) if isinstance(config.get("id2label"), dict) else ""
    return Found(task=task, source="config.json") if task else None


def _by_output(beside: Beside) -> str:
    """By the only output of a model whose classes have names: a score for each, of the text or of a token."""
    outputs = beside.model.outputs
    if len(outputs) != 1 or outputs[0].dtype not in FLOATS:
        return ""
    return {2: "textClassification", 3: "tokenClassification"}.get(len(outputs[0].shape), "")
