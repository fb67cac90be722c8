"""Code beside a model: only where the operator's settings allow it, and never by a spec's own variable."""

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.settings import Settings

from tests.operator.support.builders import rendered

CUSTOM = {"custom": {"timeoutSeconds": 5}}
ALLOWED = Settings(custom_tasks=True)


def variables(settings: Settings, **fields: object) -> dict[str, str]:
    deployment = rendered(names.DEPLOYMENT, settings, **fields)
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one["value"] for one in server["env"]}


def test_it_is_refused_unless_it_is_allowed() -> None:
    with pytest.raises(SpecError, match=r"^spec\.task\.custom runs code .* customTasks\.allowed "):
        rendered(names.DEPLOYMENT, task=CUSTOM)


def test_the_server_is_told_that_it_may() -> None:
    found = variables(ALLOWED, task=CUSTOM)
    assert found["PADDLEMODEL_CUSTOM_TASKS"] == "true"
    assert found["PADDLEMODEL_TASK"] == '{"custom":{"timeoutSeconds":5}}'


def test_pods_of_other_tasks_do_not_change_with_the_chart_s_value() -> None:
    assert rendered(names.DEPLOYMENT, ALLOWED) == rendered(names.DEPLOYMENT, Settings())


def test_a_spec_cannot_allow_it_itself() -> None:
    env = [{"name": "PADDLEMODEL_CUSTOM_TASKS", "value": "true"}]
    with pytest.raises(SpecError, match=r"spec\.pod\.env must not set PADDLEMODEL_ variables"):
        rendered(names.DEPLOYMENT, task=CUSTOM, pod={"env": env})
