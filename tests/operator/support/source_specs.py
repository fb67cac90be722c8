"""The part of the tables of specs that is about `spec.model`; specs.py puts it beside the others."""

from typing import Any, NamedTuple

from tests.operator.support.builders import URI, spec

S3 = "s3://models/resnet50"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Refused(NamedTuple):
    """A spec that must be refused, and a part of the reason."""

    fault: str
    spec: dict[str, Any]
    message: str
    name: str = "resnet50"


def of_uri(uri: str) -> dict[str, Any]:
    return spec(model={"uri": uri})


def of_model(uri: str = S3, **fields: Any) -> dict[str, Any]:
    return spec(model={"uri": uri, **fields})


RULES = (
    Refused("an unknown scheme", of_uri("ftp://a.example.com/m.tar"), "must be http(s)://HOST/"),
    Refused("a pickle", of_uri("https://a.example.com/model.pkl"), "must be http(s)://HOST/"),
    Refused(
        "a password in the address",
        of_uri("https://me:secret@a.example.com/m.tar"),
        "must not hold a user or password",
    ),
    Refused("a new line in the address", of_uri("https://a.example.com/m\n.tar"), "must be http(s)://HOST/"),
    Refused("a space in the address", of_uri("https://a.example.com/m x.tar"), "must be http(s)://HOST/"),
    Refused("letters beyond ASCII", of_uri("https://a.example.com/modèle.tar"), "printable ASCII"),
    Refused("a way upwards", of_uri("file:///models/../../etc"), "write the path without '..'"),
    Refused("a way upwards at the end", of_uri("pvc://store/.."), "write the path without '..'"),
    Refused("the metadata service", of_uri("http://169.254.169.254/latest.tar"), "metadata address"),
    Refused("a relative file", of_uri("file://models"), "must be http(s)://HOST/"),
    Refused(
        "a short digest", spec(model={"uri": URI, "digest": "sha256:abc"}), "64 lower-case hexadecimal digits"
    ),
    Refused(
        "another digest",
        spec(model={"uri": URI, "digest": "md5:" + "a" * 64}),
        "64 lower-case hexadecimal digits",
    ),
    Refused("a bucket alone in capitals", of_uri("s3://M"), "s3://BUCKET/KEY"),
    Refused("a query behind a key", of_uri("s3://models/a?versionId=3"), "s3://BUCKET/KEY"),
    Refused("an account without a container", of_uri("az://account"), "az://ACCOUNT/CONTAINER/PATH"),
    Refused("an owner without a model", of_uri("hf://owner"), "hf://OWNER/NAME@REVISION/PATH"),
    Refused("a registry without a repository", of_uri("oci://registry.example.com"), "oci://REGISTRY/"),
    Refused("a repository in capitals", of_uri("oci://registry.example.com/Models"), "oci://REGISTRY/"),
    Refused("a password for a registry", of_uri("oci://me:secret@r.example.com/m"), "must not hold a user"),
    Refused("a key that climbs", of_uri("s3://models/a/../b"), "write the path without '..'"),
    Refused("a registry at the metadata service", of_uri("oci://169.254.169.254/m"), "metadata address"),
    Refused(
        "credentials for a claim",
        of_model("pvc://store/m", credentials={"secretName": "s"}),
        "spec.model.credentials has no use for pvc:// and file://: remove it",
    ),
    Refused(
        "an endpoint beside a host",
        of_model(URI, store={"endpoint": "http://minio.ml.svc:9000"}),
        "spec.model.store.endpoint is for s3, gs, az, hf, modelscope and oci",
    ),
    Refused(
        "a region of a bucket without regions",
        of_model("gs://models/m", store={"region": "eu"}),
        "spec.model.store.region and addressing are for s3:// only",
    ),
    Refused(
        "addressing of a hub",
        of_model("hf://a/b", store={"addressing": "Path"}),
        "spec.model.store.region and addressing are for s3:// only",
    ),
    Refused(
        "a password in an endpoint",
        of_model(store={"endpoint": "http://me:secret@minio.ml.svc"}),
        "without user, password and query",
    ),
    Refused(
        "an endpoint without a scheme",
        of_model(store={"endpoint": "minio.ml.svc:9000"}),
        "spec.model.store.endpoint must be http(s)://HOST",
    ),
    Refused(
        "the metadata service as an endpoint",
        of_model(store={"endpoint": "http://169.254.169.254"}),
        "spec.model.store.endpoint must not name a link-local or metadata address",
    ),
    Refused("a region with a slash", of_model(store={"region": "a/b"}), "letters, digits and . _ -"),
    Refused(
        "news of a claim",
        of_model("pvc://store/m", updatePolicy="Auto"),
        "set it to Pinned, or name no digest, no commit, no claim and no file in spec.model.uri",
    ),
    Refused(
        "news of a manifest's digest",
        of_model("oci://r.example.com/m:v1@sha256:" + "a" * 64, updatePolicy="Notify"),
        "set it to Pinned, or name no digest",
    ),
    Refused("news of a commit", of_model(f"hf://a/b@{COMMIT}/c", updatePolicy="Notify"), "no commit"),
    Refused(
        "new content beside a pin",
        of_model(digest="sha256:" + "a" * 64, updatePolicy="Auto"),
        "Auto and spec.model.digest contradict each other",
    ),
    Refused(
        "looks that nobody takes", of_model(checkMinutes=5), "needs spec.model.updatePolicy Notify or Auto"
    ),
    Refused(
        "looks that a pin excludes",
        of_model(updatePolicy="Pinned", checkMinutes=5),
        "needs spec.model.updatePolicy Notify or Auto",
    ),
    Refused(
        "a cache for a file",
        of_model("file:///models/m", cache={"claimName": "cache"}),
        "spec.model.cache has no use for pvc:// and file://",
    ),
)

TYPES = (
    Refused("a cache without a claim", of_model(cache={}), "spec.model.cache.claimName"),
    Refused(
        "a cache that keeps nothing", of_model(cache={"claimName": "c", "keep": 0}), "spec.model.cache.keep"
    ),
    Refused("credentials without a Secret", of_model(credentials={}), "spec.model.credentials.secretName"),
    Refused("an unknown policy", of_model(updatePolicy="Always"), "spec.model.updatePolicy"),
    Refused("looks at odd times", of_model(updatePolicy="Auto", checkMinutes=7), "spec.model.checkMinutes"),
    Refused("a half-known address", of_model(store={"addressing": "path"}), "spec.model.store.addressing"),
)

ACCEPTED: dict[str, dict[str, Any]] = {
    "an archive behind a port and a query": of_uri("http://files.ml.svc:8080/a/b.tar.gz?version=3&x=%20"),
    "a zip": of_uri("https://a.example.com/m.zip"),
    "an IPv6 address": of_uri("http://[fd00::1]:80/m.tgz"),
    "a claim": of_uri("pvc://store/models/3"),
    "a whole claim": of_uri("pvc://store"),
    "a file": of_uri("file:///models/resnet50"),
    "a folder behind HTTP": of_uri("https://a.example.com/models/resnet50/"),
    "a program behind HTTP": of_uri("https://a.example.com/models/inference.json?version=2"),
    "a bucket of a store of one's own": of_model(
        credentials={"secretName": "s3"},
        store={"endpoint": "http://minio.ml.svc:9000", "region": "eu-1", "addressing": "Path"},
        cache={"claimName": "models"},
    ),
    "a key with every sign": of_uri("s3://my.models_1/a b".replace(" ", "~!$&'()*+,;=:@%20")),
    "a bucket at Google": of_model("gs://models/v3/m.tar.gz", updatePolicy="Notify"),
    "a container at Azure": of_model("az://account/container/a/b", updatePolicy="Auto", checkMinutes=1440),
    "a hub's model": of_model("hf://PaddlePaddle/PP-OCRv5_mobile_det", updatePolicy="Auto", checkMinutes=5),
    "a branch's folder": of_model(
        "hf://a/b@refs%2Fpr%2F1/c/d", store={"endpoint": "https://mirror.example.com/hf"}
    ),
    "a commit": of_uri(f"modelscope://a/b@{COMMIT}"),
    "an image": of_model("oci://registry.example.com:5000/models/resnet50:v3", updatePolicy="Notify"),
    "a registry without TLS": of_model(
        "oci://registry.ml.svc:5000/m:v1", store={"endpoint": "http://registry.ml.svc:5000"}
    ),
    "an image by its digest": of_uri("oci://[fd00::1]:5000/m:v3@sha256:" + "a" * 64),
    "news beside a pin": of_model(digest="sha256:" + "a" * 64, updatePolicy="Notify"),
    "a pin in words": of_model(updatePolicy="Pinned"),
}
