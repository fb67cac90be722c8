"""Pages of many fonts and sizes, straight, askew and on their side, with noise; and two that were scanned.

What PaddleX read in them is kept in paddlex_pages.json beside this. Equal pixels every time, with the Pillow
and the fonts of Matplotlib in requirements/dev.txt.
"""

import random
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

from tests.models import scans
from tests.serving_image.support.oracles import drawn_pages

COUNT = 52
_FOLDER = Path(mpl.get_data_path()) / "fonts" / "ttf"
_FONTS = [
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
]
_WORDS = [
    *drawn_pages.WORDS,
    *("Berlin", "&", "Partner", "PO-88213", "subtotal:", "77.10", "shipped", "to", "warehouse"),
    *("5,", "gate", "B;", "account", "DE02", "1203", "net/gross", "signed", "by"),
]


def pages() -> list[bytes]:
    """The pages as PNG, the scanned ones last."""
    return [*(_page(random.Random(seed)) for seed in range(COUNT)), *scans()]


def _page(chance: random.Random) -> bytes:
    width, height = chance.randrange(280, 560), chance.randrange(180, 380)
    paper, ink = (chance.randrange(225, 256), 10) if chance.random() < 0.8 else (30, 235)
    page = Image.new("L", (width, height), paper)
    draw, top = ImageDraw.Draw(page), chance.randrange(8, 24)
    fonts = [_FOLDER / f"{chance.choice(_FONTS)}.ttf" for _ in range(2)]
    while top < height - 48:
        size = chance.randrange(13, 40)
        words = " ".join(chance.choice(_WORDS) for _ in range(chance.randrange(1, 6)))
        draw.text((chance.randrange(8, 70), top), words, ink, ImageFont.truetype(chance.choice(fonts), size))
        top += size + chance.randrange(8, 36)
    turn = chance.choices([0.0, -90.0, chance.uniform(-12, 12)], [5, 1, 4])[0]
    if turn:
        page = page.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=paper)
    return drawn_pages.finished(page, chance)
