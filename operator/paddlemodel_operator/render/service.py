"""The Service in front of a model's pods."""

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object, head


def build(model: PaddleModel) -> Object:
    """It has the model's name, so http://NAME.NAMESPACE.svc is the model."""
    service = model.spec.service
    return {
        **head(model, names.SERVICE, service.annotations),
        "spec": {
            "type": service.type,
            "selector": names.service_selector(model.name),
            "ports": [
                {
                    "name": names.HTTP_PORT_NAME,
                    "port": service.port,
                    "targetPort": names.HTTP_PORT_NAME,
                    "protocol": "TCP",
                }
            ],
        },
    }
