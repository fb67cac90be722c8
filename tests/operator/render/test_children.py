"""Whole rendered objects, the smallest spec first; then what each field of the spec changes."""

from typing import Any

from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.operator.support.builders import DIGEST, URI, rendered
from tests.operator.support.expected import (
    CLIENTS_PORT,
    METADATA,
    POD_LABELS,
    POD_SPEC,
    SELECTOR,
    SERVICE_SELECTOR,
)


def pod_spec(**fields: Any) -> Any:
    return rendered(names.DEPLOYMENT, **fields)["spec"]["template"]["spec"]


def server_env(**fields: Any) -> dict[str, str]:
    (server,) = pod_spec(**fields)["containers"]
    return {one["name"]: one.get("value", "") for one in server["env"]}


def test_the_simplest_deployment() -> None:
    deployment = rendered(names.DEPLOYMENT)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    revision = labels.pop("paddlemodel.dev/revision")
    assert len(revision) == 10
    assert labels.pop("service.istio.io/canonical-revision") == revision
    annotations = deployment["metadata"].pop("annotations")
    asked = annotations["paddlemodel.dev/rollout-revision"]
    assert annotations == {"paddlemodel.dev/rollout-revision": asked, "paddlemodel.dev/template": revision}
    assert deployment == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": METADATA,
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": 1800,
            "selector": {"matchLabels": SELECTOR},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": POD_LABELS}, "spec": POD_SPEC},
        },
    }


def test_the_simplest_service() -> None:
    assert rendered(names.SERVICE) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": METADATA,
        "spec": {
            "type": "ClusterIP",
            "selector": SERVICE_SELECTOR,
            "ports": [CLIENTS_PORT],
        },
    }


def test_what_is_not_desired_is_none() -> None:
    assert rendered(names.AUTOSCALER) is None
    assert rendered(names.DISRUPTION_BUDGET) is None
    assert rendered(names.INGRESS) is None


def test_a_gpu_goes_to_the_server_only() -> None:
    spec = pod_spec(device="GPU", gpu={"count": 2, "resourceName": "example.com/gpu"})
    (server,), (fetch,) = spec["containers"], spec["initContainers"]
    assert server["image"] == "server:gpu"
    assert server["resources"]["limits"] == {"cpu": "4", "memory": "16Gi", "example.com/gpu": "2"}
    assert "example.com/gpu" not in fetch["resources"]["limits"]


def test_a_gpu_is_one_nvidia_gpu_by_default() -> None:
    (server,) = pod_spec(device="GPU")["containers"]
    assert server["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_user_s_resources_replace_the_defaults_as_a_whole() -> None:
    (server,) = pod_spec(resources={"requests": {"cpu": 3}})["containers"]
    assert server["resources"] == {"requests": {"cpu": "3"}}


def test_a_claim_is_mounted_for_the_fetcher_only() -> None:
    spec = pod_spec(model={"uri": "pvc://store/a/b.tar"})
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    assert fetch["args"][2] == "file:///mnt/model-source/a/b.tar"
    assert fetch["args"][-2:] == ["--root", "/mnt/model-source"]  # links may lead anywhere in the claim
    assert fetch["volumeMounts"][-1] == {
        "name": "model-source",
        "mountPath": "/mnt/model-source",
        "readOnly": True,
    }
    assert spec["volumes"][-1] == {
        "name": "model-source",
        "persistentVolumeClaim": {"claimName": "store", "readOnly": True},
    }
    assert "model-source" not in {one["name"] for one in server["volumeMounts"]}


def test_a_whole_claim_is_its_folder() -> None:
    (fetch,) = pod_spec(model={"uri": "pvc://store"})["initContainers"]
    assert fetch["args"][2] == "file:///mnt/model-source"


def test_a_digest_is_passed_on() -> None:
    (fetch,) = pod_spec(model={"uri": URI, "digest": DIGEST})["initContainers"]
    assert fetch["args"][-2:] == ["--digest", DIGEST]


def test_credentials_and_cache_are_the_fetcher_s_alone() -> None:
    spec = pod_spec(
        model={
            "uri": "s3://models/$(A)",
            "digest": DIGEST,
            "credentials": {"secretName": "s3-keys"},
            "store": {"endpoint": "http://minio.ml.svc:9000", "region": "eu-1", "addressing": "Path"},
            "cache": {"claimName": "models", "keep": 5},
        }
    )
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    assert fetch["args"] == [
        *("fetch", "--uri", "s3://models/$$(A)", "--into", "/models/model", "--digest", DIGEST),
        *("--cache", "/mnt/model-cache", "--keep", "5", "--credentials", "/mnt/model-credentials"),
        *("--endpoint", "http://minio.ml.svc:9000", "--region", "eu-1", "--addressing", "Path"),
    ]
    assert fetch["volumeMounts"][2:] == [
        {"name": "model-credentials", "mountPath": "/mnt/model-credentials", "readOnly": True},
        {"name": "model-cache", "mountPath": "/mnt/model-cache"},
    ]
    assert spec["volumes"][2:] == [
        # Optional: a pod that waits for a Secret tells it in Events only, the fetcher in its last words.
        {
            "name": "model-credentials",
            "secret": {"secretName": "s3-keys", "optional": True, "defaultMode": 0o440},
        },
        {"name": "model-cache", "persistentVolumeClaim": {"claimName": "models"}},
    ]
    assert {one["name"] for one in server["volumeMounts"]} == {"models", "tmp"}
    assert "env" not in fetch
    assert "s3-keys" not in str(server)


def test_the_server_hears_what_the_user_set_and_nothing_else() -> None:
    server = {
        "batching": {"maxBatchSize": 8, "maxDelayMs": 0},
        "queueSize": 9,
        "timeoutSeconds": 60,
        "drainSeconds": 0,
        "precision": "BF16",
        "optimizations": {"keepTensors": False, "reuseMemory": True},
        "maxRequestBytes": 2048,
    }
    env = server_env(server=server, task={"imageClassification": {"topK": 3, "mean": [0, 0.5, 1]}})
    assert env == {
        "PADDLEMODEL_NAME": "resnet50",
        "PADDLEMODEL_DEVICE": "cpu",
        "PADDLEMODEL_PRECISION": "BF16",
        "PADDLEMODEL_KEEP_TENSORS": "false",
        "PADDLEMODEL_REUSE_MEMORY": "true",
        "PADDLEMODEL_TASK": '{"imageClassification":{"topK":3,"mean":[0.0,0.5,1.0]}}',
        "PADDLEMODEL_MAX_BATCH_SIZE": "8",
        "PADDLEMODEL_MAX_DELAY_MS": "0",
        "PADDLEMODEL_QUEUE_SIZE": "9",
        "PADDLEMODEL_TIMEOUT_SECONDS": "60",
        "PADDLEMODEL_DRAIN_SECONDS": "0",
        "PADDLEMODEL_MAX_REQUEST_BYTES": "2048",
    }


def test_the_pod_may_drain_and_then_finish_its_longest_request() -> None:
    assert pod_spec(server={"timeoutSeconds": 100})["terminationGracePeriodSeconds"] == 120
    assert pod_spec(server={"drainSeconds": 0})["terminationGracePeriodSeconds"] == 45
    assert pod_spec(server={"drainSeconds": 60})["terminationGracePeriodSeconds"] == 105


def test_a_gpu_server_hears_of_precision_and_tensorrt() -> None:
    env = server_env(device="GPU", server={"precision": "INT8", "tensorRT": {"enabled": True}})
    assert (env["PADDLEMODEL_PRECISION"], env["PADDLEMODEL_TENSORRT"]) == ("INT8", "true")
    assert "PADDLEMODEL_TENSORRT" not in server_env(device="GPU", server={"tensorRT": {"enabled": False}})


def test_tensorrts_engines_outlive_the_container() -> None:
    """Its root is read-only, and what it keeps by itself goes with it."""
    on, off = {"tensorRT": {"enabled": True}}, {"tensorRT": {"enabled": False}}
    spec = pod_spec(device="GPU", server=on)
    assert server_env(device="GPU", server=on)["PADDLEMODEL_CACHE_DIR"] == "/tmp/tensorrt"
    assert {"name": "tmp", "emptyDir": {}} in spec["volumes"]
    assert "PADDLEMODEL_CACHE_DIR" not in server_env(device="GPU", server=off)
    given = {"env": [{"name": "PADDLEMODEL_CACHE_DIR", "value": "/models/engines"}]}
    (server,) = pod_spec(device="GPU", server=on, pod=given)["containers"]
    assert [one["value"] for one in server["env"] if one["name"] == "PADDLEMODEL_CACHE_DIR"] == [
        "/models/engines"
    ]


def test_every_variable_that_the_operator_sets_is_known_by_name() -> None:
    """spec.pod.env may set the others, and the one for which it has only a default."""
    everything = {
        "batching": {"maxBatchSize": 1, "maxDelayMs": 1},
        "precision": "FP16",
        "optimizations": {"oneDNN": True, "keepTensors": False, "reuseMemory": False},
        "tensorRT": {"enabled": True},
        "queueSize": 1,
        "timeoutSeconds": 1,
        "drainSeconds": 1,
        "maxRequestBytes": 1024,
    }
    verification = {"recording": {"fromModel": "verify.jsonl"}, "tolerance": {"absolute": "1"}}
    ingress = {"host": "a.b", "path": "/m"}
    found = set(server_env(device="GPU", server=everything, ingress=ingress, verification=verification))
    assert found == {*contract.SERVER_VARIABLES, "PADDLEMODEL_CACHE_DIR"}


def test_a_recording_in_a_config_map_is_mounted_for_the_server_which_says_if_it_is_missing() -> None:
    spec = pod_spec(verification={"recording": {"configMap": {"name": "golden", "key": "a.jsonl"}}})
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    assert server["volumeMounts"][-1] == {
        "name": "recording",
        "mountPath": "/mnt/recording",
        "readOnly": True,
    }
    assert spec["volumes"][-1] == {"name": "recording", "configMap": {"name": "golden", "optional": True}}
    assert "recording" not in {one["name"] for one in fetch["volumeMounts"]}
    beside = pod_spec(verification={"recording": {"fromModel": "verify.jsonl"}})
    assert "recording" not in {one["name"] for one in beside["volumes"]}


def test_kubernetes_expands_nothing_in_the_user_s_words() -> None:
    """$(NAME) in arguments and values would be replaced by the kubelet; doubled dollars are not."""
    fields = {
        "model": {"uri": "https://a.example.com/$(PADDLEMODEL_NAME).tar"},
        "task": {"imageClassification": {"labels": ["$(HOME)", "$$(HOME)", "5$"]}},
    }
    (fetch,) = pod_spec(**fields)["initContainers"]
    assert fetch["args"][2] == "https://a.example.com/$$(PADDLEMODEL_NAME).tar"
    expected = '{"imageClassification":{"labels":["$$(HOME)","$$$$(HOME)","5$$"]}}'
    assert server_env(**fields)["PADDLEMODEL_TASK"] == expected


def test_everything_of_the_pod_is_passed_on() -> None:
    placement = {
        "nodeSelector": {"gpu": "a100"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priorityClassName": "high",
        "runtimeClassName": "nvidia",
        "serviceAccountName": "reader-of-models",
        "imagePullSecrets": [{"name": "registry"}],
    }
    env = [
        {"name": "A", "value": "$(HOSTNAME)"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    manifest = {**placement, "labels": {"team": "vision"}, "annotations": {"note": "x"}, "env": env}
    template = rendered(names.DEPLOYMENT, pod=manifest)["spec"]["template"]
    assert {key: template["spec"][key] for key in placement} == placement
    assert template["metadata"]["labels"]["team"] == "vision"
    assert template["metadata"]["annotations"] == {"note": "x"}
    assert template["spec"]["containers"][0]["env"][-2:] == env
    assert template["spec"]["initContainers"][0]["env"] == env
