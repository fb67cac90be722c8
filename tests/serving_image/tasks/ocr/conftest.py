"""The browser of the tests of the page."""

from tests.serving_image.describe.conftest import chromium

__all__ = ["chromium"]
