"""A browser for the tests of the page, started once a module."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import NoBrowserError, executable


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    try:
        found = executable()
    except NoBrowserError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    with sync_playwright() as playwright:
        expect.set_options(timeout=30_000)  # a busy machine
        browser = playwright.chromium.launch(executable_path=found, timeout=120_000)
        yield browser
        browser.close()
