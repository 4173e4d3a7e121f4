"""Buttons are plain forms: posted, carried out, and said on the next page."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.reading import Page
from tests.web.standin import StandIn

Three = tuple[StandIn, FlaskClient]


def press(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    token = Page(client.get("/").text).token()
    return client.post(path, data={"csrf": token, **fields}, follow_redirects=True)


def test_scaling_is_done_and_said(three: Three) -> None:
    stand_in, client = three

    response = press(client, "/do/apps/scale", id="/shop/web", instances="8")

    assert "Scaling /shop/web to 8 instances." in Page(response.text).text
    assert stand_in.world.apps["/shop/web"]["instances"] == 8


def test_a_lock_is_shown_with_its_reason_and_force_overrides_it(three: Three) -> None:
    stand_in, client = three

    refused = press(client, "/do/apps/scale", id="/shop/cart", instances="1")
    assert "App is locked by one or more deployments." in Page(refused.text).text

    press(client, "/do/apps/scale", id="/shop/cart", instances="1", force="1")
    assert stand_in.world.apps["/shop/cart"]["instances"] == 1


def test_rolling_back_restores_the_old_configuration(three: Three) -> None:
    stand_in, client = three
    old = stand_in.world.versions["/shop/web"][0]["version"]

    press(client, "/do/apps/rollback", id="/shop/web", version=old)

    assert stand_in.world.apps["/shop/web"]["env"] == {"LOG_LEVEL": "debug"}


def test_chosen_instances_are_killed(three: Three) -> None:
    stand_in, client = three
    task = stand_in.world.apps["/shop/web"]["tasks"][0]["id"]

    response = press(client, "/do/apps/kill", id="/shop/web", task=task)

    assert "Killing 1 instance; each is replaced." in Page(response.text).text
    assert task not in [t["id"] for t in stand_in.world.apps["/shop/web"]["tasks"]]


def test_deleting_leads_back_to_the_list(three: Three) -> None:
    stand_in, client = three

    response = press(client, "/do/apps/delete", id="/shop/search")

    assert response.request.path == "/apps"
    assert "/shop/search" not in stand_in.world.apps


def test_what_is_no_number_of_instances_changes_nothing(three: Three) -> None:
    stand_in, client = three
    for text in ("-1", "1.5", "many", ""):
        response = press(client, "/do/apps/scale", id="/shop/web", instances=text)
        assert response.status_code == 400
    assert stand_in.world.apps["/shop/web"]["instances"] == 4


def test_a_part_that_falls_during_an_order_is_named(three: Three) -> None:
    stand_in, client = three
    token = Page(client.get("/").text).token()
    stand_in.down = {"marathon"}

    data = {"csrf": token, "id": "/shop/web", "instances": "5"}
    response = client.post("/do/apps/scale", data=data)

    assert response.status_code == 502
    assert "Marathon does not answer" in response.text
