"""What Accept and a request's own settinges decide together: the form of an answer."""

import numpy as np
import orjson
import pytest
from paddlemodel_server import protocol
from paddlemodel_server.errors import ServingError
from paddlemodel_server.protocol import INFER, JSON, NPY, OCTETS, PREDICT

from tests.serving_image.support.bodies import IDS, ON, X, body, parsed, served

SERVED = served()
FULL = body(X, IDS, ON)


def test_accept_must_fit_what_a_v2_request_asks_for() -> None:
    """The protocol's own parameters decide about bytes or JSON."""
    with pytest.raises(ServingError) as refusal:
        parsed(INFER, {"accept": OCTETS}, FULL)
    assert refusal.value.status == 406
    asked = body(X, IDS, ON, parameters={"binary_data_output": True})
    assert parsed(INFER, {"accept": OCTETS}, asked).outputs == SERVED.all_binary


@pytest.mark.parametrize("media", [OCTETS, NPY])
def test_an_answer_is_one_tensor_where_that_is_accepted(media: str) -> None:
    outputs = [np.array([[0.5, 1]], np.float32), np.array([3])]
    first = parsed(PREDICT, {"accept": media}, FULL)
    answer = protocol.render(SERVED, PREDICT, first, outputs)
    assert answer.content_type == media
    assert answer.body.endswith(outputs[0].tobytes())
    assert answer.extra == (
        ("X-Tensor-Name", "score"),
        ("X-Tensor-Datatype", "FP32"),
        ("X-Tensor-Shape", "1,2"),
    )
    chosen = parsed(PREDICT, {"accept": media}, body(X, IDS, ON, outputs=[{"name": "class"}]))
    answer = protocol.render(SERVED, PREDICT, chosen, outputs)
    assert dict(answer.extra)["X-Tensor-Name"] == "class"
    assert answer.body.endswith(outputs[1].tobytes())


def test_a_spec_for_bytes_behind_the_json_goes_before_a_tensor_as_the_body() -> None:
    outputs = [np.array([[0.5, 1]], np.float32), np.array([3])]
    asked = body(X, IDS, ON, id="7", parameters={"binary_data_output": True})
    for accept in ({}, {"accept": "*/*"}, {"accept": f"{NPY}, {OCTETS}"}):
        answer = protocol.render(SERVED, PREDICT, parsed(PREDICT, accept, asked), outputs)
        ((name, size),) = answer.extra
        assert (answer.content_type, name) == (OCTETS, "Inference-Header-Content-Length")
        assert orjson.loads(answer.body[: int(size)])["id"] == "7"
        assert answer.body[int(size) :] == outputs[0].tobytes() + outputs[1].tobytes()
    for media in (JSON, NPY):
        with pytest.raises(ServingError, match=f"'{media}'; possible here: {OCTETS}") as refusal:
            parsed(PREDICT, {"accept": media}, asked)
        assert refusal.value.status == 406


@pytest.mark.parametrize("media", [OCTETS, NPY])
def test_an_id_that_would_not_come_back_is_refused(media: str) -> None:
    with pytest.raises(ServingError, match="An answer of one tensor has no id") as refusal:
        parsed(PREDICT, {"accept": media}, body(X, IDS, ON, id="7"))
    assert refusal.value.status == 400
    assert parsed(PREDICT, {"accept": f"{JSON}, {media}"}, body(X, IDS, ON, id="7")).id == "7"
