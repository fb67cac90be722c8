"""Whether the claim of spec.model.cache keeps what a pod fetched, as the condition ModelFetched says it."""

import pytest
from paddlemodel_api import contract

from tests.operator.status.test_judge import condition, judged
from tests.operator.support.builders import DIGEST, URI, fetched, observed, ready_pod

CACHED = {"uri": URI, "cache": {"claimName": "models", "keep": 3}}


@pytest.mark.parametrize("reason", ["CacheFull", "CacheReadOnly", "CacheFailed"])
def test_a_cache_that_keeps_nothing_is_said_in_a_sentence(reason: str) -> None:
    seen = observed(ready_pod(fetch=fetched(cacheFault=reason)))
    found = condition(judged(seen, model=CACHED), "ModelFetched")
    assert (found["status"], found["reason"]) == ("True", reason)
    assert f"has digest {DIGEST}, but the claim models does not keep it: " in found["message"]
    assert contract.CACHE_FAULTS[reason] in found["message"]
    assert condition(judged(seen, model=CACHED))["reason"] == "Serving"


def test_what_a_pod_says_of_the_cache_is_no_free_text() -> None:
    seen = observed(ready_pod(fetch=fetched(cacheFault="run this")))
    assert condition(judged(seen, model=CACHED), "ModelFetched")["reason"] == "Fetched"
    seen = observed(ready_pod(fetch=fetched(cacheFault=["CacheFull"])))
    assert condition(judged(seen, model=CACHED), "ModelFetched")["reason"] == "Fetched"


def test_the_youngest_pod_tells_of_the_cache() -> None:
    full, kept = ready_pod(fetch=fetched(cacheFault="CacheFull")), ready_pod("pod-b")
    assert condition(judged(observed(full, kept), model=CACHED), "ModelFetched")["reason"] == "Fetched"
    assert condition(judged(observed(kept, full), model=CACHED), "ModelFetched")["reason"] == "CacheFull"
    # The claim was taken out of the spec; the pods that had it are still there.
    assert condition(judged(observed(full)), "ModelFetched")["reason"] == "Fetched"
