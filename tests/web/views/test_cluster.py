"""The overview, agents, services, frameworks, search: every screen answers at every size."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.web.reading import Page
from tests.web.standin import StandIn, World

Start = Callable[[World], tuple[StandIn, FlaskClient]]
SCREENS = (
    "/",
    "/apps",
    "/apps?view=tree",
    "/apps/new",
    "/deployments",
    "/jobs",
    "/jobs/new",
    "/agents",
    "/services",
    "/frameworks",
    "/search?q=a",
)


@pytest.mark.parametrize("apps", [0, 3, 300])
def test_every_screen_answers_and_names_itself(apps: int, start: Start) -> None:
    _, client = start(World(apps))
    for path in SCREENS:
        response = client.get(path)
        page = Page(response.text)
        assert response.status_code == 200, path
        assert len(page.all("h1")) == 1, path
        assert len(page.all("main", id="main")) == 1, path
        ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
        assert len(ids) == len(set(ids)), path


def test_with_every_part_down_every_screen_still_answers(start: Start) -> None:
    stand_in, client = start(World(3))
    stand_in.down = {"master", "marathon", "chronos", "lb"}
    for path in SCREENS:
        response = client.get(path)
        assert response.status_code == 200, path
    assert "The master does not answer" in Page(client.get("/agents").text).text


def test_an_agent_shows_what_runs_there(start: Start) -> None:
    stand_in, client = start(World(3))
    agent = stand_in.world.agents[0]["id"]

    page = Page(client.get(f"/agent/{agent}").text)

    assert "/shop/web" in page.text
    assert "rack:r1" in page.text
    assert client.get("/agent/nobody").status_code == 404


def test_agents_out_of_service_say_so(start: Start) -> None:
    world = World(3)
    world.agents[0]["says"] = {"drain_info": {"state": "DRAINING"}, "deactivated": True}
    world.agents[1]["says"] = {"deactivated": True, "active": False}
    start_ns = int(world.now.timestamp() + 7_200) * 1_000_000_000
    world.windows = [
        {
            "machine_ids": [{"hostname": world.agents[2]["hostname"]}],
            "unavailability": {"start": {"nanoseconds": start_ns}},
        }
    ]
    world.down_machines = [{"hostname": "node-9.example.org"}]
    _, client = start(world)

    said = Page(client.get("/agents").text).text

    assert "Draining" in said and "Deactivated" in said
    assert "maintenance in 1 h 59 min" in said or "maintenance in 2 h" in said
    assert "node-9.example.org is down for maintenance." in said


def test_an_agent_tells_what_it_reserves_and_what_it_does_not_enforce(start: Start) -> None:
    world = World(3)
    world.agents[0]["says"] = {"reserved_resources": {"eng": {"cpus": 1.5, "disk": 512.0}}}
    world.isolation_notes = "The limit on memory is not enforced: no usable control group."
    _, client = start(world)

    said = Page(client.get(f"/agent/{world.agents[0]['id']}").text).text

    assert "Reserved to eng 1.5 cpus, 512 MiB of disk" in said
    assert world.isolation_notes in said


def test_services_link_to_their_port_and_host_name(start: Start) -> None:
    _, client = start(World(3))

    links = Page(client.get("/services").text).links()

    assert "http://shop.example.org:9080/" in links
    assert "http://localhost:10000/" in links


def test_the_theme_is_kept_without_script(start: Start) -> None:
    _, client = start(World(0))
    token = Page(client.get("/").text).token()

    client.post("/theme", data={"csrf": token, "theme": "dark"})

    assert Page(client.get("/").text).all("html", **{"data-theme": "dark"})
