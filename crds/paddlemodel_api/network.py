"""How the model is reached: inside (`spec.service`) and from outside (`spec.ingress`, `spec.gateway`)."""

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from paddlemodel_api.base import Annotations, Block, Name, Rule, matches


class Service(Block):
    """The Service in front of the pods; it has the model's name."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        default="ClusterIP", description="As in a Kubernetes Service."
    )
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(default=80, description="Port of the Service.")
    annotations: Annotations | None = Field(
        default=None,
        description="Annotations of the Service, for example for a cloud's load balancer. Default: none.",
    )


_DNS_NAME: Final = r"(?:\*\.)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
_PATH: Final = r"/[A-Za-z0-9._~%/-]*"
_REFUSED_IN_PATH: Final = r"//|/\.\.?(?:/|$)|%2[Ff]"
_PATH_MEANS: Final = (
    "Requests whose path begins with it go to the model, which answers below it as without it: "
    "/resnet50/predict is /predict. So several models share one host. A change restarts the pods."
)

Host = Annotated[str, Field(min_length=1, max_length=253)]
Path = Annotated[str, Field(min_length=1, max_length=512)]


def _path_rules(block: str) -> tuple[Rule, ...]:
    return (
        matches(
            "path",
            _PATH,
            f"spec.{block}.path must start with / and hold only letters, digits and . _ ~ % / -",
        ),
        Rule(
            cel=f"!has(self.path) || !self.path.matches(r'{_REFUSED_IN_PATH}')",
            holds=lambda spec: not re.search(_REFUSED_IN_PATH, spec.path),
            message=f"spec.{block}.path has one of //, /./, /../ and %2F, which the API server takes in no "
            "Ingress and no HTTPRoute: leave it out",
            field="path",
        ),
    )


class Ingress(Block):
    """An Ingress that leads from a host name to the Service."""

    host: Host = Field(
        description="DNS name under which clients reach the model, such as resnet50.example.com."
    )
    class_name: Name | None = Field(
        default=None,
        description="The IngressClass. Body size and time-outs of spec.server are set as annotations for "
        "nginx and HAProxy controllers whatever the class is called. Default: the cluster's default class.",
    )
    path: Path = Field(default="/", description=_PATH_MEANS)
    tls_secret_name: Name | None = Field(
        default=None, description="Secret of type kubernetes.io/tls for the host. Default: no TLS."
    )
    annotations: Annotations | None = Field(
        default=None,
        description="Annotations of the Ingress; they win over those that the operator sets. Default: none.",
    )
    rules: ClassVar = (
        matches(
            "host",
            _DNS_NAME,
            "spec.ingress.host must be a DNS name in lower case without scheme, port or path, "
            "such as resnet50.example.com",
        ),
        *_path_rules("ingress"),
    )


class ParentRef(Block):
    """A Gateway that is to lead to the model."""

    name: Name = Field(description="Its name.")
    namespace: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        default=None, description="Its namespace; its listeners say who may join them. Default: the model's."
    )
    section_name: Name | None = Field(
        default=None, description="The one listener of it to join. Default: all that take the route."
    )


class Gateway(Block):
    """An HTTPRoute of the Gateway API that leads from Gateways to the Service."""

    parent_refs: Annotated[tuple[ParentRef, ...], Field(min_length=1, max_length=8)] = Field(
        description="The Gateways."
    )
    hostnames: Annotated[tuple[Host, ...], Field(max_length=16)] = Field(
        default=(),
        description="DNS names under which clients reach the model, such as resnet50.example.com. Default: "
        "those of the Gateways' listeners.",
    )
    path: Path = Field(default="/", description=_PATH_MEANS)
    rules: ClassVar = (
        Rule(
            cel=f"!has(self.hostnames) || self.hostnames.all(name, name.matches(r'^(?:{_DNS_NAME})$'))",
            holds=lambda block: all(re.fullmatch(_DNS_NAME, name) for name in block.hostnames),
            message="spec.gateway.hostnames must be DNS names in lower case without scheme, port or path, "
            "such as resnet50.example.com",
            field="hostnames",
        ),
        *_path_rules("gateway"),
    )


def _way_of_canary(traffic: str, block: str) -> Rule:
    """What is to divide the requests has to be there."""
    return Rule(
        cel="!has(self.rollout) || !has(self.rollout.traffic) || "
        f"self.rollout.traffic != '{traffic}' || has(self.{block})",
        holds=lambda spec: spec.rollout.traffic != traffic or getattr(spec, block) is not None,
        message=f"spec.rollout.traffic {traffic} needs spec.{block}, by which the requests are divided: set "
        f"spec.{block}, or leave traffic out",
        field="rollout",
    )


def network_rules() -> tuple[Rule, ...]:
    """Rules of the whole spec about how the model is reached."""
    return (
        Rule(
            cel="!has(self.gateway) || !has(self.ingress) || "
            "(has(self.gateway.path) ? self.gateway.path : '/') == "
            "(has(self.ingress.path) ? self.ingress.path : '/')",
            holds=lambda spec: (
                spec.gateway is None or spec.ingress is None or spec.gateway.path == spec.ingress.path
            ),
            message="spec.gateway.path and spec.ingress.path must be equal, for the server answers below one "
            "path: set both to the same",
            field="gateway",
        ),
        *(_way_of_canary(*one) for one in (("Gateway", "gateway"), ("IngressNginx", "ingress"))),
    )
