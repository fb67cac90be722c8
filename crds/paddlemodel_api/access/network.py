"""From where clients may come at all (`network`), in the words of Kubernetes' NetworkPolicies."""

from ipaddress import ip_network
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.access.limits import is_network
from paddlemodel_api.base import Block, Labels, Rule

_Text = Annotated[str, Field(max_length=317)]  # a label's key with its prefix
_Cidr = Annotated[str, Field(max_length=43)]


class Expression(Block):
    """A requirement on one label, as in any selector of Kubernetes."""

    key: _Text = Field(description="The label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="How it is compared.")
    values: (
        Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(min_length=1, max_length=32)] | None
    ) = Field(default=None, description="What with, for In and NotIn. Default: nothing.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.values) == (self.operator in ['In', 'NotIn'])",
            holds=lambda one: (one.values is not None) == (one.operator in {"In", "NotIn"}),
            message="In and NotIn need values, Exists and DoesNotExist have none: correct the expression",
            field="values",
        ),
    )


class Selector(Block):
    """A selector of labels; an empty one selects all."""

    match_labels: Labels | None = Field(default=None, description="Labels and their values. Default: none.")
    match_expressions: Annotated[tuple[Expression, ...], Field(min_length=1, max_length=16)] | None = Field(
        default=None, description="Requirements on labels; all must hold. Default: none."
    )


def _leaves_out(block: Any) -> bool:
    """Whether what is left out lies within."""
    if not is_network(block.cidr) or not all(is_network(one) for one in block.but or ()):
        return False
    whole = ip_network(block.cidr, strict=False)
    parts = [ip_network(one, strict=False) for one in block.but or ()]
    return all(
        part.version == whole.version and part != whole and part.subnet_of(whole)  # type: ignore[arg-type]
        for part in parts
    )


class IpBlock(Block):
    """Addresses outside of the cluster, or of nodes; those of pods change with every pod."""

    cidr: _Cidr = Field(description="A network such as 10.0.0.0/8 or fd00::/8.")
    but: Annotated[tuple[_Cidr, ...], Field(min_length=1, max_length=16)] | None = Field(
        default=None, alias="except", description="Networks within it that are left out. Default: none."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="isCIDR(self.cidr) && (!has(self.except) || self.except.all(part, isCIDR(part) && "
            "cidr(self.cidr).containsCIDR(part) && cidr(part).prefixLength() > "
            "cidr(self.cidr).prefixLength()))",
            holds=_leaves_out,
            message="spec.access.network.from.ipBlock has a network such as 10.0.0.0/8 as cidr, and smaller "
            "ones within it as except: correct them",
        ),
    )


class Peer(Block):
    """Some clients, told by where they are; what is set must hold together."""

    namespace_selector: Selector | None = Field(
        default=None,
        description="Namespaces, by their labels; kubernetes.io/metadata.name is the name of each, {} all of "
        "them. Default: the model's own.",
    )
    pod_selector: Selector | None = Field(
        default=None, description="Pods of those namespaces, by their labels. Default: all."
    )
    ip_block: IpBlock | None = Field(
        default=None, description="Addresses; alone, without selectors. Default: none."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.ipBlock) != (has(self.namespaceSelector) || has(self.podSelector))",
            holds=lambda peer: (
                (peer.ip_block is not None)
                != (peer.namespace_selector is not None or peer.pod_selector is not None)
            ),
            message="spec.access.network.from has entries with namespaceSelector, podSelector or both, or "
            "with ipBlock alone: correct them",
        ),
    )


class Network(Block):
    """A NetworkPolicy for the model's pods: who is not named cannot connect."""

    sources: Annotated[tuple[Peer, ...], Field(min_length=1, max_length=32)] = Field(
        alias="from",
        description="From where clients may connect, as in a NetworkPolicy. With spec.ingress, name the "
        "ingress controller's namespace here, or for all models in the chart's value "
        "networkPolicies.ingressNamespaces. What reads health and metrics is let in by itself.",
    )
