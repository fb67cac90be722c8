"""Random specs as hypothesis makes them from the types of the spec: each field that there is, in its bounds.

What a rule in words says of a text, such as a name or a URI, no schema can tell: those have samples.
"""

from typing import Any, Final

from hypothesis import strategies as st
from paddlemodel_api.spec import Spec
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.render import render
from paddlemodel_operator.settings import Settings

from tests.operator.support.builders import DIGEST, URI, body

Object = dict[str, Any]

ALLOWED: Final = Settings(custom_tasks=True, gateway_api=True)
SCHEMA: Final = Spec.model_json_schema(by_alias=True)

NAMES: Final = ["a", "a-1", "models", "x" * 63]
TEXTS: Final = ["a", "1", "true", "猫", "a b", "$(HOME)", "\\u0000", "x" * 100]
SELECTOR: Final = {"matchLabels": {"a": "b"}}
SAMPLES: Final[dict[str, list[Any]]] = {
    "model.uri": [
        URI,
        "s3://bucket/a",
        "hf://owner/name@main",
        "oci://r.example/a:1",
        "pvc://claim/a/",
        "file:///m/a",
    ],
    "model.digest": [DIGEST],
    "model.store.endpoint": ["https://minio.example:9000", "http://[::1]:80"],
    "model.store.region": ["eu-central-1"],
    "gpu.resourceName": ["nvidia.com/gpu", "nvidia.com/mig-1g.5gb"],
    "ingress.host": ["a.example.com"],
    "ingress.path": ["/", "/a", "/a/b"],
    "ingress.className": ["nginx"],
    "gateway.hostnames": ["a.example.com", "*.example.com"],
    "gateway.path": ["/", "/a", "/a/b"],
    "gateway.parentRefs.sectionName": ["https"],
    "gateway.parentRefs.namespace": ["infra"],
    "pod.env.name": ["A", "B_C"],
    "pod.env.valueFrom": [
        {"fieldRef": {"fieldPath": "metadata.name"}},
        {"secretKeyRef": {"name": "a", "key": "b"}},
    ],
    "pod.tolerations": [{"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoExecute"}],
    "pod.affinity": [
        {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "z", "labelSelector": SELECTOR}
                ]
            }
        }
    ],
    "pod.topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": SELECTOR}
    ],
    "autoscaling.behavior": [{"scaleDown": {"stabilizationWindowSeconds": 9}}],
    "autoscaling.metrics": [
        {
            "type": "External",
            "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "1500m"}},
        }
    ],
    "access.cors.allowedOrigins": ["https://a.example", "*"],
    "access.cors.allowedHeaders": ["X-A"],
    "access.trustedProxies.cidrs": ["10.0.0.0/8", "fd00::/8"],
    "verification.recording.fromModel": ["recording.json"],
    "verification.tolerance.relative": ["0.01", "1e-3"],
    "verification.tolerance.absolute": ["0.01"],
    "verification.outputs.relative": ["0.5"],
    "verification.outputs.absolute": ["0"],
    "resources": [
        {"requests": {"cpu": "500m", "memory": "1Gi"}},
        {"requests": {"cpu": 1}, "limits": {"memory": "2.5Gi", "cpu": 2}},
        {"limits": {"memory": "1e9", "ephemeral-storage": "1Gi"}},
    ],
}
KEYS: Final = ["a", "example.com/a", "A.b_c-1"]


def _text(path: str) -> st.SearchStrategy[Any]:
    last = path.rpartition(".")[2]
    named = last in {"secretName", "claimName", "tlsSecretName", "name"} or last.endswith(
        ("ClassName", "AccountName")
    )
    files = last.endswith("File") or last == "key"
    return st.sampled_from(NAMES if named else ["a.txt", "deep/a.txt"] if files else TEXTS)


def _number(node: Object) -> st.SearchStrategy[Any]:
    low: Any = node.get("minimum", node.get("exclusiveMinimum", -1000))
    high = node.get("maximum", 10**6)
    if node["type"] == "integer":
        return st.sampled_from([low, high]) | st.integers(low, high)
    return st.floats(low, high, exclude_min="exclusiveMinimum" in node, width=32) | st.integers(
        int(low) + 1, int(high)
    )


def _of(node: Object, path: str) -> st.SearchStrategy[Any]:
    """Values of one place of the schema."""
    if "anyOf" in node:
        found = st.one_of(*(_of(one, path) for one in node["anyOf"] if one.get("type") != "null"))
    elif path in SAMPLES and node.get("type") != "array":
        found = st.sampled_from(SAMPLES[path])
    elif "$ref" in node:
        found = _of(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]], path)
    elif "enum" in node or "const" in node:
        found = st.sampled_from(node.get("enum", [node.get("const")]))
    elif node.get("type") == "array":
        least = node.get("minItems", 0)
        found = st.lists(_of(node.get("items", {}), path), min_size=least, max_size=max(least, 2))
    elif node.get("type") == "object":
        found = _block(node, path) if "properties" in node else _labels()
    elif node.get("type") in {"integer", "number"}:
        found = _number(node)
    else:
        found = st.booleans() if node.get("type") == "boolean" else _text(path)
    return found


def _labels() -> st.SearchStrategy[Object]:
    return st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["", "a", "x" * 60]), max_size=2)


def _block(node: Object, path: str) -> st.SearchStrategy[Object]:
    """Each field that may be left out is, three times of four; of the tasks there is one."""
    fields = {name: _of(child, f"{path}.{name}".lstrip(".")) for name, child in node["properties"].items()}
    if path == "task" or path.endswith(".features"):
        return st.sampled_from(sorted(fields)).flatmap(
            lambda name: st.fixed_dictionaries({name: fields[name]})
        )
    needed = {name: fields.pop(name) for name in node.get("required", ())}
    some = (
        st.sets(st.sampled_from(sorted(fields)), max_size=max(2, len(fields) // 4))
        if fields
        else st.just(set())
    )
    return some.flatmap(
        lambda chosen: st.fixed_dictionaries({**needed, **{name: fields[name] for name in sorted(chosen)}})
    )


def is_valid(spec: Object) -> bool:
    """The operator understands and renders it."""
    try:
        render(from_body({**body(), "spec": spec}), ALLOWED)
    except SpecError:
        return False
    return True


def specs() -> st.SearchStrategy[Object]:
    """Specs in all bounds of the schema; many break a rule between fields."""
    return _of(SCHEMA, "")
