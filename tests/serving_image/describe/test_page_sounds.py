"""`GET /` of the tasks for sounds, in a real browser: a sound is played, drawn and sent.

`pytest tests/serving_image/describe/test_page_sounds.py --screenshot` renews the pictures in docs/tasks/.
"""

import json
from pathlib import Path

import pytest
import soundfile  # type: ignore[import-untyped]
from playwright.sync_api import Browser, expect

from tests.serving_image.describe.test_page_texts import SIZE, picture
from tests.serving_image.describe.visiting import visit
from tests.serving_image.support.servers import cannot, serving
from tests.speech import NoVoiceError, executable, spoken
from tests.trained_sounds import FEATURES, TONES, UNHEARD, dialled, keywords, telephone

KEYS = json.dumps({"speechRecognition": {"features": {"fbank": TONES}}})
TASK = json.dumps({"audioClassification": {"features": {"logMel": FEATURES}, "labelsFile": "labels.txt"}})
# How much of the canvas is painted, in which halves of it.
PAINTED = """canvas => {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const found = [0, 0];
  for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3]) found[at < pixels.length / 2 ? 0 : 1]++;
  return found;
}"""


def test_a_sound_is_played_drawn_and_classified(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    try:
        executable()
    except NoVoiceError as missing:
        raise cannot(str(missing)) from None
    sound = tmp_path / "yes.wav"
    sound.write_bytes(spoken("yes", f"en-us+{UNHEARD[0]}"))
    (tmp_path / "none.wav").write_bytes(b"RIFF")
    with (
        serving(keywords(), tmp_path, name="words", warmup_seconds=0, task=TASK) as server,
        visit(chromium, f"{server.url}/", viewport=SIZE) as page,
    ):
        expect(page.locator("#curl")).to_contain_text("/predict --data-binary @yes.wav")
        expect(page.locator("#player")).to_be_hidden()
        page.locator("#file").set_input_files(sound)
        expect(page.locator("#wave")).to_be_visible()
        above, below = page.locator("#wave").evaluate(PAINTED)
        assert min(above, below) > 500  # it is no straight line
        duration = page.locator("#player").evaluate(
            "player => new Promise(done => { if (player.duration) done(player.duration); "
            "else player.onloadedmetadata = () => done(player.duration); })"
        )
        # It can be heard: a browser without loudspeakers plays it to its end, too.
        page.locator("#player").evaluate("player => { player.muted = true; return player.play(); }")
        expect(page.locator("#player")).to_have_js_property("ended", True, timeout=60_000)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#classes li").first).to_contain_text("yes")
        assert json.loads(page.locator("#result").inner_text())["seconds"] == pytest.approx(
            duration, abs=0.01
        )
        picture(page, "audio-classification.png", request, tmp_path)
        page.locator("#file").set_input_files(tmp_path / "none.wav")
        expect(page.locator("#wave")).to_be_hidden()
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#result")).to_contain_text("The body is not a WAV, FLAC, Ogg or MP3 sound.")


def test_a_sound_becomes_a_text(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    soundfile.write(tmp_path / "call.flac", dialled("0815", 3, pause=0.1), 8000)
    with (
        serving(telephone(), tmp_path, name="telephone", warmup_seconds=0, task=KEYS) as server,
        visit(chromium, f"{server.url}/", viewport=SIZE) as page,
    ):
        page.locator("#file").set_input_files(tmp_path / "call.flac")
        expect(page.locator("#wave")).to_be_visible()
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#result")).to_contain_text('"text": "0815"')
        picture(page, "speech-recognition.png", request, tmp_path)
