"""The dashboard and alerts as the chart renders them, and the queries of the documents."""

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from tests.repository.helm import charts
from tests.repository.sources import ROOT, named, text

ENABLED = (
    "monitoring.dashboard.enabled=true",
    "monitoring.alerts.enabled=true",
    "monitoring.podMonitors.enabled=true",
)
METRIC = re.compile(r"\bpaddle(?:model)?_[a-z0-9_]+\b")
#: What a family's class adds to its name.
ENDINGS = {
    "CounterMetricFamily": ("_total",),
    "HistogramMetricFamily": ("_bucket", "_sum", "_count"),
    "InfoMetricFamily": ("_info",),
    "_counter": ("_total",),  # of telemetry.py
}


@dataclass(frozen=True)
class Query:
    """One expression, where it stands, and what Grafana calls its series."""

    where: str
    expression: str
    legend: str = ""

    @property
    def metrics(self) -> set[str]:
        return set(METRIC.findall(self.expression))

    def resolved(self) -> str:
        """As Grafana sends it for all namespaces and models, at the shortest scrape interval."""
        chosen = {"$__rate_interval": "1m", "$namespace": ".*", "$model": ".*"}
        found = self.expression
        for name, value in chosen.items():
            found = found.replace(name, value)
        return found


def dashboard(*settings: str) -> dict[str, Any]:
    """Grafana's JSON."""
    found: dict[str, Any] = json.loads(
        charts.one(charts.render(*ENABLED, *settings), "ConfigMap", f"{charts.RELEASE}-dashboard")["data"][
            "paddlemodels.json"
        ]
    )
    return found


def rules(*settings: str) -> dict[str, dict[str, Any]]:
    """The alerts, by name."""
    (group,) = groups(*settings)
    return {rule["alert"]: rule for rule in group["rules"]}


def groups(*settings: str) -> list[dict[str, Any]]:
    """What a Prometheus reads as a file of rules."""
    found: list[dict[str, Any]] = charts.one(charts.render(*ENABLED, *settings), "PrometheusRule")["spec"][
        "groups"
    ]
    return found


def panel_queries() -> list[Query]:
    return [
        Query(f"{panel['title']} [{target['refId']}]", target["expr"], target["legendFormat"])
        for panel in dashboard()["panels"]
        for target in panel.get("targets", ())
    ]


def documented_queries() -> list[Query]:
    """Of the table of questions in docs/observability.md; a table's bars are escaped."""
    rows = re.findall(r"^\| ([^|]+) \| `((?:[^`|]|\\\|)*paddle[^`]*)` \|$", text(OBSERVABILITY), re.MULTILINE)
    return [Query(question, expression.replace(r"\|", "|")) for question, expression in rows]


OBSERVABILITY = ROOT / "docs/observability.md"
MONITORING = ROOT / "docs/monitoring.md"


def exported() -> set[str]:
    """The names of all series that server and operator can export, as their sources spell them."""
    sources = named("serving_image/paddlemodel_server/*.py", "operator/paddlemodel_operator/*.py")
    pages = [ast.parse(text(path)) for path in sources if "prometheus_client" in text(path)]
    return {name for page in pages for name in _families(page)}


def _families(page: ast.AST) -> set[str]:
    """Of each call and each tuple that begins with a metric's name, the names of its series."""
    found: set[str] = set()
    for node in ast.walk(page):
        parts = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
        name = parts[0].value if parts and isinstance(parts[0], ast.Constant) else None
        if isinstance(name, str) and METRIC.fullmatch(name):
            called = _name(node.func) if isinstance(node, ast.Call) else ""
            found |= {f"{name}{ending}" for ending in ENDINGS.get(called, ("",))}
    return found


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def scrape_configs() -> list[dict[str, Any]]:
    """The jobs that docs/monitoring.md gives to a Prometheus without its operator."""
    (block,) = re.findall(r"^```yaml\n(scrape_configs:\n.*?)^```", text(MONITORING), re.MULTILINE | re.DOTALL)
    found: list[dict[str, Any]] = yaml.safe_load(block)["scrape_configs"]
    return found
