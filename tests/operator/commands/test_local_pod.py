"""A rendered pod, as processes of one machine."""

from pathlib import Path
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.commands.faults import InputError
from paddlemodel_operator.commands.local_pod import Machine, Process, processes
from paddlemodel_operator.commands.local_server import address, how_to_ask
from paddlemodel_operator.render import render
from paddlemodel_operator.render.recording import RECORDING_DIR

from tests.operator.support.builders import SETTINGS, model

HOME = Path("/data/me/run")


def machine(**changed: Any) -> Machine:
    return Machine(**{"home": HOME, "claims": {}, "secrets": {}, "config_maps": {}, "environ": {}, **changed})


def pod(**spec: Any) -> dict[str, Any]:
    children = render(model(**spec), SETTINGS)
    found: dict[str, Any] = children[names.ChildKey(names.DEPLOYMENT, "resnet50")]["spec"]["template"]["spec"]
    return found


def after(process: Process, flag: str) -> str:
    return process.arguments[process.arguments.index(flag) + 1]


def test_the_fetcher_fills_the_folder_from_which_the_server_reads() -> None:
    fetch, server = processes(pod(model={"uri": "https://m.example.com/a.tar"}), machine())
    assert fetch.arguments[:3] == ("fetch", "--uri", "https://m.example.com/a.tar")
    assert after(fetch, "--into") == f"{HOME}/models/model"
    assert server.arguments == ("serve",)
    assert server.environment["PADDLEMODEL_NAME"] == "resnet50"


def test_a_file_is_one_of_this_machine_wherever_it_lies() -> None:
    """Also below a path at which a pod has a volume."""
    for uri in ("file:///models/model", "file:///tmp/a.tar", "file:///data/me/a%20b"):
        fetch, _ = processes(pod(model={"uri": uri}), machine())
        assert after(fetch, "--uri") == uri


def test_a_claim_is_a_folder_that_is_named() -> None:
    spec = {"model": {"uri": "pvc://models/nets/a"}}
    fetch, _ = processes(pod(**spec), machine(claims={"models": Path("/data/my nets")}))
    assert after(fetch, "--uri") == "file:///data/my%20nets/nets/a"
    assert after(fetch, "--root") == "/data/my nets"
    with pytest.raises(InputError, match=r"the PersistentVolumeClaim models .* --claim models=DIR"):
        processes(pod(**spec), machine())


def test_a_cache_needs_no_claim() -> None:
    spec = {"model": {"uri": "https://m.example.com/a.tar", "cache": {"claimName": "shared", "keep": 2}}}
    fetch, _ = processes(pod(**spec), machine())
    assert after(fetch, "--cache") == f"{HOME}/model-cache"
    fetch, _ = processes(pod(**spec), machine(claims={"shared": Path("/cache")}))
    assert after(fetch, "--cache") == "/cache"


def test_a_secret_is_a_folder_that_is_named() -> None:
    spec = {"model": {"uri": "s3://bucket/a", "credentials": {"secretName": "login"}}}
    fetch, _ = processes(pod(**spec), machine(secrets={"login": Path("/keys")}))
    assert after(fetch, "--credentials") == "/keys"
    with pytest.raises(InputError, match=r"the Secret login .* --secret login=DIR"):
        processes(pod(**spec), machine())


def test_a_pod_that_speaks_tls_is_reached_by_https() -> None:
    _, plain = processes(pod(), machine())
    assert address(plain, "127.0.0.1", 8080) == "http://127.0.0.1:8080"
    spec = {"access": {"tls": {"secretName": "certificate"}}}
    _, server = processes(pod(**spec), machine(secrets={"certificate": Path("/tls")}))
    assert address(server, "127.0.0.1", 8080) == "https://127.0.0.1:8080"


def test_people_are_shown_how_to_ask_and_no_key(tmp_path: Path) -> None:
    at = "https://127.0.0.1:8080"
    _, plain = processes(pod(), machine())
    assert how_to_ask(plain, at) == ""
    for folder in ("clients", "tls"):
        (tmp_path / folder).mkdir()
    (tmp_path / "clients" / "alice").write_text("planted-alice-0123456789")
    spec = {"access": {"apiKeys": {"secretName": "clients"}, "tls": {"secretName": "tls"}}}
    given = {name: tmp_path / name for name in ("clients", "tls")}
    _, server = processes(pod(**spec), machine(secrets=given))
    asked = f"==> ask it by: paddlemodel-server predict {at} --key-file {tmp_path}/clients/alice --ca-file "
    assert how_to_ask(server, at).startswith(f"{asked}{tmp_path}/tls/tls.crt (and --server-name NAME ")
    (tmp_path / "tls" / "ca.crt").touch()
    assert how_to_ask(server, at).startswith(f"{asked}{tmp_path}/tls/ca.crt ")


def test_a_config_map_is_a_folder_that_is_named() -> None:
    """The variable is set by `paddlemodel run`; in a pod it has this default."""
    spec = {"verification": {"recording": {"configMap": {"name": "golden"}}}}
    found = pod(**spec)
    found["containers"][0]["env"].append({"name": "PADDLEMODEL_RECORDING_DIR", "value": RECORDING_DIR})
    _, server = processes(found, machine(config_maps={"golden": Path("/golden")}))
    assert server.environment["PADDLEMODEL_RECORDING_DIR"] == "/golden"
    with pytest.raises(InputError, match=r"the ConfigMap golden .* --config-map golden=DIR"):
        processes(found, machine())


def test_the_keys_of_clients_are_a_folder_that_is_named() -> None:
    spec = {"access": {"apiKeys": {"secretName": "clients"}}}
    _, server = processes(pod(**spec), machine(secrets={"clients": Path("/keys")}))
    assert server.environment["PADDLEMODEL_API_KEYS_DIR"] == "/keys"
    with pytest.raises(InputError, match=r"the Secret clients .* --secret clients=DIR"):
        processes(pod(**spec), machine())


def test_the_keys_of_tokens_are_a_folder_that_is_named() -> None:
    jwt = {"issuer": "https://a", "audiences": ["b"], "keys": {"configMapName": "issuer"}}
    _, server = processes(pod(access={"jwt": jwt}), machine(config_maps={"issuer": Path("/keys")}))
    assert server.environment["PADDLEMODEL_JWT_KEYS_DIR"] == "/keys"


def test_the_password_of_shared_limits_is_a_folder_that_is_named() -> None:
    shared = {"uri": "redis://127.0.0.1:6379", "secretName": "limits"}
    spec = {"access": {"rateLimits": [{"per": "Model", "requests": 9}], "sharedLimits": shared}}
    _, server = processes(pod(**spec), machine(secrets={"limits": Path("/login")}))
    assert server.environment["PADDLEMODEL_SHARED_LIMITS_DIR"] == "/login"
    with pytest.raises(InputError, match=r"the Secret limits .* --secret limits=DIR"):
        processes(pod(**spec), machine())


def test_variables_are_filled_in_as_a_kubelet_does() -> None:
    given = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A) $$(A) $(C) $"},
        {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    fetch, server = processes(pod(pod={"env": given}), machine(environ={"D": "$(A)$"}))
    for process in (fetch, server):
        found = {name: process.environment[name] for name in "ABD"}
        assert found == {"A": "1", "B": "1 $(A) $(C) $", "D": "$(A)$"}
    with pytest.raises(InputError, match=r"the variable D of spec.pod.env .* D=… paddlemodel run"):
        processes(pod(pod={"env": given}), machine())


def test_the_task_arrives_as_it_was_written() -> None:
    task = {"imageClassification": {"labels": ["$(HOME)", "$$"]}}
    _, server = processes(pod(task=task), machine())
    assert server.environment["PADDLEMODEL_TASK"] == '{"imageClassification":{"labels":["$(HOME)","$$"]}}'


def test_a_volume_that_only_a_cluster_has_is_refused() -> None:
    found = pod()
    found["volumes"].append({"name": "other", "nfs": {}})
    with pytest.raises(InputError, match=r"the volume other of the pod is of a kind that only a cluster has"):
        processes(found, machine())
