"""What pydantic finds wrong becomes one sentence that names field and cure; both programs say it so."""

from pydantic import ValidationError


def sentence(error: ValidationError, root: str) -> str:
    """The first fault, without a full stop.

    Args:
        error: of a block of the spec.
        root: where the block stands, such as `spec` or `spec.task`.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "rule":
        return first["msg"]
    path = ".".join(str(part) for part in (root, *first["loc"]))
    if first["type"] == "json_invalid":
        return f"{path} is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
    if first["type"] == "extra_forbidden":
        return f"{path} is not a field: remove it (kubectl explain pdm.{root} lists the fields)"
    if first["type"] == "missing":
        return f"{path} is missing: set it (kubectl explain pdm.{path} describes it)"
    return f"{path} is wrong: {first['msg']}"
