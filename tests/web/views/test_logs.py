"""Logs are read through the dashboard, from the offset that the page has."""

from flask.testing import FlaskClient

from tests.web.standin import StandIn

Three = tuple[StandIn, FlaskClient]


def test_a_log_is_followed_from_its_tail_on(three: Three) -> None:
    stand_in, client = three
    task = stand_in.world.apps["/shop/web"]["tasks"][0]
    path = f"/sandbox/{task['id']}/stdout"
    stand_in.world.files[path] = b"x" * 100_000 + b"\nend\n"
    url = f"/logs/read?agent={task['slaveId']}&task={task['id']}&file=stdout"

    tail = client.get(url).get_json()
    stand_in.world.files[path] += "späte Zeile\n".encode()
    more = client.get(f"{url}&offset={tail['next']}").get_json()
    nothing = client.get(f"{url}&offset={more['next']}").get_json()

    assert tail["data"].endswith("\nend\n") and tail["offset"] == 100_005 - 64 * 1024
    assert more["data"] == "späte Zeile\n"
    assert (nothing["data"], nothing["next"]) == ("", more["next"])


def test_unknown_tasks_agents_and_files_are_refused(three: Three) -> None:
    stand_in, client = three
    task = stand_in.world.apps["/shop/web"]["tasks"][0]
    known = f"agent={task['slaveId']}&task={task['id']}"

    assert client.get("/logs/read?agent=x&task=y").status_code == 404
    assert client.get(f"/logs/read?agent={task['slaveId']}&task=y").status_code == 404
    assert client.get(f"/logs/read?{known}&file=../../etc/passwd").status_code == 400
    assert client.get("/logs/download?agent=x&task=y").status_code == 404
