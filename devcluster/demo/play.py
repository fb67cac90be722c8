"""The demo: one YAML becomes a served model on a real cluster, and scales; every step says what it proves."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import yaml

from devcluster import cluster
from devcluster.builders import images, programs
from devcluster.demo import autoscaling, model_store, new_versions
from devcluster.demo.paddlemodels import is_ready, wait_for
from devcluster.errors import DevclusterError
from devcluster.paths import REPOSITORY, State
from devcluster.progress import say, step
from devcluster.target import SYSTEM_NAMESPACE, Target, named_by_reader
from tests.models import ModelName, archive_of

NAMESPACE = "paddlemodel-demo"
EXAMPLE = REPOSITORY / "examples" / "ocr.yaml"
SMALL_EXAMPLE = REPOSITORY / "examples" / "cpu-image-classification.yaml"
PAGE = REPOSITORY / "examples" / "page.png"
FIRST_LINE = "Invoice 2026-117"
CLUSTER = "demo"


def main(*, keep: bool, kubeconfig: Path | None, image_prefix: str) -> int:
    """Run the demo on a fresh node, or on the cluster of `kubeconfig`; clean up unless `keep`.

    Raises:
        DevclusterError: A step failed; the cause and where to look are printed before.
    """
    if kubeconfig:
        target = _beside_others(named_by_reader(kubeconfig, image_prefix))
        _refuse_to_disturb(target)
    else:
        target = _own_node()
    try:
        small = _play(target)
        new_versions.play(target, NAMESPACE, server_image(target), small)
        if kubeconfig:
            say("==> no autoscaling on GPUs here: the demo simulates them, and only in a node of its own")
        else:
            autoscaling.play(State.of(CLUSTER), target, NAMESPACE, server_image(target), small)
    except DevclusterError:
        _explain(target)
        _say_how_to_go_on(target, own_node=kubeconfig is None)
        raise
    if keep:
        _say_how_to_go_on(target, own_node=kubeconfig is None)
        return 0
    with step("clean up"):
        _clean_up(target, own_node=kubeconfig is None)
    say("Done: nothing is left. `make demo KEEP=1` leaves everything running to explore.")
    return 0


def _own_node() -> Target:
    programs.build(programs.NODE)
    archives = [*images.build_pause(), *images.build_all()]
    cluster.down(CLUSTER)
    with step("start a node: API server, controllers, scheduler, kubelet, containerd, DNS, all real"):
        state = cluster.up_node(CLUSTER)
    with step("import the images built from Dockerfile.operator and Dockerfile.serving"):
        images.load(state, archives)
    # An image with CUDA cannot be built here, and the GPUs of the last scene are simulated.
    tag = images.ours()[1].name.rpartition(":")[2]
    return Target(kubeconfig=state.kubeconfig, values=(f"serverImages.gpu.tag={tag}",))


def _beside_others(target: Target) -> Target:
    """Another adapter that serves the pods' metrics goes on, and ours waits: else the chart would refuse."""
    return replace(target, values=(*target.values, "autoscaling.builtin.existingAdapterPolicy=standDown"))


def _refuse_to_disturb(target: Target) -> None:
    if target.kubectl("get", "crd", "paddlemodels.paddlemodel.dev", "--ignore-not-found"):
        raise DevclusterError(
            "this cluster has a PaddleModel operator already; the demo installs its own and removes it"
        )


def _play(target: Target) -> dict[str, Any]:
    """Everything on the CPU; returns a small model for the scene on GPUs."""
    with step("install the chart: the operator runs as a pod, under its own ServiceAccount"):
        target.install_operator()
        say(_indent(target.kubectl("get", "pods", f"--namespace={SYSTEM_NAMESPACE}")))
    model, small = _examples(target)
    name = model["metadata"]["name"]
    with step(f"apply one YAML: {EXAMPLE.relative_to(REPOSITORY)}"):
        target.apply(model, namespace=NAMESPACE)
        wait_for(
            target, name, NAMESPACE, lambda item: bool(item.get("status", {}).get("conditions")), "a status"
        )
    say("    it became:")
    say(_indent(_children(target)))
    with step("wait until its two models are fetched, checked, loaded and warm"):
        wait_for(target, name, NAMESPACE, is_ready, "Ready")
        say(_indent(target.kubectl("get", "pdm", f"--namespace={NAMESPACE}")))
    with step(f"read a page through the Service: {PAGE.relative_to(REPOSITORY)}"):
        _read(target, name)
    with step(f"kubectl scale pdm/{name} --replicas 2: the model is scaled like a Deployment"):
        target.kubectl("scale", f"pdm/{name}", "--replicas=2", f"--namespace={NAMESPACE}")
        wait_for(
            target,
            name,
            NAMESPACE,
            lambda item: item["status"].get("readyReplicas") == 2,
            "two ready replicas",
        )
        say(
            _indent(
                target.kubectl(
                    "get", "pods", f"--namespace={NAMESPACE}", "-l", f"paddlemodel.dev/model={name}"
                )
            )
        )
    return small


def _examples(target: Target) -> tuple[dict[str, Any], dict[str, Any]]:
    """The examples, their archives served from inside the cluster: the demo needs no internet."""
    model, small = (yaml.safe_load(example.read_text()) for example in (EXAMPLE, SMALL_EXAMPLE))
    names: tuple[ModelName, ...] = ("character-det", "character-rec", "textline-orientation")
    target.kubectl("create", "namespace", NAMESPACE)
    with (
        step("serve the archives of the examples' models from inside the cluster"),
        tempfile.TemporaryDirectory() as folder,
    ):
        archives = [archive_of(name, Path(folder)) for name in names]
        store = [*archives, new_versions.spoilt(archives[-1])]
        model_store.start(target, NAMESPACE, server_image(target), store)
        finds, reads, turns = (model_store.url(archive, NAMESPACE) for archive in archives)
    model["spec"]["model"]["uri"], model["spec"]["task"]["ocr"]["recognition"]["uri"] = finds, reads
    small["spec"]["model"]["uri"] = turns
    return model, small


def server_image(target: Target) -> str:
    """The image that the operator was told to use for CPU models."""
    deployment = target.read(
        "deployment", "-l", "app.kubernetes.io/name=paddlemodel-operator", f"--namespace={SYSTEM_NAMESPACE}"
    )
    environment = deployment["items"][0]["spec"]["template"]["spec"]["containers"][0]["env"]
    image: str = next(item["value"] for item in environment if item["name"].endswith("SERVER_IMAGE_CPU"))
    return image


def _read(target: Target, name: str) -> None:
    with target.forward(NAMESPACE, f"service/{name}") as url:
        response = httpx.post(f"{url}/predict", content=PAGE.read_bytes(), timeout=60)
    answer = response.json()
    if response.status_code != 200:
        raise DevclusterError(f"POST /predict answered {response.status_code}: {answer}")
    took = response.elapsed.total_seconds() * 1000
    say(f"    POST /predict -> {len(answer['lines'])} lines, {took:.0f} ms:")
    say(_indent(_indent(answer["text"])))
    if not answer["text"].startswith(FIRST_LINE):
        raise DevclusterError(f"the page begins with {FIRST_LINE!r}, which was not read")


def _children(target: Target) -> str:
    return target.kubectl(
        "get", "deployment,service,hpa,pdb,ingress,pods", f"--namespace={NAMESPACE}",
        "-l", "app.kubernetes.io/managed-by=paddlemodel-operator",
    )  # fmt: skip


def _clean_up(target: Target, *, own_node: bool) -> None:
    if own_node:
        cluster.down(CLUSTER)
        return
    target.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")
    target.uninstall_operator()


def _explain(target: Target) -> None:
    """Print what a person would look at first."""
    say("The demo failed. What the cluster says:")
    for words in (
        ("get", "pdm,pods", "--all-namespaces", "-o", "wide"),
        ("get", "events", f"--namespace={NAMESPACE}", "--sort-by=.lastTimestamp"),
        ("logs", "deployment/paddlemodel-operator", f"--namespace={SYSTEM_NAMESPACE}", "--tail=20"),
        (
            "logs",
            "-l",
            "app.kubernetes.io/name=paddlemodel-server",
            f"--namespace={NAMESPACE}",
            "--all-containers",
        ),
    ):
        say(f"$ kubectl {' '.join(words)}\n{_indent(target.kubectl(*words, check=False)[-4000:])}")


def _say_how_to_go_on(target: Target, *, own_node: bool) -> None:
    say("Everything is still running. Go on with:")
    say(f"    export KUBECONFIG={target.kubeconfig}")
    say(f"    kubectl get pdm -n {NAMESPACE}")
    say("    kubectl explain pdm.spec")
    say(f"    kubectl port-forward -n {NAMESPACE} service/page-reader 8000:80")
    if own_node:
        say(f"    kubectl describe -n {NAMESPACE} hpa {autoscaling.NAME}")
        say(f"    .venv/bin/python -m devcluster --name {CLUSTER} kubectl …   (if kubectl is not installed)")
        say(f"    .venv/bin/python -m devcluster --name {CLUSTER} down        (ends and removes everything)")


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.rstrip().splitlines())
