"""A visit to the server's page in a real browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page


@contextmanager
def visit(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Open a page; afterwards it must not have complained, nor asked anybody but this server."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(120_000)  # a busy machine may take its time
    complaints, asked = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    yield page
    context.close()
    # A browser logs every answer of 400 and more as a failed resource; the tests provoke those.
    assert [c for c in complaints if not re.match(r"Failed to load resource: .* status of 4", c)] == []
    assert [u for u in asked if not u.startswith((url, "data:", "blob:"))] == []
