"""The forms as one types: the JSON beside the fields, errors in place, the preview of runs."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dashboard import create_job, keep_picture
from tests.web.standin import StandIn

pytestmark = pytest.mark.browser


def shown_json(page: Page) -> dict[str, object]:
    found = json.loads(page.get_by_role("textbox", name="JSON").input_value())
    assert isinstance(found, dict)
    return found


def test_typing_in_a_field_changes_the_json_and_the_other_way_round(page: Page, url: str) -> None:
    page.goto(f"{url}/apps/edit/shop/web")
    text = page.get_by_role("textbox", name="JSON")

    page.get_by_label("Memory each (MiB)").fill("777")
    expect(text).to_have_value(holding('"mem": 777'))

    app = shown_json(page) | {"instances": 9, "somethingNew": {"deep": [1]}}
    text.fill(json.dumps(app))
    expect(page.get_by_label("Instances", exact=True)).to_have_value("9")

    page.get_by_label("CPUs each").fill("1.5")
    expect(text).to_have_value(holding('"cpus": 1.5'))
    assert shown_json(page)["somethingNew"] == {"deep": [1]}


def holding(part: str) -> re.Pattern[str]:
    return re.compile(re.escape(part))


def test_broken_json_says_so_and_keeps_the_fields(page: Page, url: str) -> None:
    page.goto(f"{url}/apps/edit/shop/web")

    page.get_by_role("textbox", name="JSON").fill('{"id": ')

    expect(page.get_by_text("This is not JSON")).to_be_visible()
    expect(page.get_by_label("Command", exact=True)).to_have_value("exec ./bin/web --port $PORT0")


def test_a_refused_app_is_marked_at_its_field_and_can_be_mended(
    page: Page, url: str, stand_in: StandIn
) -> None:
    page.goto(f"{url}/apps/new")
    page.get_by_label("Name", exact=True).fill("/hello")
    page.get_by_label("Command", exact=True).fill("sleep 5")
    page.get_by_label("CPUs each").fill("-1")
    page.get_by_role("button", name="Deploy", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("Object is not valid")
    expect(page.get_by_label("CPUs each")).to_have_attribute("aria-invalid", "true")
    keep_picture(page, "form-refused")
    expect(page.get_by_label("Command", exact=True)).to_have_value("sleep 5")
    page.get_by_label("CPUs each").fill("0.2")
    page.get_by_role("button", name="Deploy", exact=True).click()

    expect(page.get_by_role("heading", name="/hello")).to_be_visible()
    assert stand_in.world.apps["/hello"]["cpus"] == 0.2


def test_there_is_always_room_for_another_variable(page: Page, url: str, stand_in: StandIn) -> None:
    page.goto(f"{url}/apps/edit/shop/web")
    group = page.get_by_role("group", name="Variables")
    for name in ("ONE", "TWO"):
        group.get_by_label("Variable").last.fill(name)
        group.get_by_label("Value").nth(-2).fill("x")
    page.get_by_role("button", name="Deploy changes").click()

    expect(page.get_by_role("heading", name="/shop/web")).to_be_visible()
    env = stand_in.world.apps["/shop/web"]["env"]
    assert (env["ONE"], env["TWO"], env["REGION"]) == ("x", "x", "eu-1")


def test_a_job_is_made_with_its_next_runs_in_sight(page: Page, url: str, stand_in: StandIn) -> None:
    create_job(page, url, "hourly", "date", "0 * * * *")

    assert stand_in.world.jobs["hourly"]["schedule"] == "0 * * * *"


def test_a_wrong_schedule_is_explained_while_one_types(page: Page, url: str) -> None:
    page.goto(f"{url}/jobs/new")

    page.get_by_label("Cron line").fill("0 9")
    expect(page.get_by_role("alert")).to_contain_text("has 2 fields")
    page.get_by_role("radio", name="After other jobs").check()
    expect(page.get_by_label("Cron line")).to_be_hidden()
    page.get_by_label("Runs after all of these").select_option(["ping"])
    expect(page.get_by_text("After ping has succeeded.")).to_be_visible()
