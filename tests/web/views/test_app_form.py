"""The deploy form: two views of one app, errors in place, nothing lost."""

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.reading import Page
from tests.web.standin import StandIn

Three = tuple[StandIn, FlaskClient]


def fields_of(page: Page) -> dict[str, list[str]]:
    """What a browser would send of the page's form, except textareas and selects."""
    sent: dict[str, list[str]] = {}
    for field in page.all("input"):
        if field.get("name") and field.get("type") not in ("checkbox", "radio", "search"):
            sent.setdefault(field["name"], []).append(field.get("value", ""))
    return sent


def post(client: FlaskClient, path: str, **changes: Any) -> TestResponse:
    sent = fields_of(Page(client.get(path).text))
    sent |= {name: [value] for name, value in changes.items()}
    sent.setdefault("port.protocol", ["tcp"] * len(sent.get("port.name", [])))
    return client.post(path.partition("?")[0], data=sent)


def test_a_filled_form_becomes_an_app(three: Three) -> None:
    stand_in, client = three

    response = post(client, "/apps/new", id="/hello", cmd="sleep 100", instances="3", vhost="h.org")

    assert response.headers["Location"] == "/app/hello"
    app = stand_in.world.apps["/hello"]
    assert (app["cmd"], app["instances"], app["cpus"]) == ("sleep 100", 3, 0.1)
    assert app["labels"] == {"HAPROXY_0_VHOST": "h.org"}


def test_an_error_stands_at_its_field_and_nothing_is_lost(three: Three) -> None:
    _, client = three

    response = post(client, "/apps/new", id="/hello", cmd="sleep 100", cpus="-1")

    page = Page(response.text)
    assert response.status_code == 422
    (cpus,) = page.all("input", name="cpus")
    assert (cpus["value"], cpus["aria-invalid"]) == ("-1", "true")
    assert "got -1, expected 0 or more" in page.text
    assert page.value("id") == "/hello"
    assert "sleep 100" in page.text


def test_the_json_can_be_sent_instead_of_the_fields(three: Three) -> None:
    stand_in, client = three
    app = {"id": "/raw", "cmd": "x y", "unknownToTheForm": {"a": [1]}}

    post(client, "/apps/new", source="json", json=json.dumps(app), id="/ignored")

    assert stand_in.world.apps["/raw"]["unknownToTheForm"] == {"a": [1]}


def test_broken_json_is_kept_and_said(three: Three) -> None:
    _, client = three

    response = post(client, "/apps/new", source="json", json='{"id": ')

    page = Page(response.text)
    assert response.status_code == 422
    assert "This is not JSON" in page.text
    assert '{"id":' in page.text


def test_editing_replaces_the_whole_and_keeps_unknown_keys(three: Three) -> None:
    stand_in, client = three
    stand_in.world.apps["/shop/web"]["fetch"] = [{"uri": "http://example.org/x"}]

    response = post(client, "/apps/edit/shop/web", cmd="exec new", mem="512")

    assert response.status_code == 303
    app = stand_in.world.apps["/shop/web"]
    assert (app["cmd"], app["mem"]) == ("exec new", 512)
    assert app["fetch"] == [{"uri": "http://example.org/x"}]


def test_an_edit_does_not_silently_undo_somebody_elses(three: Three) -> None:
    stand_in, client = three
    sent = fields_of(Page(client.get("/apps/edit/shop/web").text))
    sent |= {"cmd": ["mine"], "port.protocol": ["tcp"] * 2}
    stand_in.world.change("/shop/web", {"mem": 99})
    stand_in.world.advance()

    refused = client.post("/apps/edit/shop/web", data=sent)
    assert "was changed since you opened this form" in refused.text
    assert stand_in.world.apps["/shop/web"]["cmd"] != "mine"

    client.post("/apps/edit/shop/web", data={**sent, "overwrite": ["1"]})
    assert stand_in.world.apps["/shop/web"]["cmd"] == "mine"


def test_fields_and_json_are_kept_in_step_by_the_server(three: Three) -> None:
    _, client = three
    page = Page(client.get("/apps/new").text)
    base = fields_of(page)
    app = {"id": "/x", "cpus": 1, "other": True}

    as_json = client.post("/apps/form/json", data={**base, "json": [json.dumps(app)], "cpus": "2"})
    as_fields = client.post("/apps/form/fields", data={**base, "json": [json.dumps(app)]})

    answer = as_json.get_json()
    assert json.loads(answer["json"])["cpus"] == 2
    assert json.loads(answer["json"])["other"] is True
    assert Page(as_fields.text).value("id") == "/x"


def test_the_form_says_whether_the_app_would_fit(three: Three) -> None:
    _, client = three
    base = fields_of(Page(client.get("/apps/new").text))

    huge = client.post("/apps/form/json", data={**base, "cpus": "100"}).get_json()

    assert huge["fit"].startswith("Only 0 of 1 instance would fit")


def test_a_copy_of_an_old_version_starts_from_that_version(three: Three) -> None:
    stand_in, client = three
    old = stand_in.world.versions["/shop/web"][0]["version"]

    page = Page(client.get(f"/apps/edit/shop/web?version={old}").text)

    assert page.value("mem") == "64"
    assert Page(client.get("/apps/new?from=/shop/web").text).value("id") == "/shop/web-copy"
