"""The table and the page of `paddlemodel status`; the present is an argument."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddlemodel_operator.commands.deployed import rollout_page
from paddlemodel_operator.commands.deployed.text import NONE, safe, table, wrapped
from paddlemodel_operator.language.conditions import worded
from paddlemodel_operator.language.words import language, t
from paddlemodel_operator.status.judge import READY, RECONCILING, STALLED

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
    all_are = t("{ready} of {models} Ready.", ready=ready, models=len(models))
    some = t(
        "{ready} of {models} Ready; paddlemodel status NAME says why not.", ready=ready, models=len(models)
    )
    return f"{table(rows)}\n{all_are if ready == len(models) else some}\n"


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
    name, reason = f"{safe(facts['namespace'])}/{safe(facts['name'])}", facts["reason"] or "Unknown"
    if facts["ready"]:
        said = t("{name} is Ready: {reason}", name=name, reason=safe(reason))
    else:
        said = t("{name} is not Ready: {reason}", name=name, reason=safe(reason))
    parts = [
        f"{said}\n",
        wrapped(worded(READY, reason, facts["message"], language()), "  ") + "\n\n",
        table(_properties(facts)),
        f"\n{t('Conditions')}\n",
        "".join(_condition(one, now) for one in facts["conditions"] if one["type"] not in REPEATED)
        or f"  {t('none yet')}\n",
        f"\n{t('Versions')}\n",
        _versions(facts["versions"]),
        f"\n{t('Last Events')}\n",
        _events(facts["events"], now),
    ]
    return "".join(parts)


def _properties(facts: Facts) -> list[tuple[str, object]]:
    model = facts["model"] or {}
    applied = facts["observedGeneration"]
    seen = t("generation {newest}", newest=facts["generation"])
    if applied != facts["generation"]:
        late = t("what is applied is of generation {applied}", applied=applied or t("none"))
        seen = f"{seen}{t('; ')}{late}"
    found = {
        t("URL"): facts["url"],
        t("Replicas"): facts["replicas"] and t("{replicas} ready", replicas=facts["replicas"]),
        t("GPUs"): facts["gpus"],
        t("Access"): facts["access"],
        t("Model"): model.get("uri"),
        t("Format"): model.get("format"),
        t("Digest"): model.get("digest"),
        t("Revision"): model.get("revision"),
        **_further(facts),
        t("Spec"): seen,
    }
    scaling = facts["autoscaling"]
    for one in scaling["targets"] if scaling else ():
        now = one.get("current") or t("not read")
        told = t(
            "{current} of {target} ({source})", current=now, target=one["target"], source=scaling["source"]
        )
        found[t("Autoscaling {name}", name=one["name"])] = told
    found |= rollout_page.properties(facts["rollout"] or {})
    return [(name, value) for name, value in found.items() if value]


def _further(facts: Facts) -> dict[str, object]:
    """The further models of the task, as the first one."""
    fields = {t("Model"): "uri", t("Digest"): "digest", t("Revision"): "revision"}
    return {
        f"{title} {one.get('name')}": one.get(field)
        for one in facts["furtherModels"]
        for title, field in fields.items()
    }


def _condition(one: Mapping[str, Any], now: dt.datetime) -> str:
    since = age(one.get("lastTransitionTime", ""), now)
    kind, reason = one["type"], one["reason"]
    head = t(
        "{type} {status}, {reason}, for {since}", type=kind, status=one["status"], reason=reason, since=since
    )
    message = worded(kind, reason, one.get("message", ""), language())
    return f"  {safe(head)}\n{wrapped(message, '    ')}\n"


def _versions(found: Sequence[Facts] | str) -> str:
    if isinstance(found, str):
        return wrapped(t("not known: {why}", why=found), "  ") + "\n"
    if not found:
        return f"  {t('no pods')}\n"
    rows = [
        (
            f"{one['version'] or t('unknown')}{_kind(one)}",
            t("{ready} of {pods} ready", ready=one["ready"], pods=one["pods"]),
            ", ".join(one["digests"]),
            ", ".join(one["images"]),
        )
        for one in found
    ]
    return table(rows, "  ")


def _kind(version: Facts) -> str:
    return t(" (canary)") if version["canary"] else t(" (newest)") if version["newest"] else ""


def _events(found: Sequence[Facts] | str, now: dt.datetime) -> str:
    if isinstance(found, str):
        return wrapped(t("not known: {why}", why=found), "  ") + "\n"
    if not found:
        return f"  {t('none; Kubernetes forgets them after an hour')}\n"
    return "".join(_event(one, now) for one in found)


def _event(one: Facts, now: dt.datetime) -> str:
    since, reason = age(one["time"], now), one["reason"]
    head = t("{since} ago, {type}, {reason}", since=since, type=one["type"], reason=reason)
    return f"  {safe(head)}\n{wrapped(worded(READY, reason, one['note'], language()), '    ')}\n"


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
