"""Prometheus' naming conventions, as `promtool check metrics` applies them.

Https://prometheus.io/docs/practices/naming/
"""

import re
from pathlib import Path

NOT_BASE = {
    "ms", "us", "ns", "milliseconds", "microseconds", "nanoseconds", "minutes", "hours", "days", "weeks",
    "kilobytes", "megabytes", "gigabytes", "kb", "mb", "gb", "kib", "mib", "gib", "bits", "percent",
}  # fmt: skip
DOCUMENTED = Path(__file__).parents[3] / "docs/observability.md"
TYPES = {"counter", "gauge", "histogram", "summary"}


def faults(text: str) -> list[str]:
    """What is against the conventions in a page of Prometheus' text format."""
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    names = re.findall(r"^([a-zA-Z_:][\w:]*)(?:\{[^}]*\})? \S+$", text, re.MULTILINE)
    found = []
    for name in dict.fromkeys(names):
        family = _family(name, kinds)
        found += [f"{family}: {fault}" for fault in _faults(family, kinds.get(family), helps.get(family))]
    return list(dict.fromkeys(found))


def _family(name: str, kinds: dict[str, str]) -> str:
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and kinds.get(base) in {"histogram", "summary"}:
            return base
    return name


def _faults(name: str, kind: str | None, text: str | None) -> list[str]:
    words = name.split("_")
    checks = {
        "no HELP": not text,
        "no TYPE": kind is None,
        "not snake_case": not re.fullmatch("[a-z][a-z0-9_]*", name) or ":" in name,
        "a counter's name ends in _total": kind == "counter" and words[-1] != "total",
        "only a counter's name ends in _total": kind != "counter" and words[-1] == "total",
        "the type is in the name": bool(TYPES & set(words)),
    }
    found = [fault for fault, wrong in checks.items() if wrong]
    found += [f"{word} is not a base unit" for word in words if word in NOT_BASE]
    if kind not in {"histogram", "summary"}:
        found += [
            f"_{word} belongs to histograms" for word in ("bucket", "count", "sum") if words[-1] == word
        ]
    return found


def shown(text: str) -> dict[str, tuple[str, set[str]]]:
    """Type and labels of every metric of a page."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    labels: dict[str, set[str]] = {name: set() for name in kinds}
    for name, found in re.findall(r"^(\w+?)(?:_bucket|_sum|_count)?\{(.*)\}", text, re.MULTILINE):
        labels[name] |= set(re.findall(r'(\w+)="', found)) - {"le"}
    return {name: (kind, labels[name]) for name, kind in kinds.items()}


def documented() -> dict[str, tuple[str, set[str]]]:
    """The same by the tables of docs/observability.md."""
    rows = re.findall(r"^\| (`paddle_.*?) \| (\w+).*? \| (.*?) \|", DOCUMENTED.read_text(), re.MULTILINE)
    return {
        name: (kind, set(re.findall(r"`(\w+)`", named)))
        for names, kind, named in rows
        for name in re.findall(r"`(\w+)`", names)
    }
