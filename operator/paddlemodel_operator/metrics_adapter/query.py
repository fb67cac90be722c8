"""From a request's target to a query, or to a refusal; pure.

Nothing of a path reaches another request unless it has the form of a Kubernetes name: a namespace such as
`x%3Flimit=1` would otherwise write the adapter's own request to the API server.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from paddlemodel_api import contract

from paddlemodel_operator.base import names

GROUP: Final = names.CUSTOM_METRICS_GROUP
VERSIONS: Final = ("v1beta2", "v1beta1")
"""The preferred one first; both say the same in two shapes."""

MAX_SELECTOR: Final = 4096

_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAMESPACE: Final = re.compile(_LABEL)
_POD: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_SELECTOR: Final = re.compile(r"[ -~]*")  # The API server knows the rest of its grammar.
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,127}")


@dataclass(eq=False)
class Refused(Exception):  # noqa: N818 - an answer
    """What is answered instead: the HTTP status, its reason in Kubernetes' words, and the cure."""

    code: int
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Groups:
    """`/apis`: what groups are here?"""


@dataclass(frozen=True, kw_only=True)
class Group:
    """`/apis/custom.metrics.k8s.io`: what versions?"""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """`/apis/custom.metrics.k8s.io/VERSION`: what metrics?"""

    version: str


@dataclass(frozen=True, kw_only=True)
class Values:
    """A metric of one pod, or of all that a selector finds."""

    version: str
    namespace: str
    pod: str | None
    """The pod's name; None for `*`, all that the selector finds."""

    selector: str
    metric: str


Query = Groups | Group | Resources | Values


def parse(method: str, target: str) -> Query:
    """Read a request's method and its target as it came over the wire.

    Raises:
        Refused: with the status to answer.
    """
    if method != "GET":
        raise Refused(405, "MethodNotAllowed", f"{method[:16]} is not allowed: metrics can only be read")
    path, _, query = target.partition("?")
    parameters = _parameters(query)
    try:
        words = [unquote(word, errors="strict") for word in path.split("/")[1:]]
    except UnicodeDecodeError as error:
        raise _bad("the path is not UTF-8") from error
    match words:
        case ["apis"]:
            return _without(parameters, Groups())
        case ["apis", group] if group == GROUP:
            return _without(parameters, Group())
        case ["apis", group, version] if group == GROUP and version in VERSIONS:
            return _without(parameters, Resources(version=version))
        case ["apis", group, version, *rest] if group == GROUP and version in VERSIONS:
            return _values(version, rest, parameters)
        case _:
            raise Refused(404, "NotFound", f"there is nothing here but {GROUP}, {' and '.join(VERSIONS)}")


def _values(version: str, words: list[str], parameters: dict[str, str]) -> Values:
    match words:
        case ["namespaces", namespace, "pods", pod, metric]:
            pass
        case _:
            raise Refused(
                404,
                "NotFound",
                "only pods have metrics here: ask for namespaces/NAMESPACE/pods/POD/METRIC; POD may be *",
            )
    _check(_NAMESPACE, namespace, "namespace")
    if pod != "*":
        _check(_POD, pod, "name of a pod")
    _check(_METRIC, metric, "name of a metric")
    if metric not in contract.SCALING_METRICS:
        raise Refused(
            404, "NotFound", f"there is no metric {metric}; there are {', '.join(contract.SCALING_METRICS)}"
        )
    return Values(
        version=version,
        namespace=namespace,
        pod=None if pod == "*" else pod,
        selector=_selector(parameters, named=pod != "*"),
        metric=metric,
    )


def _selector(parameters: dict[str, str], *, named: bool) -> str:
    """The label selector; all else that could narrow the answer is refused, not ignored."""
    selector = parameters.pop("labelSelector", "")
    if parameters.pop("metricLabelSelector", ""):
        raise _bad("these metrics have no labels: leave out metricLabelSelector (the HPA's metric.selector)")
    if named and selector:
        raise _bad("a pod that is named needs no labelSelector: ask for * or leave it out")
    if len(selector) > MAX_SELECTOR or not _SELECTOR.fullmatch(selector):
        raise _bad(f"labelSelector must be at most {MAX_SELECTOR} characters of ASCII")
    _none_left(parameters)
    return selector


def _parameters(query: str) -> dict[str, str]:
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=8
        )
    except ValueError as error:
        raise _bad("the query is not of the form name=value&name=value, with at most 8 of them") from error
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _bad("a parameter is given twice")
    found.pop("timeout", None)  # The API server, through which requests come, has the clock for it.
    return found


def _without(parameters: dict[str, str], query: Query) -> Query:
    _none_left(parameters)
    return query


def _none_left(parameters: dict[str, str]) -> None:
    if parameters:
        raise _bad(f"the parameter {next(iter(parameters))[:64]!r} is not known here")


def _check(form: re.Pattern[str], text: str, what: str) -> None:
    if not form.fullmatch(text):
        raise _bad(f"{text[:64]!r} is no {what}")


def _bad(message: str) -> Refused:
    return Refused(400, "BadRequest", message)
