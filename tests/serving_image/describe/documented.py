"""A running server's document is true for its examples: each is answered, and by what the document says."""

from typing import Any

import jsonschema_rs

from tests import cleartext


def check_answer(url: str, body: bytes) -> None:
    """Send one body of another form to /predict; the answer is what the document says."""
    document: dict[str, Any] = cleartext.get(f"{url}/openapi.json").json()
    good = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = cleartext.post(f"{url}/predict", content=body, timeout=180)
    assert answer.status_code == 200, answer.text
    jsonschema_rs.validate({**good, "components": document["components"]}, answer.json())


def check_examples(url: str) -> int:
    """Send every JSON example of the server's document; returns how many there were."""
    document: dict[str, Any] = cleartext.get(f"{url}/openapi.json").json()
    components, sent = document["components"], 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                jsonschema_rs.validate({**content["schema"], "components": components}, example["value"])
                answer = cleartext.post(f"{url}{path}", json=example["value"], timeout=180)
                assert answer.status_code == 200, (path, answer.text)
                good = operation["responses"]["200"]["content"]["application/json"]["schema"]
                jsonschema_rs.validate({**good, "components": components}, answer.json())
                sent += 1
    return sent
