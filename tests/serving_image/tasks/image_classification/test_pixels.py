"""Images to tensors: sizes, channels and numbers; bombs and fakes refused before OpenCV sees them."""

import io
import re
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_api.tasks import ImageClassification as Spec
from paddlemodel_server.errors import BadRequestError, ServingError, UnsupportedMediaTypeError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.tasks.image_classification import pixels
from paddlemodel_server.tasks.image_classification.plan import ImagePlan
from paddlemodel_server.tasks.image_classification.plan import plan as planned
from paddlemodel_server.tasks.images import headers
from PIL import Image

PLAIN: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def model(*shape: int, dtype: str = "float32") -> Model:
    output = Tensor(name="y", dtype="float32", shape=(-1, 10))
    return Model(format="PIR", inputs=(Tensor(name="x", dtype=dtype, shape=shape),), outputs=(output,))


def plan(*shape: int, body_bytes: int | None = None, **task: Any) -> ImagePlan:
    return planned(Spec(**(PLAIN | task)), model(*(shape or (-1, 3, 4, 6))), body_bytes)


def encoded(picture: Image.Image, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    picture.save(content, kind)
    return content.getvalue()


def halves(width: int, height: int, kind: str = "PNG") -> bytes:
    """Left red, right blue."""
    picture = Image.new("RGB", (width, height), (255, 0, 0))
    picture.paste((0, 0, 255), (width // 2, 0, width, height))
    return encoded(picture, kind)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "JPEG"])
def test_four_formats_are_read(kind: str) -> None:
    tensor = pixels.image(encoded(Image.new("RGB", (40, 30), (255, 0, 0)), kind), plan())
    assert tensor.shape == (1, 3, 4, 6)
    assert tensor.dtype == np.float32
    assert np.allclose(tensor[0, :, 2, 3], [1, 0, 0], atol=0.02)


def test_channels_come_in_the_order_that_the_model_wants() -> None:
    red = encoded(Image.new("RGB", (8, 8), (255, 128, 0)))
    assert np.allclose(pixels.image(red, plan())[0, :, 0, 0], [1, 128 / 255, 0])
    assert np.allclose(pixels.image(red, plan(channel_order="BGR"))[0, :, 0, 0], [0, 128 / 255, 1])


def test_mean_and_std_apply_to_numbers_from_0_to_1() -> None:
    gray = encoded(Image.new("RGB", (8, 8), (51, 51, 51)))
    tensor = pixels.image(gray, plan(mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 0.5)))
    assert np.allclose(tensor[0, :, 0, 0], [0.1, 0.0, -0.2])


def test_gray_models_and_models_with_channels_last() -> None:
    red = encoded(Image.new("RGB", (8, 8), (255, 0, 0)))
    assert pixels.image(red, plan(1, 1, 4, 6)).shape == (1, 1, 4, 6)
    tensor = pixels.image(red, plan(-1, 4, 6, 3))
    assert tensor.shape == (1, 4, 6, 3)
    assert np.allclose(tensor[0, 0, 0], [1, 0, 0])


@pytest.mark.parametrize(
    ("resize", "red", "blue", "empty"),
    [
        pytest.param("Stretch", (0, 0), (0, 15), None, id="stretch"),
        pytest.param("Crop", (8, 0), (8, 15), None, id="crop"),
        pytest.param("Pad", (0, 0), (7, 15), (8, 0), id="pad"),
    ],
)
def test_resizing(
    resize: str, red: tuple[int, int], blue: tuple[int, int], empty: tuple[int, int] | None
) -> None:
    tensor = pixels.image(halves(64, 32), plan(-1, 3, 16, 16, resize=resize))
    assert np.allclose(tensor[0, :, *red], [1, 0, 0], atol=0.01)
    assert np.allclose(tensor[0, :, *blue], [0, 0, 1], atol=0.01)
    if empty:
        assert not tensor[0, :, *empty].any()


def test_the_crop_is_the_middle_of_the_shorter_side_scaled_to_256() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (256, 300, 3), np.uint8)
    tensor = pixels.image(encoded(Image.fromarray(noise)), plan(-1, 3, 224, 224))
    assert np.array_equal(tensor[0].transpose(1, 2, 0), (noise[16:240, 38:262] / 255).astype(np.float32))


def test_padding_is_zero_after_normalisation() -> None:
    white = encoded(Image.new("RGB", (10, 20), "white"))
    tensor = pixels.image(white, plan(-1, 3, 20, 20, resize="Pad", mean=(0.5, 0.5, 0.5)))
    assert np.allclose(tensor[0, :, :, :10], 0.5)
    assert not tensor[0, :, :, 10:].any()


@pytest.mark.parametrize(("width", "height"), [(1, 5000), (5000, 1), (1, 1)])
@pytest.mark.parametrize("resize", ["Crop", "Stretch", "Pad"])
def test_extreme_shapes(width: int, height: int, resize: str) -> None:
    picture = encoded(Image.new("RGB", (width, height), "white"))
    tensor = pixels.image(picture, plan(-1, 3, 224, 224, resize=resize))
    assert tensor.shape == (1, 3, 224, 224)
    assert tensor.max() == 1


def png(width: int, height: int) -> bytes:
    """A small file that claims to be large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(BadRequestError, match="100000 x 100000 pixels; at most 67108864 are allowed"):
        pixels.image(png(100_000, 100_000), plan())


def test_an_image_may_take_as_much_memory_as_there_is_room() -> None:
    small = plan(body_bytes=3 * 99)
    assert pixels.image(halves(9, 11), small).shape == (1, 3, 4, 6)
    with pytest.raises(BadRequestError, match="The image has 10 x 10 pixels; at most 99 are allowed"):
        pixels.image(halves(10, 10), small)


def test_large_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = threading.Lock()

    def imdecode(*_: Any) -> Any:
        assert alone.acquire(blocking=False)
        threading.Event().wait(0.01)  # time for the others to come in, if anything lets them
        alone.release()
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr(cv2, "imdecode", imdecode)
    with ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(lambda _: pixels.image(png(5000, 5000), plan()), range(4)))) == 4


def progressive(scans: int) -> bytes:
    """A JPEG whose last scan is there so many times more."""
    content = io.BytesIO()
    Image.new("RGB", (64, 64), (255, 0, 0)).save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    last = [found.start() for found in re.finditer(b"\xff\xda", whole)][-1]
    return whole[:-2] + whole[last:-2] * scans + whole[-2:]


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    """Each costs as much time as the whole image, and four bytes or so."""
    assert pixels.image(progressive(50), plan()).shape == (1, 3, 4, 6)
    with pytest.raises(BadRequestError, match="more than 100 scans"):
        pixels.image(progressive(200), plan())
    # What a phone puts behind the picture, and what its head says of it, are no scans.
    film = b"\xff\xda" * 200
    assert pixels.image(progressive(0) + film, plan()).shape == (1, 3, 4, 6)
    noted = b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(film)) + film + progressive(0)[2:]
    assert pixels.image(noted, plan()).shape == (1, 3, 4, 6)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", UnsupportedMediaTypeError),
        (b"GIF89a" + bytes(50), UnsupportedMediaTypeError),
        (b"II*\0" + bytes(50), UnsupportedMediaTypeError),
        (halves(50, 50)[:100], BadRequestError),
        (b"\xff\xd8\xff\xe0" + bytes(50), BadRequestError),
        (png(0, 10), BadRequestError),
        (b"RIFF\0\0\0\0WEBPVP8X", BadRequestError),
        (b"BM" + bytes(10), BadRequestError),
    ],
)
def test_what_is_no_image_is_refused(content: bytes, error: type[ServingError]) -> None:
    with pytest.raises(error):
        pixels.image(content, plan())


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "JPEG"])
def test_sizes_are_read_from_headers(kind: str) -> None:
    assert headers.header_size(halves(123, 45, kind)) == (123, 45)


def test_sizes_of_lossless_webp() -> None:
    content = io.BytesIO()
    Image.new("RGB", (321, 54)).save(content, "WEBP", lossless=True)
    assert headers.header_size(content.getvalue()) == (321, 54)


def test_bitmaps_of_os2_have_a_head_of_their_own() -> None:
    """Its sides are two bytes each; it was read as a picture of 200,000 columns."""
    blue = bytes([255, 0, 0])
    rows = (blue * 5 + b"\0") * 3
    body = b"BM" + struct.pack("<IHHIIHHHH", 26 + len(rows), 0, 0, 26, 12, 5, 3, 1, 24) + rows
    assert headers.header_size(body) == (5, 3)
    assert np.allclose(pixels.image(body, plan())[0, :, 0, 0], [0, 0, 1])


@given(st.sampled_from(["PNG", "BMP", "WEBP", "JPEG"]), st.data())
def test_damaged_images_are_decoded_or_refused(kind: str, data: st.DataObject) -> None:
    content = bytearray(halves(30, 20, kind))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        tensor = pixels.image(bytes(content), plan())
    except ServingError:
        return
    assert tensor.shape == (1, 3, 4, 6)
