"""How the model is reached: inside the cluster (`spec.service`) and from outside (`spec.ingress`)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Annotations, Block, Name, matches


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


_DNS_NAME = r"(?:\*\.)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"


class Ingress(Block):
    """An Ingress that leads from a host name to the Service."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        description="DNS name under which clients reach the model, such as resnet50.example.com."
    )
    class_name: Name | None = Field(
        default=None,
        description="The IngressClass. Body size and time-outs of spec.server are set as annotations for "
        "nginx and HAProxy controllers whatever the class is called. Default: the cluster's default class.",
    )
    path: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        default="/",
        description="Requests whose path begins with it go to the model, which answers below it as without "
        "it: /resnet50/predict is /predict. So several models share one host. A change restarts the pods.",
    )
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
        matches(
            "path",
            r"/[A-Za-z0-9._~%/-]*",
            "spec.ingress.path must start with / and hold only letters, digits and . _ ~ % / -",
        ),
    )
