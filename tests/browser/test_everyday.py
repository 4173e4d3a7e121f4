"""What one does every day: find, look, roll back, kill; by mouse and by keyboard."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dashboard import until_live
from tests.web.standin import StandIn

pytestmark = pytest.mark.browser


def test_rolling_back_is_one_click_from_the_versions(
    page: Page, url: str, stand_in: StandIn
) -> None:
    page.goto(f"{url}/app/shop/web")
    page.get_by_role("link", name="Configuration").click()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("row", name="env.LOG_LEVEL")).to_contain_text("debug")
    page.get_by_role("button", name="Roll back to this version").click()

    expect(page.get_by_role("status").filter(has_text="Rolling /shop/web back")).to_be_visible()
    assert stand_in.world.apps["/shop/web"]["env"] == {"LOG_LEVEL": "debug"}


def test_deleting_asks_first(page: Page, url: str, stand_in: StandIn) -> None:
    page.goto(f"{url}/app/shop/search")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete /shop/search?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert "/shop/search" in stand_in.world.apps

    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").filter(has_text="Deleting /shop/search.")).to_be_visible()
    assert "/shop/search" not in stand_in.world.apps


def test_the_keyboard_leads_everywhere(page: Page, url: str) -> None:
    page.goto(f"{url}/")
    until_live(page)
    for keys, heading in (("ga", "Apps"), ("gd", "Deployments"), ("gj", "Jobs"), ("gn", "Agents"),
                          ("gs", "Services"), ("go", "Overview")):  # fmt: skip
        page.keyboard.type(keys)
        expect(page.get_by_role("heading", name=heading, exact=True, level=1)).to_be_visible()
        until_live(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("cart")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="/shop/cart")).to_be_visible()
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Deploy an app")).to_be_visible()


def test_the_chosen_theme_stays(page: Page, url: str) -> None:
    page.goto(f"{url}/")
    page.get_by_role("button", name="Dark").click()

    page.goto(f"{url}/apps")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_the_form_works_without_script(page: Page, url: str, stand_in: StandIn) -> None:
    context = page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    plain = context.new_page()
    plain.goto(f"{url}/apps/new?example=1")
    plain.get_by_label("Name", exact=True).fill("/plain")
    plain.get_by_role("button", name="Deploy", exact=True).click()

    expect(plain.get_by_role("heading", name="/plain")).to_be_visible()
    assert stand_in.world.apps["/plain"]["instances"] == 2
    context.close()
