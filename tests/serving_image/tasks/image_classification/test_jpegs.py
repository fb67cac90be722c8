"""JPEGs as they are: damage is refused, harmless oddities are taken, and the pixels are OpenCV's."""

import io
import random
import struct
from typing import Any

import cv2
import numpy as np
import pytest
from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.tasks.image_classification import pixels
from paddlemodel_server.tasks.images import headers
from PIL import Image

from tests.serving_image.tasks.image_classification.test_pixels import plan

SIDES = 96, 128  # height, width
START_OF_SCAN, END = b"\xff\xda", b"\xff\xd9"


def scene() -> Image.Image:
    """Smooth colours: a photograph, not noise."""
    noise = np.random.default_rng(0).integers(0, 255, (*SIDES, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return Image.fromarray(cv2.normalize(smooth, smooth, 0, 255, cv2.NORM_MINMAX))


def saved(picture: Image.Image, **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", **options)
    return content.getvalue()


def sampled(factor: int) -> bytes:
    encoded = cv2.imencode(".jpg", np.asarray(scene()), [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor])[1]
    return encoded.tobytes()


PLAIN = saved(scene(), quality=90)
RESTARTS = saved(scene(), restart_marker_rows=1)
PROGRESSIVE = saved(scene(), progressive=True)
KINDS = {
    "baseline": PLAIN,
    "restarts": RESTARTS,
    "progressive": PROGRESSIVE,
    "grey": saved(scene().convert("L")),
    "cmyk": saved(scene().convert("CMYK")),
    "rgb": saved(scene(), keep_rgb=True),
    "4:4:4": saved(scene(), subsampling=0),
    "4:2:2": sampled(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422),
    "4:4:0": sampled(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440),
    "4:1:1": sampled(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411),
    "sides that are no whole blocks": saved(scene().crop((0, 0, 117, 83))),
}


def through(body: bytes, channels: int = 3) -> np.ndarray[Any, Any]:
    """The pixels as the task would give them to a model of the picture's own size, BGR, 0 to 255."""
    height, width = reference(body, channels).shape[:2]
    exact = plan(-1, channels, height, width, resize="Stretch", channel_order="BGR")
    found: np.ndarray[Any, Any] = np.rint(pixels.image(body, exact)[0].transpose(1, 2, 0) * 255)
    return found.astype(np.uint8)


def reference(body: bytes, channels: int = 3) -> np.ndarray[Any, Any]:
    flag = cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE
    found = cv2.imdecode(np.frombuffer(body, np.uint8), flag)
    assert found is not None
    return found if channels == 3 else found[:, :, None]


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_opencv(kind: str, channels: int) -> None:
    assert np.array_equal(through(KINDS[kind], channels), reference(KINDS[kind], channels))


@pytest.mark.parametrize("samplings", [(0x22, 0x21), (0x31, 0x11)])
def test_a_sampling_of_colours_that_has_no_name_is_decoded_all_the_same(samplings: tuple[int, int]) -> None:
    """Of the first two components; TurboJPEG's interface knows a few usual ones, libjpeg's all."""
    frame = KINDS["4:4:4"].index(b"\xff\xc0")
    body = bytearray(KINDS["4:4:4"])
    body[frame + 11], body[frame + 14] = samplings
    assert headers.header_size(bytes(body)) == SIDES[::-1]
    assert np.array_equal(through(bytes(body)), reference(bytes(body)))


def exif(orientation: int, order: str) -> bytes:
    """An APP1 segment that tells how the camera was held, in one of both byte orders."""
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    content = b"Exif\0\0" + head + struct.pack(f"{order}H", 1) + entry + bytes(4)
    return segment(0xE1, content)


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(10))
def test_pictures_are_turned_as_the_camera_was_held(orientation: int, order: str) -> None:
    first = PLAIN[:2] + exif(orientation, order) + PLAIN[2:]
    behind = 20  # the JFIF segment's end
    second = PLAIN[:behind] + exif(orientation, order) + PLAIN[behind:]
    for body in (first, second):
        assert np.array_equal(through(body), reference(body))
    turned = reference(first).shape[:2]
    assert turned == (SIDES[::-1] if orientation in range(5, 9) else SIDES)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"Exif\0\0", id="nothing"),
        pytest.param(b"Exif\0\0II*\0\xff\xff\xff\xff", id="an entry beyond the end"),
        pytest.param(
            b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03" * 3, id="more entries than bytes"
        ),
        pytest.param(b"Exif\0\0no TIFF at all", id="no TIFF"),
        pytest.param(b"Exif\0\0" + bytes(200), id="zeros"),
    ],
)
def test_what_a_camera_said_badly_turns_nothing(content: bytes) -> None:
    body = PLAIN[:2] + segment(0xE1, content) + PLAIN[2:]
    assert np.array_equal(through(body), reference(PLAIN))


def middle(body: bytes) -> int:
    return (body.rindex(START_OF_SCAN) + len(body)) // 2


def holes() -> dict[str, bytes]:
    plain, restarts, progressive = middle(PLAIN), middle(RESTARTS), len(PROGRESSIVE) // 2
    return {
        "zeros in the middle": PLAIN[:plain] + bytes(300) + PLAIN[plain + 300 :],
        "half of it, and an end": PLAIN[:plain] + END,
        "half of a progressive one": PROGRESSIVE[:progressive] + END,
        "bytes lost between restart markers": RESTARTS[:restarts] + RESTARTS[restarts + 400 :],
        "a restart marker that is none": PLAIN[:plain] + b"\xff\xd3" + PLAIN[plain:],
        "zeros in a progressive one": PROGRESSIVE[:progressive]
        + bytes(300)
        + PROGRESSIVE[progressive + 300 :],
        "no end": PLAIN[:-2],
        "cut": PLAIN[:plain],
    }


@pytest.mark.parametrize("damage", holes())
def test_a_jpeg_damaged_in_the_middle_is_refused(damage: str) -> None:
    """Decoders paint what is missing grey, warn on stderr, and go on: 200, with another picture's score."""
    with pytest.raises(BadRequestError, match=r"^The image is damaged: "):
        pixels.image(holes()[damage], plan())


SCAN = PLAIN.rindex(START_OF_SCAN)
ODD = {
    "one byte before the end": PLAIN[:-2] + b"\x55" + END,
    "two zeros before the end": PLAIN[:-2] + bytes(2) + END,
    "padded with zeros": PLAIN[:-2] + bytes(500) + END,
    "padded with ones": PLAIN[:-2] + b"\xff" * 9 + END,
    "something behind the end": PLAIN + b"a phone's film" * 99,
    "bytes between segments": PLAIN[:SCAN] + b"\0\1\2" + PLAIN[SCAN:],
    "fill bytes": PLAIN[:SCAN] + b"\xff" * 5 + PLAIN[SCAN:],
    "an unknown JFIF": PLAIN.replace(b"JFIF\0\1\1", b"JFIF\0\3\1"),
    "a colour profile in pieces": PLAIN[:2] + segment(0xE2, b"ICC_PROFILE\0\5\2piece") + PLAIN[2:],
    "parameters that do not matter": PLAIN[: SCAN + 11] + b"\0\x3e\0" + PLAIN[SCAN + 14 :],
    "an Adobe segment": PLAIN[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\x07") + PLAIN[2:],
}


@pytest.mark.parametrize("oddity", ODD)
def test_what_is_odd_and_harmless_is_taken(oddity: str) -> None:
    """Webcams, scanners and old cameras write such files; every viewer shows them."""
    assert np.array_equal(through(ODD[oddity]), reference(PLAIN))


@pytest.mark.parametrize("kind", KINDS)
def test_random_damage_is_refused_or_decoded_as_opencv_does(kind: str) -> None:
    """What was hit may still be a JPEG (of another picture); a decoder that noticed nothing has no reason to
    differ from another one."""
    body, chance = KINDS[kind], random.Random(kind)
    refused = 0
    for _ in range(150):
        hit = bytearray(body)
        at = chance.randrange(len(body) // 3, len(body) - 2)
        match chance.randrange(3):
            case 0:
                hit[at] ^= 1 << chance.randrange(8)
            case 1:
                del hit[at : at + chance.randrange(1, 60)]
            case _:
                hit[at : at + 30] = chance.randbytes(30)
        try:
            found = pixels.image(bytes(hit), plan(channel_order="BGR"))
        except BadRequestError:
            refused += 1
            continue
        assert found.shape == (1, 3, 4, 6)
        assert np.array_equal(through(bytes(hit)), reference(bytes(hit)))
    assert refused > 30  # a flipped bit is often another colour, and no damage
