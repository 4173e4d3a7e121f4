"""The list of apps and one app."""

import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient

from tests.web.reading import Page
from tests.web.standin import StandIn, World

Start = Callable[[World], tuple[StandIn, FlaskClient]]


def test_without_apps_the_first_page_says_what_to_do_first(start: Start) -> None:
    _, client = start(World(0))

    page = Page(client.get("/").text)

    assert "Nothing runs here yet" in page.text
    assert '"id": "/hello"' in page.text
    assert "/apps/new?example=1" in page.links()
    assert "No apps yet" in Page(client.get("/apps").text).text


def test_a_thousand_apps_are_paged_searched_and_sorted_here(start: Start) -> None:
    _, client = start(World(1000, agents=40))
    client.get("/apps")

    began = time.perf_counter()
    response = client.get("/apps?page=7")
    took_ms = 1000 * (time.perf_counter() - began)

    page = Page(response.text)
    print(f"/apps of 1,000 apps: {len(response.data):,} bytes, {took_ms:.0f} ms")
    assert "301–350 of 1,000 apps" in page.text
    assert len(response.data) < 100_000
    found = Page(client.get("/apps?q=team-3/&sort=-instances").text)
    assert "1–50 of 83 apps" in found.text


def test_links_of_the_list_keep_what_was_asked(start: Start) -> None:
    _, client = start(World(1000))

    page = Page(client.get("/apps?q=team&sort=-cpus").text)

    (following,) = page.all("a", rel="next")
    query = parse_qs(urlsplit(following["href"]).query)
    assert query == {"q": ["team"], "sort": ["-cpus"], "page": ["2"]}


def test_the_tree_shows_groups_with_what_lies_below(start: Start) -> None:
    _, client = start(World(3))

    page = Page(client.get("/apps?view=tree").text)

    assert "shop/" in page.text and "3 apps" in page.text
    assert "data/" in page.text


def test_an_app_that_does_not_exist_is_said_so(three: tuple[StandIn, FlaskClient]) -> None:
    _, client = three

    response = client.get("/app/nope")

    assert response.status_code == 404
    assert "The app “/nope” does not exist" in response.text


def test_the_version_list_compares_with_the_current_one(
    three: tuple[StandIn, FlaskClient],
) -> None:
    stand_in, client = three
    old = stand_in.world.versions["/shop/web"][0]["version"]

    page = Page(client.get(f"/app/shop/web?tab=configuration&version={old}").text)

    assert "env.LOG_LEVEL debug info" in page.text
    assert "Roll back to this version" in page.text


def test_a_waiting_app_says_why(three: tuple[StandIn, FlaskClient]) -> None:
    _, client = three

    assert "2 of 2 offers have too little memory." in Page(client.get("/").text).text
    page = Page(client.get("/app/data/warehouse?tab=why").text)
    assert "2 of 2 offers have too little memory." in page.text
    assert "Where the last offers were lost" in page.text


def test_a_part_that_is_down_is_named_and_the_rest_works(
    three: tuple[StandIn, FlaskClient],
) -> None:
    stand_in, client = three
    stand_in.down = {"marathon"}

    page = Page(client.get("/").text)

    assert f"Marathon does not answer at {stand_in.url('marathon')}" in page.text
    assert "node-1.example.org" in page.text
    assert "nightly-report" in page.text
    assert client.get("/app/shop/web").status_code == 502
    assert client.get("/agents").status_code == 200


def test_a_fragment_that_is_unchanged_is_not_sent_again(
    three: tuple[StandIn, FlaskClient],
) -> None:
    _, client = three
    fragment = {"X-Tepui-Fragment": "1"}

    first = client.get("/apps", headers=fragment)
    again = client.get("/apps", headers={**fragment, "If-None-Match": first.headers["ETag"]})

    assert "<html" not in first.text
    assert Page(first.text).all("main", id="main")
    assert (again.status_code, again.data) == (304, b"")
