"""Pages change by themselves, and what a person does in them survives the change."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dashboard import LIVE_WITHIN_MS, deploy_by_form, until_live
from tests.web.standin import StandIn

pytestmark = pytest.mark.browser


def test_a_deployment_is_watched_to_its_end_without_reloading(
    page: Page, url: str, stand_in: StandIn
) -> None:
    deploy_by_form(page, url, "/hello", "sleep 100", Instances="2")
    until_live(page)
    page.evaluate("window.sameDocument = true")
    expect(page.get_by_text("No instance is placed yet")).to_be_visible()

    stand_in.world.advance()

    table = page.get_by_role("table", name="Instances of /hello")
    expect(table.get_by_role("row")).to_have_count(3, timeout=LIVE_WITHIN_MS)
    expect(page.get_by_text("Deploying", exact=True)).to_have_count(0)
    assert page.evaluate("window.sameDocument")


def test_a_box_that_is_ticked_stays_ticked_when_the_page_changes(
    page: Page, url: str, stand_in: StandIn
) -> None:
    page.goto(f"{url}/app/shop/web")
    until_live(page)
    box = page.get_by_role("checkbox", name="Choose").first
    box.check()

    stand_in.world.apps["/shop/web"]["tasks"][3]["state"] = "TASK_KILLING"
    stand_in.world.tell("status_update_event")

    expect(page.get_by_text("Killing", exact=True)).to_be_visible(timeout=LIVE_WITHIN_MS)
    expect(box).to_be_checked()


def test_an_open_dialog_stays_open_when_the_page_changes(
    page: Page, url: str, stand_in: StandIn
) -> None:
    page.goto(f"{url}/app/shop/web")
    until_live(page)
    page.get_by_role("button", name="Scale").first.click()
    dialog = page.get_by_role("dialog", name="Scale /shop/web")
    dialog.get_by_label("Instances").fill("7")

    stand_in.world.apps["/shop/web"]["tasks"][3]["state"] = "TASK_KILLING"
    stand_in.world.tell("status_update_event")

    expect(page.get_by_text("Killing", exact=True)).to_be_visible(timeout=LIVE_WITHIN_MS)
    expect(dialog.get_by_label("Instances")).to_have_value("7")


def test_a_fallen_part_is_named_and_its_return_is_seen(
    page: Page, url: str, stand_in: StandIn
) -> None:
    page.goto(f"{url}/agents")
    until_live(page)

    stand_in.down = {"master"}
    alert = page.get_by_role("alert").filter(has_text="The master does not answer")
    expect(alert).to_be_visible(timeout=LIVE_WITHIN_MS)

    stand_in.down = set()
    expect(alert).to_have_count(0, timeout=LIVE_WITHIN_MS)
    expect(page.get_by_role("link", name="node-1.example.org")).to_be_visible()


def test_a_log_follows_its_file(page: Page, url: str, stand_in: StandIn) -> None:
    task = stand_in.world.apps["/shop/web"]["tasks"][0]
    path = f"/sandbox/{task['id']}/stdout"
    page.goto(f"{url}/app/shop/web?tab=logs&task={task['id']}")
    log = page.get_by_role("log", name="stdout")
    expect(log).to_contain_text("ready to serve")

    stand_in.world.files[path] += b"GET /health 200\n<b>not bold</b>\nGET /cart 500\n"

    expect(log).to_contain_text("<b>not bold</b>", timeout=LIVE_WITHIN_MS)
    page.get_by_role("searchbox", name="Filter lines").fill("/GET .* 5/")
    expect(log).to_have_text("GET /cart 500\n")
