"""Models from a bucket and a private registry, end to end; and no password where others can read."""

import base64
import hashlib
import io
import itertools
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.paths import REPOSITORY, State
from devcluster.target import SYSTEM_NAMESPACE, Target
from tests import cleartext
from tests.cluster.manifests import NAMESPACE, cpu_model, example
from tests.cluster.sources.places import Bucket, filled_bucket, locked_registry, web_server
from tests.models import ModelName, archive_of, trained_model
from tests.serving_image.support.hubs import registry

pytestmark = pytest.mark.node

HERE = f"--namespace={NAMESPACE}"
UPDATE = "ModelUpdateAvailable"
_numbers = itertools.count()


def reason_is(reason: str, kind: str = "Ready") -> Any:
    return lambda item: condition(item, kind).get("reason") == reason


def content(folder: Path, note: str) -> Path:
    """The text-line model with one more file, so that it has another digest."""
    shutil.copytree(trained_model("textline-orientation"), folder)
    (folder / "labels.txt").write_text(note)
    return folder


def secret(name: str, values: dict[str, str], kind: str = "Opaque") -> dict[str, Any]:
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": values}


def small(uri: str, name: str, **model: Any) -> dict[str, Any]:
    found = cpu_model(uri, name, **model)
    found["spec"]["resources"] = {"requests": {"cpu": "100m", "memory": "256Mi"}}
    return found


def everything_readable(target: Target, node: State) -> str:
    """All that somebody without a right on Secrets can read: objects, Events, and every log."""
    kinds = "pdm,deployments,replicasets,cronjobs,jobs,pods,events,services"
    texts = [target.kubectl("get", kinds, HERE, "-o", "yaml")]
    for namespace in (NAMESPACE, SYSTEM_NAMESPACE):
        pods = target.read("pods", f"--namespace={namespace}")["items"]
        for pod in pods:
            words = ("logs", pod["metadata"]["name"], f"--namespace={namespace}", "--all-containers")
            texts.append(target.kubectl(*words, check=False))
    texts += [log.read_text(errors="replace") for log in node.logs.glob("kube*.log")]
    return "\n".join(texts)


def ask_now(target: Target, name: str) -> None:
    """A check out of turn, as a person asks for one."""
    target.kubectl("create", "job", f"{name}-{next(_numbers)}", f"--from=cronjob/{name}", HERE)


@pytest.fixture(scope="module")
def bucket(node: State, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    folder = tmp_path_factory.mktemp("bucket")
    with filled_bucket(node, folder, "models/textline", content(folder / "first", "first")) as found:
        yield found


def test_a_bucket_from_a_missing_secret_to_new_content(
    operator: Target, node: State, bucket: Bucket, tmp_path: Path
) -> None:
    model = small(
        f"s3://{bucket.place}",
        "in-a-bucket",
        credentials={"secretName": "bucket"},
        store={"endpoint": bucket.endpoint},
        updatePolicy="Notify",
        checkMinutes=1440,
    )
    operator.apply(model, namespace=NAMESPACE)
    name = "in-a-bucket"
    missing = wait_for(operator, name, NAMESPACE, reason_is("CredentialsMissing"), "that no Secret is there")
    assert "The Secret bucket that spec.model.credentials names" in condition(missing, "Ready")["message"]

    operator.apply(secret("bucket", bucket.keys), namespace=NAMESPACE)
    operator.kubectl("delete", "pods", HERE, "-l", f"paddlemodel.dev/model={name}")
    served = wait_for(operator, name, NAMESPACE, is_ready, "Ready")["status"]["model"]
    assert served["digest"].startswith("sha256:")
    assert served["revision"]

    ask_now(operator, name)
    wait_for(operator, name, NAMESPACE, reason_is("UpToDate", UPDATE), "that nothing is new")
    bucket.put(content(tmp_path / "second", "second"))
    ask_now(operator, name)
    found = wait_for(operator, name, NAMESPACE, reason_is("NewContent", UPDATE), "that something is new")
    assert served["revision"] in condition(found, UPDATE)["message"]
    assert found["status"]["model"] == served

    model["spec"]["model"]["updatePolicy"] = "Auto"
    operator.apply(model, namespace=NAMESPACE)

    def renewed(item: dict[str, Any]) -> bool:
        now = item["status"].get("model", {})
        return is_ready(item) and now.get("digest") not in {None, served["digest"]}

    after = wait_for(operator, name, NAMESPACE, renewed, "that the new content is served")
    assert after["status"]["model"]["revision"] != served["revision"]
    wait_for(operator, name, NAMESPACE, reason_is("UpToDate", UPDATE), "that nothing is new any more")

    readable = everything_readable(operator, node)
    assert "in-a-bucket" in readable
    for planted in bucket.keys.values():
        assert planted not in readable
    operator.kubectl("delete", "pdm", name, HERE)


def layer(folder: Path) -> bytes:
    """A layer of an image, as Docker makes one."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(folder, arcname="model")
    return packed.getvalue()


def test_a_private_registry_with_a_tag_that_moves(operator: Target, node: State, tmp_path: Path) -> None:
    with registry.running(tmp_path) as filled:
        first = filled.image("models/textline", "v1", [layer(content(tmp_path / "first", "first"))])
    with locked_registry(node, tmp_path) as host:
        login = base64.b64encode(f"{registry.USER}:{registry.PASSWORD}".encode()).decode()
        docker = json.dumps({"auths": {host: {"auth": login}}})
        typed = secret("registry", {".dockerconfigjson": docker}, "kubernetes.io/dockerconfigjson")
        name, place = "in-a-registry", f"oci://{host}/models/textline:v1"
        model = small(
            place,
            name,
            credentials={"secretName": "registry"},
            store={"endpoint": f"http://{host}"},
            updatePolicy="Auto",
            checkMinutes=1440,
        )
        operator.apply(typed, model, namespace=NAMESPACE)
        served = wait_for(operator, name, NAMESPACE, is_ready, "Ready")["status"]["model"]
        assert served["revision"] == first

        with registry.running(tmp_path) as filled:
            second = filled.image("models/textline", "v1", [layer(content(tmp_path / "second", "second"))])
        ask_now(operator, name)

        def renewed(item: dict[str, Any]) -> bool:
            return is_ready(item) and item["status"].get("model", {}).get("revision") == second

        wait_for(operator, name, NAMESPACE, renewed, "that the tag's new image is served")

        # Back to exactly what was served: by the digest that the status showed.
        source = model["spec"]["model"]
        kept = {key: source[key] for key in ("credentials", "store")}
        model["spec"]["model"] = {"uri": f"{place}@{first}", **kept}
        operator.apply(model, namespace=NAMESPACE)

        def back(item: dict[str, Any]) -> bool:
            now = item["status"].get("model", {})
            return is_ready(item) and (now.get("digest"), now.get("revision")) == (served["digest"], first)

        wait_for(operator, name, NAMESPACE, back, "that the first image is served again")
        readable = everything_readable(operator, node)
        assert registry.PASSWORD not in readable
        assert login not in readable
        operator.kubectl("delete", "pdm", name, HERE)


def test_a_page_is_read_by_two_models_of_one_pod(operator: Target, node: State, tmp_path: Path) -> None:
    parts: tuple[ModelName, ...] = ("character-det", "character-rec")
    found = {part: archive_of(part, tmp_path) for part in parts}
    model = example("ocr.yaml")
    name = model["metadata"]["name"]
    model["spec"]["resources"] = {"requests": {"cpu": "100m", "memory": "256Mi"}}
    recognition = model["spec"]["task"]["ocr"]["recognition"]
    with web_server(node, tmp_path, tmp_path) as address:
        model["spec"]["model"]["uri"] = f"{address}/{found['character-det'].name}"
        recognition["uri"] = f"{address}/missing.tar"
        operator.apply(model, namespace=NAMESPACE)
        item = wait_for(operator, name, NAMESPACE, reason_is("NotFound"), "that one model is not there")
        assert condition(item, "Ready")["message"].startswith("spec.task.ocr.recognition: ")
        recognition["uri"] = f"{address}/{found['character-rec'].name}"
        operator.apply(model, namespace=NAMESPACE)
        status = wait_for(operator, name, NAMESPACE, is_ready, "Ready")["status"]
    (further,) = status["furtherModels"]
    digests = [f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in found.values()]
    assert [status["model"]["digest"], further["digest"]] == digests
    with operator.forward(NAMESPACE, f"service/{name}") as url:
        page = (REPOSITORY / "examples" / "page.png").read_bytes()
        answer = cleartext.post(
            f"{url}/predict", content=page, headers={"Content-Type": "image/png"}, timeout=180
        )
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"].startswith("Invoice 2026-117\nThree models, served for one month\n")
    operator.kubectl("delete", "pdm", name, HERE)
