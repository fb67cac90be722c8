"""The part of the table of specs that is about `spec.verification`."""

from typing import Any

from tests.operator.support.builders import spec
from tests.operator.support.source_specs import Refused


def _verified(server: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    verification = {"recording": {"fromModel": "verify.jsonl.gz"}, **fields}
    return spec(device="CPU", verification=verification, **({"server": server} if server else {}))


RULES = (
    Refused(
        "no recording",
        _verified(recording={}),
        "spec.verification.recording has exactly one member: keep one of fromModel, configMap",
    ),
    Refused(
        "two recordings",
        _verified(recording={"fromModel": "verify.jsonl", "configMap": {"name": "a"}}),
        "spec.verification.recording has exactly one member",
    ),
    Refused(
        "a recording elsewhere",
        _verified(recording={"fromModel": "../verify.jsonl"}),
        "begins with verify, ends in .jsonl or .jsonl.gz, and lies beside the program",
    ),
    Refused(
        "a key that is a path",
        _verified(recording={"configMap": {"name": "a", "key": "../b"}}),
        "name a key of the ConfigMap",
    ),
    Refused(
        "a tolerance that is no number",
        _verified(tolerance={"relative": "-1"}),
        "spec.verification.tolerance.relative is a number as text, such as '1e-3'",
    ),
    Refused("the largest of how many", _verified(outputs=[{"name": "y", "compare": "TopK"}]), "needs k"),
    Refused("how many of values", _verified(outputs=[{"name": "y", "k": 1}]), "k needs compare TopK"),
    Refused(
        "places within a tolerance",
        _verified(outputs=[{"name": "y", "compare": "TopK", "k": 1, "absolute": "1"}]),
        "compares places, not values: remove relative and absolute",
    ),
    Refused(
        "characters within a tolerance of numbers",
        _verified(outputs=[{"name": "lines", "compare": "Text", "absolute": "1"}]),
        "compare Text counts characters: remove absolute",
    ),
    Refused("the largest texts", _verified(outputs=[{"name": "lines", "compare": "Text", "k": 1}]), "TopK"),
    Refused(
        "whole numbers by default",
        _verified({"precision": "INT8"}),
        "spec.verification with precision INT8 needs a tolerance, or outputs with compare TopK",
    ),
)
