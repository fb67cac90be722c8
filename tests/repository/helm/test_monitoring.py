"""Dashboard and alerts name only what is exported, and the chart renders them whole.

Whether the queries give what they promise is for tests/neighbours: there a real Prometheus answers.
"""

import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import yaml
from paddlemodel_operator.base import names

from tests.repository.helm import charts, monitoring
from tests.repository.helm.charts import RefusedError, render
from tests.repository.helm.monitoring import METRIC, MONITORING, OBSERVABILITY, Query, dashboard, rules
from tests.repository.sources import text

ALERTS: list[dict[str, Any]] = yaml.safe_load(text(charts.CHART / "files/alerts.yaml"))
VALUES: dict[str, Any] = yaml.safe_load(text(charts.CHART / "values.yaml"))["monitoring"]["alerts"]
SCHEMA: dict[str, Any] = yaml.safe_load(text(charts.CHART / "values.schema.json"))
LABELS = {"paddle_version"}  # that look like metrics
DOCUMENTED = re.compile(r"^### (\w+)$", re.MULTILINE)


def test_every_metric_of_a_query_is_exported() -> None:
    known = monitoring.exported()
    alerts = [Query(alert["alert"], alert["expr"]) for alert in ALERTS]
    queries = [*monitoring.panel_queries(), *monitoring.documented_queries(), *alerts]
    assert len(monitoring.documented_queries()) >= 9
    assert {query.where: query.metrics - known for query in queries if query.metrics - known} == {}
    assert [query.where for query in queries if not query.metrics] == []


@pytest.mark.parametrize("page", [OBSERVABILITY, MONITORING], ids=lambda page: page.name)
def test_every_metric_of_a_document_is_exported(page: Any) -> None:
    families = {re.sub("_(?:bucket|sum|count)$", "", name) for name in monitoring.exported()}
    listed = {name for span in re.findall(r"`([^`]+)`", text(page)) for name in METRIC.findall(span)}
    known = families | monitoring.exported()
    assert {name for name in listed - LABELS if name not in known and not name.endswith("_")} == set()


def test_every_exported_metric_is_documented() -> None:
    families = {re.sub("_(?:bucket|sum|count)$", "", name) for name in monitoring.exported()}
    assert families - set(METRIC.findall(text(OBSERVABILITY))) == set()


def test_off_by_default() -> None:
    objects = render()
    assert {item["kind"] for item in objects} & {"PodMonitor", "PrometheusRule"} == set()
    names = [item["metadata"]["name"] for item in objects if item["kind"] == "ConfigMap"]
    assert names == [f"{charts.RELEASE}-logging"]


def test_panels_have_numbers_and_places_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert [number for number, count in Counter(panel["id"] for panel in panels).items() if count > 1] == []
    assert [panel["title"] for panel in panels if panel["gridPos"]["x"] + panel["gridPos"]["w"] > 24] == []
    overlapping = [
        (one["title"], other["title"])
        for one, other in combinations(panels, 2)
        if _overlap(one["gridPos"], other["gridPos"])
    ]
    assert overlapping == []


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def test_the_dashboard_is_for_any_prometheus_and_every_choice_of_models() -> None:
    found = dashboard()
    assert [variable["name"] for variable in found["templating"]["list"]] == [
        "datasource",
        "namespace",
        "model",
    ]
    source = {"type": "prometheus", "uid": "${datasource}"}
    panels = [panel for panel in found["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in panels if panel["datasource"] != source] == []
    targets = [(panel["title"], target) for panel in panels for target in panel["targets"]]
    assert [title for title, target in targets if target["datasource"] != source] == []
    deaf = [
        (title, selector)
        for title, target in targets
        for selector in re.findall(r"paddle_\w+(\{[^}]*\}|)", target["expr"])
        if not {'namespace=~"$namespace"', 'model=~"$model"'} <= set(selector.strip("{}").split(", "))
    ]
    assert deaf == []
    assert [
        title for title, target in targets if re.search(r"[A-Z]{3}", target["expr"])
    ] == []  # placeholders


def test_every_alert_is_whole() -> None:
    found = rules()
    assert list(found) == [alert["alert"] for alert in ALERTS]
    for name, rule in found.items():
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["runbook_url"] == f"docs/monitoring.md#{name.lower()}"
        assert rule["annotations"]["summary"]
        assert "<" not in f"{rule['annotations']}"
        assert not re.search(r"<[a-zA-Z]|[A-Z]{3}", rule["expr"])  # placeholders


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    assert DOCUMENTED.findall(text(MONITORING)) == [alert["alert"] for alert in ALERTS]


def test_the_schema_knows_the_alerts() -> None:
    assert SCHEMA["definitions"]["alert"]["enum"] == [alert["alert"] for alert in ALERTS]


@pytest.mark.parametrize("threshold", VALUES["thresholds"])
def test_a_threshold_changes_its_alert(threshold: str) -> None:
    other: Any = '"7m"' if threshold.endswith("Window") else 0.125
    setting = f"monitoring.alerts.thresholds.{threshold}={other}"
    before, after = rules(), rules(setting)
    changed = [name for name in before if before[name] != after[name]]
    assert changed == [alert["alert"] for alert in ALERTS if f"<{threshold}>" in alert["expr"]]
    assert all(str(other).strip('"') in after[name]["expr"] for name in changed)
    assert f"`{threshold}`" in text(MONITORING)


def test_alerts_can_be_left_out_and_given_another_severity() -> None:
    found = rules(
        'monitoring.alerts.disabled=["PaddleModelSlow"]',
        'monitoring.alerts.severities={"PaddleModelGPUIdle":"critical"}',
        'monitoring.alerts.runbookUrl="https://wiki.example/paddle"',
        'monitoring.alerts.labels={"release":"prom"}',
    )
    assert "PaddleModelSlow" not in found
    idle = found["PaddleModelGPUIdle"]
    assert idle["labels"]["severity"] == "critical"
    assert idle["annotations"]["runbook_url"] == "https://wiki.example/paddle#paddlemodelgpuidle"


def test_labels_and_namespace_are_where_they_are_looked_for() -> None:
    labels = '={"release":"prom"}'
    objects = render(
        *monitoring.ENABLED,
        f"monitoring.alerts.labels{labels}",
        f"monitoring.podMonitors.labels{labels}",
        'monitoring.dashboard.namespace="grafana"',
    )
    found = [item for item in objects if item["metadata"].get("labels", {}).get("release") == "prom"]
    assert sorted(item["kind"] for item in found) == ["PodMonitor", "PodMonitor", "PrometheusRule"]
    config = charts.one(objects, "ConfigMap", f"{charts.RELEASE}-dashboard")["metadata"]
    assert (config["namespace"], config["labels"]["grafana_dashboard"]) == ("grafana", "1")


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param('monitoring.alerts.disabled=["PaddleModelSlwo"]', id="no-such-alert"),
        pytest.param('monitoring.alerts.severities={"Idle":"info"}', id="severity-of-no-alert"),
        pytest.param("monitoring.alerts.thresholds.latencySeconds=30", id="slower-than-the-last-bucket"),
        pytest.param("monitoring.alerts.thresholds.errorRatio=5", id="percent-for-a-share"),
        pytest.param('monitoring.alerts.thresholds.gpuIdleWindow="1 hour"', id="no-duration"),
        pytest.param("monitoring.alerts.thresholds.idle=1", id="no-such-threshold"),
    ],
)
def test_a_bad_value_is_refused(setting: str) -> None:
    with pytest.raises(RefusedError, match=r"monitoring|invalid propertyName"):
        render(setting)


def test_the_documented_jobs_and_the_pod_monitors_give_the_same_labels() -> None:
    models, operator = (item["spec"] for item in render(*monitoring.ENABLED) if item["kind"] == "PodMonitor")
    jobs = {job["job_name"]: job for job in monitoring.scrape_configs()}
    (endpoint,) = models["podMetricsEndpoints"]
    (relabelling,) = endpoint["relabelings"]
    listed = [
        (rule["source_labels"], rule.get("target_label")) for rule in jobs["paddlemodels"]["relabel_configs"]
    ]
    assert (relabelling["sourceLabels"], relabelling["targetLabel"]) in listed
    assert endpoint["port"] == names.ADMIN_PORT_NAME
    kept = [rule["regex"] for rule in jobs["paddlemodels"]["relabel_configs"] if rule.get("action") == "keep"]
    assert kept == [f"{names.MANAGED_BY};{names.ADMIN_PORT_NAME}"]
    (endpoint,) = operator["podMetricsEndpoints"]
    assert endpoint["honorLabels"] == jobs["paddlemodel-operator"]["honor_labels"]
