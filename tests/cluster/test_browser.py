"""A person at a real Chromium: deploys by form, watches, reads logs, rolls back, makes a job."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.dashboard import chromium, create_job, deploy_by_form, until_live
from tests.cluster.cluster import Cluster, eventually

pytestmark = pytest.mark.browser

SEEN_WITHIN_MS = 30_000


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        made = browser.new_page(viewport={"width": 1280, "height": 900})
        made.set_default_timeout(15_000)
        yield made
        browser.close()


def test_an_app_is_deployed_watched_read_and_rolled_back(cluster: Cluster, page: Page) -> None:
    url = cluster.where["web"]
    deploy_by_form(page, url, "/byhand", "echo first has started; sleep 1000", Instances="2")
    until_live(page)
    page.evaluate("window.sameDocument = true")
    table = page.get_by_role("table", name="Instances of /byhand")
    expect(table.get_by_role("row")).to_have_count(3, timeout=SEEN_WITHIN_MS)
    expect(page.get_by_text("Deploying", exact=True)).to_have_count(0, timeout=SEEN_WITHIN_MS)
    assert page.evaluate("window.sameDocument")

    table.get_by_role("link", name="Logs").first.click()
    log = page.get_by_role("log", name="stdout")
    expect(log).to_contain_text("first has started", timeout=SEEN_WITHIN_MS)

    command = "echo second has started; sleep 1000"
    assert cluster.marathon("PUT", "/v2/apps/byhand", {"cmd": command})[0] == 200
    cluster.settled()
    page.goto(f"{url}/app/byhand")
    page.get_by_role("link", name="Configuration").click()
    page.get_by_role("link", name="Compare").first.click()
    page.get_by_role("button", name="Roll back to this version").click()
    expect(page.get_by_role("status").filter(has_text="Rolling /byhand back")).to_be_visible()
    cluster.settled()
    assert "first" in cluster.marathon("GET", "/v2/apps/byhand")[1]["app"]["cmd"]


def test_a_job_is_made_run_and_its_run_is_seen(cluster: Cluster, page: Page) -> None:
    create_job(page, cluster.where["web"], "greet", "echo hello", "0 4 * * *")
    until_live(page)
    page.get_by_role("button", name="Run now").click()

    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=SEEN_WITHIN_MS)

    eventually(lambda: cluster.chronos("GET", "job/greet")[1]["successCount"] == 1)
