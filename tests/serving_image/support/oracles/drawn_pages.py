"""Pages and lines of text, drawn: what PaddleX answered to them is kept in paddlex_text.json beside this.

Equal pixels every time, with the Pillow of requirements/dev.txt and the font that comes with it.
"""

import io
import random
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COUNT = 50
WORDS = [
    "invoice",
    "total",
    "amount",
    "order",
    "date",
    "street",
    "2026-11-28",
    "1,234.50",
    "EUR",
    "Paddle",
    "model",
    "serves",
    "pages",
    "of",
    "text",
    "thank",
    "you",
    "for",
    "reading",
    "this",
    "line",
    "quickly",
    "(page",
    "7)",
    "No.",
    "42",
    "x@example.com",
    "19%",
    "tax",
    "due",
    "within",
    "30",
    "days",
]


@cache
def page(number: int) -> bytes:
    """One as PNG; there are sizes, columns, colours, turns, noise."""
    return _page(random.Random(number))


@cache
def line(number: int) -> bytes:
    """One as PNG, from one word to a dozen."""
    return _line(random.Random(1000 + number))


def pages() -> list[bytes]:
    """All of them."""
    return [page(number) for number in range(COUNT)]


def lines() -> list[bytes]:
    """All of them."""
    return [line(number) for number in range(COUNT)]


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(count))


def _page(chance: random.Random) -> bytes:
    width, height = chance.randrange(240, 520), chance.randrange(160, 360)
    paper, ink = (255, 0) if chance.random() < 0.8 else (30, 235)
    picture = Image.new("L", (width, height), paper)
    draw, top = ImageDraw.Draw(picture), chance.randrange(8, 24)
    while top < height - 48:
        size = chance.randrange(14, 38)
        left = chance.randrange(8, 80)
        draw.text((left, top), _words(chance, chance.randrange(1, 5)), ink, ImageFont.load_default(size))
        top += size + chance.randrange(8, 40)
    if chance.random() < 0.4:
        angle = chance.uniform(-12, 12)
        picture = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=paper)
    return finished(picture, chance)


def _line(chance: random.Random) -> bytes:
    font, text = ImageFont.load_default(chance.randrange(12, 60)), _words(chance, chance.randrange(1, 12))
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (round(right - left) + 12, round(bottom - top) + 10), 250)
    ImageDraw.Draw(picture).text((6 - left, 5 - top), text, 20, font)
    return finished(picture, chance)


def finished(picture: Image.Image, chance: random.Random) -> bytes:
    """In colour, sometimes with noise, as PNG."""
    pixels = np.asarray(picture.convert("RGB"), np.float64)
    if chance.random() < 0.5:
        noise = np.random.default_rng(chance.randrange(1 << 30)).normal(
            0, chance.uniform(2, 14), pixels.shape
        )
        pixels = pixels + noise
    found = io.BytesIO()
    Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(found, "PNG")
    return found.getvalue()
