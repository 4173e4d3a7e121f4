"""One Chromium for all, one dashboard over one stand-in of three apps per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.dashboard import chromium, dashboard
from tests.web.standin import StandIn, World


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Not for the whole session: playwright keeps an event loop running as long as it lives."""
    with sync_playwright() as playwright:
        found = chromium(playwright)
        yield found
        found.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Fails the test when a script of the page fails or the content policy stops something."""
    made = context.new_page()
    problems: list[str] = []
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    yield made
    assert problems == []


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    made = StandIn(World(3))
    yield made
    made.close()


@pytest.fixture
def url(stand_in: StandIn, tmp_path: Path) -> Iterator[str]:
    parts = {name: stand_in.url(name) for name in ("master", "marathon", "chronos", "lb")}
    with dashboard(parts, tmp_path) as found:
        yield found
