"""The table of specs that break one rule each, with the words that must appear in the refusal.

test_model.py sends it through `from_body`, test_control_plane_crd.py to a real API server: both must refuse.
"""

from typing import Any

from tests.operator.support import source_specs
from tests.operator.support.builders import URI, spec
from tests.operator.support.field_specs import access_specs, network_specs, rollout_specs, verification_specs
from tests.operator.support.source_specs import Refused, of_model, of_uri
from tests.operator.support.task_specs import picture_specs, sound_specs

__all__ = ["ACCEPTED", "RULES", "TYPES", "UNKNOWN", "Refused"]


def _task(**fields: Any) -> dict[str, Any]:
    return spec(task={"imageClassification": fields})


def _text(kind: str, **fields: Any) -> dict[str, Any]:
    return spec(task={f"text{kind}": fields})


def _pod(**fields: Any) -> dict[str, Any]:
    return spec(pod=fields)


def _scaling(device: str = "CPU", **fields: Any) -> dict[str, Any]:
    return spec(device=device, autoscaling={"maxReplicas": 3, **fields})


OTHERS = (verification_specs, rollout_specs, picture_specs, access_specs, network_specs, sound_specs)
RULES = (
    *(rule for part in (source_specs, *OTHERS) for rule in part.RULES),
    Refused(
        "replicas beside autoscaling",
        spec(replicas=2, autoscaling={"maxReplicas": 3}),
        "exclude each other: remove one",
    ),
    Refused("more at least than at most", _scaling(minReplicas=4), "lower the one or raise the other"),
    Refused(
        "GPU use on the processor",
        _scaling(gpuUtilization=50),
        "gpuUtilization needs spec.device GPU: use busyRatio or cpuUtilization on device CPU",
    ),
    Refused(
        "GPU memory on the processor",
        _scaling(gpuMemory=50, cpuUtilization=50),
        "gpuMemory needs spec.device GPU: use busyRatio or cpuUtilization on device CPU",
    ),
    Refused(
        "raw metrics for KEDA",
        _scaling(metricsSource="keda", metrics=[{"type": "Resource"}]),
        "remove them, or set metricsSource to builtin",
    ),
    Refused(
        "processor use without a request",
        spec(autoscaling={"maxReplicas": 2}, resources={"requests": {"memory": "1Gi"}}),
        "needs spec.resources.requests.cpu",
    ),
    Refused(
        "processor use by default, without a request",
        spec(autoscaling={"maxReplicas": 2, "metrics": []}, resources={"requests": {"memory": "1Gi"}}),
        "needs spec.resources.requests.cpu",
    ),
    Refused(
        "processor use among others, without a request",
        spec(
            autoscaling={"maxReplicas": 2, "busyRatio": 60, "cpuUtilization": 60},
            resources={"requests": {"memory": "1Gi"}},
        ),
        "needs spec.resources.requests.cpu",
    ),
    Refused("GPUs on the processor", spec(gpu={"count": 1}), "remove spec.gpu, or set spec.device to GPU"),
    Refused(
        "TensorRT on the processor",
        spec(server={"tensorRT": {"enabled": True}}),
        "spec.server.tensorRT needs",
    ),
    Refused("half precision on the processor", spec(server={"precision": "FP16"}), "use FP32 or BF16"),
    Refused(
        "whole numbers on a GPU without TensorRT",
        spec(device="GPU", server={"precision": "INT8", "tensorRT": {"enabled": False}}),
        "set spec.server.tensorRT.enabled to true",
    ),
    Refused(
        "bfloat16 on the processor without oneDNN",
        spec(server={"precision": "BF16", "optimizations": {"oneDNN": False}}),
        "spec.server.optimizations.oneDNN false needs precision FP32 on device CPU",
    ),
    Refused("a GPU without a domain", spec(device="GPU", gpu={"resourceName": "gpu"}), "must be DOMAIN/NAME"),
    Refused("labels twice", _task(labels=["a"], labelsFile="l.txt"), "exclude each other: keep one"),
    Refused(
        "two tasks",
        spec(task={"tensors": {}, "imageClassification": {}}),
        "spec.task has exactly one member: keep one of auto, tensors, imageClassification",
    ),
    Refused(
        "two lists", _text("Classification", labels=["a"], labelsFile="l.txt"), "labelsFile exclude each"
    ),
    Refused("a list outside", _text("Classification", labelsFile="../l"), "must be a plain relative path"),
    Refused("a task without a member", spec(task={}), "spec.task has exactly one member"),
    Refused(
        "a shorter side of a picture that is stretched",
        _task(resize="Stretch", resizeShort=256),
        "resizeShort needs resize Crop",
    ),
    Refused(
        "a stride for pictures that are stretched",
        spec(task={"objectDetection": {"stride": 32}}),
        "objectDetection.stride needs resize Fit",
    ),
    Refused(
        "a filling for pictures that are stretched",
        spec(task={"objectDetection": {"padValue": [0, 0, 0]}}),
        "objectDetection.padValue needs resize Pad",
    ),
    Refused("the best ones and all others", _task(topK=3, threshold=0.5), "topK and threshold exclude each"),
    Refused("a labels file outside", _task(labelsFile="../../etc/passwd"), "must be a plain relative path"),
    Refused("an absolute labels file", _task(labelsFile="/etc/passwd"), "must be a plain relative path"),
    Refused("a label of ours", _pod(labels={"paddlemodel.dev/model": "x"}), "choose another key"),
    Refused(
        "a variable of ours",
        _pod(env=[{"name": "PADDLEMODEL_PORT", "value": "1"}]),
        "use the fields of spec.server",
    ),
    Refused(
        "a grant of its own",
        _pod(env=[{"name": "PADDLEMODEL_CUSTOM_TASKS", "value": "true"}]),
        "must not set PADDLEMODEL_ variables",
    ),
    Refused("a variable twice", _pod(env=[{"name": "A"}, {"name": "A"}]), "names a variable twice"),
    Refused(
        "a variable with two values", _pod(env=[{"name": "A", "value": "1", "valueFrom": {}}]), "keep one"
    ),
    Refused("a variable with a bad name", _pod(env=[{"name": "A=B"}]), "names start with a letter"),
    Refused("a name with a dot", spec(), "at most 52 lower-case letters", "resnet50.v1"),
    Refused("a name of 53 letters", spec(), "at most 52 lower-case letters", "a" * 53),
    Refused("a name that starts with a digit", spec(), "must start with a letter", "50resnet"),
)

TYPES = (
    *network_specs.TYPES,
    *source_specs.TYPES,
    *picture_specs.TYPES,
    *access_specs.TYPES,
    *sound_specs.TYPES,
    Refused("no address", spec(model={}), "spec.model.uri"),
    Refused(
        "a Secret of no cluster", _pod(imagePullSecrets=[{"name": "My_Keys"}]), "spec.pod.imagePullSecrets"
    ),
    Refused("a class of no cluster", _pod(priorityClassName="High"), "spec.pod.priorityClassName"),
    Refused("negative replicas", spec(replicas=-1), "spec.replicas"),
    Refused("a thousand and one replicas", spec(replicas=1001), "spec.replicas"),
    Refused("replicas as text", spec(replicas="two"), "spec.replicas"),
    Refused("an overflowing number", spec(replicas=2**70), "spec.replicas"),
    Refused("no pods at least", _scaling(minReplicas=0), "spec.autoscaling.minReplicas"),
    Refused("no pods at most", spec(autoscaling={}), "spec.autoscaling.maxReplicas"),
    Refused(
        "GPU use beyond the whole", _scaling("GPU", gpuUtilization=101), "spec.autoscaling.gpuUtilization"
    ),
    Refused("a share of nothing", _scaling(busyRatio=0), "spec.autoscaling.busyRatio"),
    Refused("a share as a fraction", _scaling(busyRatio=0.7), "spec.autoscaling.busyRatio"),
    Refused("no request per pod", _scaling(inflightPerReplica=0), "spec.autoscaling.inflightPerReplica"),
    Refused("no wait at all", _scaling(queueSeconds=0), "spec.autoscaling.queueSeconds"),
    Refused("a wait of hours", _scaling(queueSeconds=3600), "spec.autoscaling.queueSeconds"),
    Refused("an unknown source", _scaling(metricsSource="datadog"), "spec.autoscaling.metricsSource"),
    Refused("an unknown device", spec(device="TPU"), "spec.device"),
    Refused("an unknown precision", spec(server={"precision": "FP8"}), "spec.server.precision"),
    Refused("neither on nor off", spec(server={"tensorRT": {}}), "spec.server.tensorRT.enabled"),
    Refused("a drain of hours", spec(server={"drainSeconds": 601}), "spec.server.drainSeconds"),
    Refused("a port out of range", spec(service={"port": 70000}), "spec.service.port"),
    Refused(
        "a quantity with a unit of its own",
        spec(resources={"limits": {"memory": "4GB"}}),
        "spec.resources.limits",
    ),
    Refused("two channels", _task(mean=[1, 2]), "spec.task.imageClassification.mean"),
    Refused("a division by nothing", _task(std=[1, 0, 1]), "spec.task.imageClassification.std"),
    Refused("no tokens", _text("Embedding", maxTokens=2), "spec.task.textEmbedding.maxTokens"),
    Refused("a pooling of its own", _text("Embedding", pooling="Sum"), "textEmbedding.pooling"),
    Refused("a share beyond the whole", _task(threshold=1.5), "spec.task.imageClassification.threshold"),
    Refused(
        "no object at all",
        spec(task={"objectDetection": {"maxDetections": 0}}),
        "spec.task.objectDetection.maxDetections",
    ),
    Refused("no best class", _task(topK=0), "spec.task.imageClassification.topK"),
    Refused("an endless address", of_uri("https://a.example.com/" + "x" * 2000 + ".tar"), "spec.model.uri"),
    Refused("a label without an end", _task(labels=["x" * 129]), "spec.task.imageClassification.labels"),
    Refused("too many labels", _task(labels=["x"] * 1001), "spec.task.imageClassification.labels"),
)

UNKNOWN = (
    *access_specs.UNKNOWN,
    *picture_specs.UNKNOWN,
    Refused("a field that is not there", spec(modle={}), "modle"),
    Refused("a field of a block that is not there", spec(server={"timeout": 3}), "server.timeout"),
    Refused(
        "a key in the spec",
        of_model(credentials={"secretName": "s", "token": "t"}),
        "model.credentials.token",
    ),
    Refused("labels for nobody", spec(task={"auto": {"labels": ["a"]}}), "task.auto.labels"),
    Refused("labels for tensors", spec(task={"tensors": {"labels": ["a"]}}), "task.tensors.labels"),
    Refused("labels beside the task", spec(task={"imageClassification": {}, "labels": ["a"]}), "task.labels"),
)

ACCEPTED: dict[str, dict[str, Any]] = {
    **source_specs.ACCEPTED,
    **picture_specs.ACCEPTED,
    **access_specs.ACCEPTED,
    **network_specs.ACCEPTED,
    **sound_specs.ACCEPTED,
    **rollout_specs.ACCEPTED,
    "the smallest spec": {"model": {"uri": URI}},
    "tensors by name": spec(task={"tensors": {}}),
    "labels in another script": _task(labels=["猫", "狗", "a, b", "$(x)", ""]),
    "a labels file in a folder": _task(labelsFile="meta/labels.v2.txt"),
    "every field of a picture": _task(
        labels=["a"],
        topK=1,
        resize="Pad",
        channelOrder="BGR",
        mean=[0, 0.5, 1],
        std=[1, 1, 0.5],
        activation="None",
        output="scores",
        width=224,
        height=224,
    ),
    "vectors": _text("Embedding", maxTokens=512, longTexts="Truncate", pooling="Cls", normalize=True),
    "more of vectors": _text("Embedding", padding="None", output="v"),
    "a text's class": _text("Classification", labels=["a", ""], topK=2, activation="Sigmoid", output="y"),
    "entities": spec(task={"tokenClassification": {"labelsFile": "t.txt", "outside": "-", "output": "y"}}),
    "GPUs of a slice": spec(device="GPU", gpu={"count": 2, "resourceName": "nvidia.com/mig-1g.10gb"}),
    "whole numbers by TensorRT": spec(
        device="GPU", server={"precision": "INT8", "tensorRT": {"enabled": True}}
    ),
    "plain arithmetic": spec(server={"precision": "FP32", "optimizations": {"oneDNN": False}}),
    "half precision by the GPU itself": spec(
        device="GPU", server={"precision": "FP16", "optimizations": {"oneDNN": False}}
    ),
    "whole numbers on the processor": spec(server={"precision": "INT8", "tensorRT": {"enabled": False}}),
    "quantities of both kinds": spec(
        resources={"requests": {"cpu": 2, "memory": "1.5Gi"}, "limits": {"cpu": "2500m"}}
    ),
    "no replicas": spec(replicas=0),
    "autoscaling by limits": spec(autoscaling={"maxReplicas": 2}, resources={"limits": {"cpu": "2"}}),
    "autoscaling by own metrics": spec(
        autoscaling={
            "maxReplicas": 2,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "memory",
                        "target": {"type": "Utilization", "averageUtilization": 50},
                    },
                }
            ],
            "behavior": {"scaleDown": {"selectPolicy": "Disabled"}},
        },
        resources={"requests": {"memory": "1Gi"}},
    ),
    "every target at once": spec(
        device="GPU",
        autoscaling={
            "maxReplicas": 2,
            "gpuUtilization": 1,
            "gpuMemory": 100,
            "busyRatio": 60,
            "inflightPerReplica": 8,
            "queueSeconds": 0.25,
            "cpuUtilization": 300,
            "metricsSource": "none",
        },
    ),
    "a target that needs no processor request": spec(
        autoscaling={"maxReplicas": 2, "queueSeconds": 1}, resources={"requests": {"memory": "1Gi"}}
    ),
    "KEDA without raw metrics": spec(
        autoscaling={"maxReplicas": 2, "inflightPerReplica": 4, "metricsSource": "keda", "metrics": []}
    ),
    "variables": _pod(
        env=[
            {"name": "A", "value": ""},
            {"name": "PADDLEMODEL_LOG_LEVEL", "value": "DEBUG"},
            {"name": "b.c-d", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ]
    ),
    "raw objects": _pod(
        tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}],
        affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}},
    ),
}
