"""Prometheus' naming conventions, as `promtool check metrics` applies them: https://prometheus.io/docs/practices/naming/"""

import re

NOT_BASE = {
    "ms", "us", "ns", "milliseconds", "microseconds", "nanoseconds", "minutes", "hours", "days", "weeks",
    "kilobytes", "megabytes", "gigabytes", "kb", "mb", "gb", "kib", "mib", "gib", "bits", "percent",
}  # fmt: skip
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
