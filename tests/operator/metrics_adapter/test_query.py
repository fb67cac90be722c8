"""What a request to the metrics adapter means: a path becomes a question, or a refusal."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_api import contract
from paddlemodel_operator.metrics_adapter.query import Group, Groups, Query, Refused, Resources, Values, parse

from tests.operator.support.adapters import ROOT

GPU = contract.GPU_METRIC


def values(**changes: str | None) -> Values:
    fields = {"version": "v1beta2", "namespace": "shop", "pod": None, "selector": "", "metric": GPU}
    return Values(**{**fields, **changes})  # type: ignore[arg-type]  # pod alone may be None


@pytest.mark.parametrize(
    ("target", "meaning"),
    [
        ("/apis", Groups()),
        ("/apis?timeout=32s", Groups()),
        (ROOT, Group()),
        (f"{ROOT}/v1beta1", Resources(version="v1beta1")),
        (f"{ROOT}/v1beta2?timeout=32s", Resources(version="v1beta2")),
        (f"{ROOT}/v1beta2/namespaces/shop/pods/%2A/{GPU}", values()),
        (f"{ROOT}/v1beta2/namespaces/shop/pods/*/{GPU}", values()),
        (f"{ROOT}/v1beta1/namespaces/shop/pods/a.b-1/{GPU}", values(version="v1beta1", pod="a.b-1")),
        (
            f"{ROOT}/v1beta2/namespaces/shop/pods/%2A/{GPU}?labelSelector=a%3Db%2Cc+in+%28d%2Ce%29&metricLabelSelector=",
            values(selector="a=b,c in (d,e)"),
        ),
    ],
)
def test_a_question(target: str, meaning: Query) -> None:
    assert parse("GET", target) == meaning


@pytest.mark.parametrize(
    ("target", "code", "text"),
    [
        (f"{ROOT}/v1beta2/namespaces/x%3Flimit=1%26y=/pods/%2A/{GPU}", 400, "'x?limit=1&y=' is no namespace"),
        (f"{ROOT}/v1beta2/namespaces/shop/pods/A/{GPU}", 400, "'A' is no name of a pod"),
        (f"{ROOT}/v1beta2/namespaces/shop/pods/*/no%20name", 400, "is no name of a metric"),
        (f"{ROOT}/v1beta2/namespaces/shop/pods/*/up", 404, "there is no metric up; there are " + GPU),
        (f"{ROOT}/v1beta2/namespaces/shop/pods/*/{GPU}?metricLabelSelector=a", 400, "have no labels"),
        (f"{ROOT}/v1beta2/namespaces/shop/pods/a/{GPU}?labelSelector=a", 400, "needs no labelSelector"),
        (f"{ROOT}/v1beta2/namespaces/shop/pods/*/{GPU}?watch=1", 400, "the parameter 'watch' is not known"),
        (f"{ROOT}/v1beta2?pretty=1", 400, "the parameter 'pretty' is not known"),
        (f"{ROOT}/v1beta2?{'a=1&' * 9}b=1", 400, "at most 8"),
        (f"{ROOT}/v1beta2?novalue", 400, "name=value"),
        (f"{ROOT}/v1beta2/namespaces/shop/services/a/{GPU}", 404, "only pods have metrics here"),
        ("/api/v1/pods", 404, "nothing here but custom.metrics.k8s.io"),
    ],
)
def test_a_refusal_tells_what_and_why(target: str, code: int, text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse("GET", target)
    assert caught.value.code == code
    assert text in caught.value.message


@given(
    st.lists(st.text(string.printable, max_size=20), max_size=8),
    st.text(string.printable, max_size=60),
    st.sampled_from(["", f"{ROOT}/v1beta2/namespaces/", f"{ROOT}/v1beta2/namespaces/shop/pods/%2A/{GPU}?"]),
)
def test_any_target_is_understood_or_refused(words: list[str], query: str, beginning: str) -> None:
    """And what is understood can go into a request of our own as it is."""
    meaning: Query | Refused
    try:
        meaning = parse("GET", f"{beginning}{'/'.join(words)}?{query}")
    except Refused as refused:
        meaning = refused
    if isinstance(meaning, Refused):
        assert meaning.code in {400, 404}
    if isinstance(meaning, Values):
        allowed = set(string.ascii_lowercase + string.digits + "-.")
        assert set(meaning.namespace + (meaning.pod or "")) <= allowed
        assert meaning.selector.isprintable()
