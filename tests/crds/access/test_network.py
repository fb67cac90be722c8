"""From where clients may come, by `spec.access.network`: no peer is empty, for that would mean all."""

from typing import Any

import pytest
from paddlemodel_api.access import Network
from pydantic import ValidationError

ANY: dict[str, Any] = {}


@pytest.mark.parametrize(
    "peer",
    [
        {"podSelector": ANY},
        {"namespaceSelector": ANY},
        {"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {"matchLabels": {"c": "d"}}},
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}},
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}},
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.0.2.1/32"]}},
        {"ipBlock": {"cidr": "fd00::/8", "except": ["fd01::/16"]}},
    ],
)
def test_a_peer_comes_back_as_it_was_written(peer: dict[str, Any]) -> None:
    found = Network.model_validate({"from": [peer]})
    assert found.model_dump(by_alias=True, exclude_none=True, mode="json") == {"from": [peer]}


@pytest.mark.parametrize(
    "peers",
    [
        [],
        [ANY],
        [{"podSelector": ANY, "ipBlock": {"cidr": "10.0.0.0/8"}}],
        [{"ipBlock": {"cidr": "10.0.0.1"}}],
        [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["192.0.2.0/24"]}}],
        [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}],
        [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["fd00::/8"]}}],
        [{"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}],
        [{"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}],
        [{"namespace": "frontend"}],
    ],
)
def test_anything_else_is_refused(peers: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        Network.model_validate({"from": peers})
