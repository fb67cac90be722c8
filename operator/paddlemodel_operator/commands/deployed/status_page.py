"""The table and the page of `paddlemodel status`; the present is an argument."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddlemodel_operator.commands.deployed import rollout_page
from paddlemodel_operator.commands.deployed.text import NONE, safe, table, wrapped
from paddlemodel_operator.status.judge import RECONCILING, STALLED

Facts = Mapping[str, Any]

REPEATED: Final = frozenset({RECONCILING, STALLED})
"""Conditions for programs, which say again what Ready says."""


def listing(models: Sequence[Facts], now: dt.datetime, *, with_namespaces: bool) -> str:
    """A row for each model, and how many are Ready."""
    head: list[object] = ["NAME", "READY", "REASON", "REPLICAS", "GPUS", "DIGEST", "URL", "AGE"]
    rows: list[list[object]] = [head, *(_row(one, now) for one in models)]
    if with_namespaces:
        rows = [
            [first, *row]
            for first, row in zip(["NAMESPACE", *(one["namespace"] for one in models)], rows, strict=True)
        ]
    ready = sum(one["ready"] for one in models)
    advice = "" if ready == len(models) else "; paddlemodel status NAME says why not"
    return f"{table(rows)}\n{ready} of {len(models)} Ready{advice}.\n"


def _row(facts: Facts, now: dt.datetime) -> list[object]:
    digest = (facts["model"] or {}).get("digest", "")[: len("sha256:") + 12]
    ready = "True" if facts["ready"] else "False"
    return [
        facts["name"],
        ready,
        facts["reason"],
        facts["replicas"],
        facts["gpus"],
        digest,
        facts["url"],
        age(facts["created"], now),
    ]


def page(facts: Facts, now: dt.datetime) -> str:
    """All that is known of one model, for a person."""
    word = "Ready" if facts["ready"] else "not Ready"
    parts = [
        f"{safe(facts['namespace'])}/{safe(facts['name'])} is {word}: {safe(facts['reason'] or 'Unknown')}\n",
        wrapped(facts["message"], "  ") + "\n\n",
        table(_properties(facts)),
        "\nConditions\n",
        "".join(_condition(one, now) for one in facts["conditions"] if one["type"] not in REPEATED)
        or "  none yet\n",
        "\nVersions\n",
        _versions(facts["versions"]),
        "\nLast Events\n",
        _events(facts["events"], now),
    ]
    return "".join(parts)


def _properties(facts: Facts) -> list[tuple[str, object]]:
    model = facts["model"] or {}
    applied = facts["observedGeneration"]
    seen = "" if applied == facts["generation"] else f"; what is applied is of generation {applied or 'none'}"
    found = {
        "URL": facts["url"],
        "Replicas": facts["replicas"] and f"{facts['replicas']} ready",
        "GPUs": facts["gpus"],
        "Access": facts["access"],
        "Model": model.get("uri"),
        "Format": model.get("format"),
        "Digest": model.get("digest"),
        "Revision": model.get("revision"),
        **_further(facts),
        "Spec": f"generation {facts['generation']}{seen}",
    }
    scaling = facts["autoscaling"]
    for one in scaling["targets"] if scaling else ():
        now = one.get("current") or "not read"
        found[f"Autoscaling {one['name']}"] = f"{now} of {one['target']} ({scaling['source']})"
    found |= rollout_page.properties(facts["rollout"] or {})
    return [(name, value) for name, value in found.items() if value]


def _further(facts: Facts) -> dict[str, object]:
    """The further models of the task, as the first one."""
    fields = {"Model": "uri", "Digest": "digest", "Revision": "revision"}
    return {
        f"{title} {one.get('name')}": one.get(field)
        for one in facts["furtherModels"]
        for title, field in fields.items()
    }


def _condition(one: Mapping[str, Any], now: dt.datetime) -> str:
    since = age(one.get("lastTransitionTime", ""), now)
    head = f"  {safe(one['type'])} {safe(one['status'])}, {safe(one['reason'])}, for {since}\n"
    return head + wrapped(one.get("message", ""), "    ") + "\n"


def _versions(found: Sequence[Facts] | str) -> str:
    if isinstance(found, str):
        return wrapped(f"not known: {found}", "  ") + "\n"
    if not found:
        return "  no pods\n"
    rows = [
        (
            f"{one['version'] or 'unknown'}{_kind(one)}",
            f"{one['ready']} of {one['pods']} ready",
            ", ".join(one["digests"]),
            ", ".join(one["images"]),
        )
        for one in found
    ]
    return table(rows, "  ")


def _kind(version: Facts) -> str:
    return " (canary)" if version["canary"] else " (newest)" if version["newest"] else ""


def _events(found: Sequence[Facts] | str, now: dt.datetime) -> str:
    if isinstance(found, str):
        return wrapped(f"not known: {found}", "  ") + "\n"
    if not found:
        return "  none; Kubernetes forgets them after an hour\n"
    lines = (
        f"  {age(one['time'], now)} ago, {safe(one['type'])}, {safe(one['reason'])}\n"
        f"{wrapped(one['note'], '    ')}\n"
        for one in found
    )
    return "".join(lines)


def age(since: str, now: dt.datetime) -> str:
    """How long ago, as kubectl writes it: 5s, 12m, 3h, 8d; a dash for what is no time."""
    try:
        seconds = int((now - dt.datetime.fromisoformat(since)).total_seconds())
    except (ValueError, TypeError):
        return NONE
    for size, letter in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{letter}"
    return f"{max(seconds, 0)}s"
