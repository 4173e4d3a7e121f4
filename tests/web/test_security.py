"""Other sites cannot write, and no name becomes markup. Source: reliability.md §5.1."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.web.reading import Page
from tests.web.standin import StandIn, World
from web import security

Start = Callable[[World], tuple[StandIn, FlaskClient]]
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
WRITES = (
    "/do/apps/scale",
    "/do/apps/delete",
    "/do/apps/kill",
    "/do/deployments/stop",
    "/do/jobs/run",
    "/do/jobs/delete",
    "/apps/new",
    "/jobs/new",
    "/theme",
)


@pytest.mark.parametrize("path", WRITES)
def test_a_write_without_the_token_is_refused(
    path: str, three: tuple[StandIn, FlaskClient]
) -> None:
    stand_in, client = three
    client.get("/")

    assert client.post(path, data={"id": "/shop/web"}).status_code == 403
    assert client.post(path, data={"csrf": "guess"}).status_code == 403
    assert not [line for line in stand_in.requests if not line.startswith("GET")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example.org"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_write_from_another_site_is_refused_even_with_the_token(
    headers: dict[str, str], three: tuple[StandIn, FlaskClient]
) -> None:
    _, client = three
    token = Page(client.get("/").text).token()

    data = {"csrf": token, "id": "/shop/web", "instances": "0"}
    assert client.post("/do/apps/scale", data=data, headers=headers).status_code == 403


def test_a_foreign_host_name_is_refused(three: tuple[StandIn, FlaskClient]) -> None:
    """DNS rebinding: a name of the attacker that leads to 127.0.0.1."""
    _, client = three

    assert client.get("/", headers={"Host": "evil.example.org"}).status_code == 403
    assert client.get("/", headers={"Host": "localhost:8000"}).status_code == 200
    assert client.get("/", headers={"Host": "[::1]:8000"}).status_code == 200


def test_every_page_forbids_foreign_and_inline_scripts(
    three: tuple[StandIn, FlaskClient],
) -> None:
    _, client = three
    for path in ("/", "/apps", "/nope", "/app/shop/web"):
        response = client.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        page = Page(response.text)
        assert all("src" in script for script in page.all("script"))
        assert not [a for _, a in page.elements if any(k.startswith("on") for k in a)]
        assert not [a for _, a in page.elements if "style" in a]


def test_hostile_names_labels_and_messages_stay_text(start: Start) -> None:
    world = World(3)
    app = world.apps["/shop/web"]
    app |= {"id": f"/shop/{HOSTILE.replace('/', '')}", "cmd": HOSTILE, "env": {HOSTILE: HOSTILE}}
    app["labels"] = {HOSTILE: HOSTILE}
    app["lastTaskFailure"] = {"message": HOSTILE, "state": HOSTILE, "timestamp": app["version"]}
    for task in app["tasks"]:
        task |= {"host": HOSTILE, "id": HOSTILE}
    world.apps = {app["id"]: app}
    world.versions[app["id"]] = [app]
    world.agents[0] |= {"hostname": HOSTILE, "attributes": {HOSTILE: HOSTILE}}
    world.jobs = {HOSTILE: {**world.jobs["ping"], "name": HOSTILE, "description": HOSTILE}}
    _, client = start(world)

    paths = ["/", "/apps", "/agents", "/services", "/jobs", f"/search?q={HOSTILE}", "/frameworks"]
    paths += [f"/app{app['id']}?tab={tab}" for tab in ("instances", "configuration", "logs")]
    paths += [f"/apps/edit{app['id']}", f"/job/{HOSTILE}", f"/apps?q={HOSTILE}&state=x"]
    for path in paths:
        page = Page(client.get(path).text)
        assert all("src" in script for script in page.all("script")), path
        assert page.all("img") == [], path
        assert not [a for _, a in page.elements if "onerror" in a], path


def test_log_lines_are_never_served_as_markup(three: tuple[StandIn, FlaskClient]) -> None:
    stand_in, client = three
    task = stand_in.world.apps["/shop/web"]["tasks"][0]
    stand_in.world.files[f"/sandbox/{task['id']}/stdout"] = HOSTILE.encode()
    query = f"agent={task['slaveId']}&task={task['id']}"

    read = client.get(f"/logs/read?{query}")
    download = client.get(f"/logs/download?{query}")

    assert read.content_type == "application/json"
    assert download.content_type == "text/plain; charset=utf-8"
    assert "attachment" in download.headers["Content-Disposition"]
    assert download.text == HOSTILE


@pytest.mark.parametrize("target", ["//evil.example.org", "https://evil.example.org", "/\\evil"])
def test_a_redirect_never_leaves_the_dashboard(
    target: str, three: tuple[StandIn, FlaskClient]
) -> None:
    _, client = three
    token = Page(client.get("/").text).token()

    response = client.post("/theme", data={"csrf": token, "theme": "dark", "next": target})

    assert response.headers["Location"] == "/"


def test_the_key_is_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    key = security.signing_key(tmp_path)

    assert security.signing_key(tmp_path) == key
    assert (tmp_path / "cookie-key").stat().st_mode & 0o777 == 0o600
