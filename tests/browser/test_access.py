"""Everybody can read and reach it: contrast, names, focus, small screens, calm motion."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.standin import StandIn

pytestmark = pytest.mark.browser
CONTRAST = (Path(__file__).parent / "contrast.js").read_text().split("\n", 2)[2]
SCREENS = (
    "/",
    "/apps",
    "/apps?view=tree",
    "/app/shop/search",
    "/app/shop/web?tab=configuration",
    "/app/data/warehouse?tab=why",
    "/app/shop/web?tab=logs",
    "/apps/new",
    "/deployments",
    "/jobs",
    "/job/ping",
    "/jobs/new",
    "/agents",
    "/services",
    "/frameworks",
    "/nope",
)
NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, textarea")]
  .filter((e) => e.checkVisibility() && e.type !== "hidden")
  .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.getAttribute("aria-labelledby")
                   || [...(e.labels ?? [])].length))
  .map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_enough_contrast(theme: str, browser: Browser, url: str) -> None:
    """Source: WCAG 2.2, 1.4.3."""
    context = browser.new_context(color_scheme="light" if theme == "light" else "dark")
    page = context.new_page()
    faint = {}
    for path in SCREENS:
        page.goto(url + path)
        found = page.evaluate(CONTRAST)
        if found:
            faint[path] = found
    context.close()
    assert faint == {}


def test_every_control_has_a_name(page: Page, url: str) -> None:
    for path in SCREENS:
        page.goto(url + path)
        assert page.evaluate(NAMELESS) == [], path


SPILLING = """() => [...document.querySelectorAll("main li, main dd, main p, main section")]
  .filter((e) => e.checkVisibility() && getComputedStyle(e).overflowX === "visible")
  .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
  .map((e) => e.textContent.trim().replace(/\\s+/g, " ").slice(0, 60))"""


@pytest.mark.parametrize("width", [390, 800, 1100, 1440])
def test_nothing_spills_out_of_its_place_or_of_the_window(
    width: int, browser: Browser, url: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    spilling, wide = {}, {}
    for path in SCREENS:
        page.goto(url + path)
        if found := page.evaluate(SPILLING):
            spilling[path] = found
        if (over := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            wide[path] = over
    page.close()
    assert (spilling, wide) == ({}, {})


def test_the_first_tab_stop_skips_to_the_content(page: Page, url: str) -> None:
    page.goto(f"{url}/apps")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_reduced_motion_stands_still(browser: Browser, url: str, stand_in: StandIn) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{url}/deployments")
    assert page.evaluate("document.getAnimations().length") == 0
    context.close()
