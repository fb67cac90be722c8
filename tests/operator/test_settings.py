"""The operator's environment: understood, or refused with one sentence."""

import pytest
from paddlemodel_operator.base.errors import SettingsError
from paddlemodel_operator.metrics_adapter import settings as adapter
from paddlemodel_operator.settings import Settings, from_environment


def test_nothing_is_needed() -> None:
    assert from_environment({"PATH": "/bin", "PADDLEMODEL_NAME": "of a server"}) == Settings()


def test_every_setting_is_read() -> None:
    names = {
        "SERVER_IMAGE_CPU": "c",
        "SERVER_IMAGE_GPU": "g",
        "LOG_LEVEL": "DEBUG",
        "LOG_LEVEL_FILE": "/config/logLevel",
        "LOG_FORMAT": "text",
        "RESYNC_SECONDS": "60",
        "CONCURRENCY": "2",
        "REQUEST_TIMEOUT_SECONDS": "5",
        "HEALTH_BIND": "127.0.0.1:1",
        "METRICS_SOURCE": "keda",
        "NAMESPACE": "paddlemodel-system",
        "WATCH_NAMESPACES": "team-a, team-b",
        "ADAPTER": "",
        "LEASE": "paddlemodel-operator",
        "LEASE_SECONDS": "30",
        "CUSTOM_TASKS": "true",
        "GATEWAY_API": "true",
        "LANGUAGE": "zh",
        "INGRESS_NAMESPACES": "ingress-nginx,traefik",
        "METRICS_NAMESPACES": "monitoring",
        "KEDA_PROMETHEUS": "http://prometheus.monitoring.svc:9090",
    }
    read = from_environment({f"PADDLEMODEL_OPERATOR_{name}": value for name, value in names.items()})
    assert set(names) == {name.upper() for name in Settings.model_fields}
    assert (read.server_image_cpu, read.resync_seconds, read.concurrency) == ("c", 60, 2)
    assert read.custom_tasks
    assert read.gateway_api
    assert read.language == "zh"
    assert read.watch_namespaces == ("team-a", "team-b")
    assert read.ingress_namespaces == ("ingress-nginx", "traefik")
    assert read.metrics_namespaces == ("monitoring",)


@pytest.mark.parametrize("names", ["a,", "A", "a b", "a,,b"])
def test_namespaces_are_names_and_commas(names: str) -> None:
    with pytest.raises(SettingsError, match="INGRESS_NAMESPACES"):
        from_environment({"PADDLEMODEL_OPERATOR_INGRESS_NAMESPACES": names})


@pytest.mark.parametrize("bind", ["[::]:8080", "[fd00::1]:8080", "0.0.0.0:8080", "localhost:65535"])
def test_an_address_of_either_family_is_accepted(bind: str) -> None:
    assert from_environment({"PADDLEMODEL_OPERATOR_HEALTH_BIND": bind}).health_bind == bind
    assert adapter.from_environment({"PADDLEMODEL_ADAPTER_BIND": bind}).bind == bind


def test_both_programs_listen_on_both_families_by_default() -> None:
    assert (Settings().health_bind, adapter.Settings().bind) == ("[::]:8080", "[::]:6443")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "LOGLEVEL",
            "INFO",
            "PADDLEMODEL_OPERATOR_LOGLEVEL is not a setting; the settings are PADDLEMODEL_OPERATOR_SERVER",
        ),
        ("LOG_LEVEL", "LOUD", "PADDLEMODEL_OPERATOR_LOG_LEVEL='LOUD' is refused"),
        ("CONCURRENCY", "0", "PADDLEMODEL_OPERATOR_CONCURRENCY='0' is refused"),
        ("CONCURRENCY", "many", "PADDLEMODEL_OPERATOR_CONCURRENCY='many' is refused"),
        ("RESYNC_SECONDS", "1", "PADDLEMODEL_OPERATOR_RESYNC_SECONDS='1' is refused"),
        ("SERVER_IMAGE_CPU", "", "PADDLEMODEL_OPERATOR_SERVER_IMAGE_CPU='' is refused"),
        ("SERVER_IMAGE_CPU", "a b", "PADDLEMODEL_OPERATOR_SERVER_IMAGE_CPU='a b' is refused"),
        ("METRICS_SOURCE", "prometheus", "PADDLEMODEL_OPERATOR_METRICS_SOURCE='prometheus' is refused"),
        ("ADAPTER", "A", "PADDLEMODEL_OPERATOR_ADAPTER='A' is refused"),
        (
            "LEASE",
            "a",
            "PADDLEMODEL_OPERATOR_LEASE='a' is refused: Value error, PADDLEMODEL_OPERATOR_NAMESPACE",
        ),
        ("LEASE_SECONDS", "2", "PADDLEMODEL_OPERATOR_LEASE_SECONDS='2' is refused"),
        ("WATCH_NAMESPACES", "a,,b", "PADDLEMODEL_OPERATOR_WATCH_NAMESPACES='a,,b' is refused"),
        ("WATCH_NAMESPACES", "a;b", "PADDLEMODEL_OPERATOR_WATCH_NAMESPACES='a;b' is refused"),
        (
            "WATCH_NAMESPACES",
            "a",
            "PADDLEMODEL_OPERATOR_WATCH_NAMESPACES='a' is refused: Value error, an adapter would serve the",
        ),
        ("KEDA_PROMETHEUS", "prometheus:9090", "PADDLEMODEL_OPERATOR_KEDA_PROMETHEUS='prometheus:9090'"),
        ("HEALTH_BIND", "8080", "PADDLEMODEL_OPERATOR_HEALTH_BIND='8080' is refused"),
        ("HEALTH_BIND", ":::8080", "PADDLEMODEL_OPERATOR_HEALTH_BIND=':::8080' is refused"),
        (
            "HEALTH_BIND",
            "[::]:0",
            "PADDLEMODEL_OPERATOR_HEALTH_BIND='[::]:0' is refused: Value error, the port",
        ),
        ("HEALTH_BIND", "[::]:65536", "PADDLEMODEL_OPERATOR_HEALTH_BIND='[::]:65536' is refused"),
    ],
)
def test_a_wrong_setting_is_refused(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        from_environment({f"PADDLEMODEL_OPERATOR_{name}": value})
    assert str(refusal.value).startswith(sentence)


def test_a_lease_is_called_as_a_release_may_be() -> None:
    given = {"NAMESPACE": "ops", "LEASE": "v1.2-paddlemodel-operator"}
    read = from_environment({f"PADDLEMODEL_OPERATOR_{name}": value for name, value in given.items()})
    assert read.lease == "v1.2-paddlemodel-operator"
    for wrong in ("a..b", ".a", "a.", "A"):
        with pytest.raises(SettingsError, match="PADDLEMODEL_OPERATOR_LEASE="):
            from_environment({"PADDLEMODEL_OPERATOR_NAMESPACE": "o", "PADDLEMODEL_OPERATOR_LEASE": wrong})


def test_an_operator_of_some_namespaces_registers_no_adapter() -> None:
    given = {"NAMESPACE": "ops", "METRICS_SOURCE": "none", "WATCH_NAMESPACES": "a", "ADAPTER": "b"}
    with pytest.raises(SettingsError, match="no adapter can be registered for the cluster"):
        from_environment({f"PADDLEMODEL_OPERATOR_{name}": value for name, value in given.items()})
