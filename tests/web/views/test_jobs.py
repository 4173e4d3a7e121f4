"""Jobs: list, detail, orders, form and preview."""

from flask.testing import FlaskClient

from tests.web.reading import Page
from tests.web.standin import StandIn
from tests.web.views.test_app_actions import press

Three = tuple[StandIn, FlaskClient]


def new_job(client: FlaskClient, **fields: str) -> str:
    token = Page(client.get("/jobs/new").text).token()
    data = {"csrf": token, "kind": "cron", "command": "date", "base": "{}", **fields}
    return client.post("/jobs/new", data=data, follow_redirects=True).text


def test_a_job_shows_when_it_runs_and_how_it_ran(three: Three) -> None:
    _, client = three

    page = Page(client.get("/job/ping").text)

    assert "PT5M" in page.text
    assert "By its anchor" in page.text, "not as if it were submitted now"
    assert "exit 0" in page.text and "Succeeded" in page.text
    assert len(page.all("ol", **{"aria-label": "Next runs"})) == 1


def test_the_log_of_a_run_is_text(three: Three) -> None:
    _, client = three

    response = client.get("/job-log/ping?run=3&file=stderr")

    assert response.content_type == "text/plain; charset=utf-8"
    assert response.text == "log of run 3 of ping (stderr)\n"


def test_running_now_is_done_and_said(three: Three) -> None:
    stand_in, client = three

    page = Page(press(client, "/do/jobs/run", name="ping").text)

    assert "Started ping." in page.text
    assert stand_in.world.runs["ping"][-1]["state"] == "RUNNING"
    assert "1 running" in page.text


def test_disabling_keeps_the_rest_of_the_job(three: Three) -> None:
    stand_in, client = three
    before = dict(stand_in.world.jobs["ping"])

    press(client, "/do/jobs/enable", name="ping", disabled="1")

    assert stand_in.world.jobs["ping"] == {**before, "disabled": True}


def test_a_new_job_is_made_from_the_form(three: Three) -> None:
    stand_in, client = three

    new_job(client, name="hourly", cron="0 * * * *", scheduleTimeZone="Europe/Berlin")

    job = stand_in.world.jobs["hourly"]
    assert (job["schedule"], job["scheduleTimeZone"]) == ("0 * * * *", "Europe/Berlin")


def test_a_new_job_never_overwrites_another(three: Three) -> None:
    stand_in, client = three
    before = dict(stand_in.world.jobs["ping"])

    page = Page(new_job(client, name="ping", cron="0 * * * *"))

    assert "A job of this name exists." in page.text
    assert stand_in.world.jobs["ping"] == before


def test_a_refused_job_says_why_at_the_field(three: Three) -> None:
    _, client = three

    page = Page(new_job(client, name="a/b", cron="0 * * * *"))

    (name,) = page.all("input", name="name")
    assert (name["value"], name.get("aria-invalid")) == ("a/b", "true")
    assert "the name may not hold a slash" in page.text


def test_the_preview_follows_what_is_typed(three: Three) -> None:
    _, client = three
    token = Page(client.get("/jobs/new").text).token()
    data = {"csrf": token, "kind": "cron", "cron": "0 9 * * 1-5", "scheduleTimeZone": "UTC"}

    good = Page(client.post("/jobs/preview", data=data).text)
    bad = Page(client.post("/jobs/preview", data={**data, "cron": "0 9"}).text)

    assert "By “0 9 * * 1-5”" in good.text
    assert len(good.all("time")) == 5
    assert "has 2 fields" in bad.text
