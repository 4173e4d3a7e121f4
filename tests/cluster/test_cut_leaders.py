"""Leaders that are cut from their store only, or killed again and again.

Source: the fault matrix, rows M3, M7, C1 and C2.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cluster.parts import Part, Parts, parts_in
from tests.cluster.test_masters import redirect
from tests.cluster.test_standbys import is_over, leader_of, turns
from tests.links import Link, links_to
from tests.processes import wait_until
from tests.servers import Server, redis_server

pytestmark = pytest.mark.cluster

LEASE_S = 2.0
BUSY_S = 1.0
SETTLE_S = 60.0
FLAPS = 6


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with parts_in(tmp_path) as started:
        yield started


def url(port: int, number: int = 0) -> str:
    return f"redis://127.0.0.1:{port}/{number}?lease={LEASE_S}"


def leads(master: Part) -> bool:
    return redirect(master, "/state")[0] == 200


def agents_of(master: Part) -> list[str]:
    status, state, _ = master.ask("GET", "/state")
    return [each["id"] for each in state["slaves"] if each["active"]] if status == 200 else []


def frameworks_of(master: Part) -> list[str]:
    status, state, _ = master.ask("GET", "/state")
    return [each["id"] for each in state["frameworks"]] if status == 200 else []


def deploy(marathon: Part, app_id: str) -> None:
    app = {"id": app_id, "cmd": "sleep 1000", "cpus": 0.1, "mem": 32}
    wait_until(
        lambda: marathon.ask("POST", "/v2/apps", app)[0] in (201, 409), SETTLE_S, f"{app_id}"
    )


def running(marathon: Part) -> list[str]:
    status, answer, _ = marathon.ask("GET", "/v2/tasks")
    tasks = answer["tasks"] if status == 200 else []
    return sorted(task["id"] for task in tasks if task["state"] == "TASK_RUNNING")


def test_a_master_cut_from_its_store_ends_and_its_agents_obey_the_next(
    parts: Parts, redis: Server
) -> None:
    """Source: row M3."""
    with links_to(redis.port) as links:
        (link,) = links.each
        first = parts.start("kernel master", "--store", url(link.port))
        wait_until(lambda: leads(first), SETTLE_S)
        second = parts.start("kernel master", "--store", url(redis.port))
        where = f"{first.address},{second.address}"
        parts.start("kernel agent", "--master", where, "--resources", "cpus:4;mem:2000")
        marathon = parts.start("marathon_app", "--master", where)
        deploy(marathon, "/before")
        wait_until(lambda: len(running(marathon)) == 1, SETTLE_S)
        before, (agent,), (framework,) = running(marathon), agents_of(first), frameworks_of(first)

        ended_s, led_s = followed(link, first, second)

        print(f"the one that is cut off ended after {ended_s:.2f} s, another led at {led_s:.2f} s")
        assert ended_s <= LEASE_S * 2 / 3 + BUSY_S
        assert ended_s <= led_s
        deploy(marathon, "/after")
        wait_until(lambda: len(running(marathon)) == 2, SETTLE_S)
        assert set(before) <= set(running(marathon))
        assert agents_of(second) == [agent]
        assert frameworks_of(second) == [framework]
        assert not leads(first)
        link.heal()
        wait_until(lambda: redirect(first, "/state")[0] == 307, SETTLE_S, first.log())
        assert len(running(marathon)) == 2


def followed(link: Link, first: Part, second: Part) -> tuple[float, float]:
    """Cut the first from the store; when it ended and when the second led, in seconds after."""
    link.hold()
    cut_s = time.monotonic()
    wait_until(lambda: "no longer the leader" in first.log(), SETTLE_S, "it ends")
    ended_s = time.monotonic() - cut_s
    wait_until(lambda: leads(second) or bool(leader_of(second)), SETTLE_S, second.log())
    return ended_s, time.monotonic() - cut_s


@pytest.mark.parametrize("module", ["marathon_app", "chronos_app"])
def test_a_framework_cut_from_its_store_ends_and_another_follows(
    parts: Parts, redis: Server, module: str
) -> None:
    """Source: row M3, of the frameworks' leaders."""
    master = parts.start("kernel master")
    parts.start("kernel agent", "--master", master.url, "--resources", "cpus:4;mem:2000")
    with links_to(redis.port) as links:
        (link,) = links.each
        words = ("--master", master.url)
        first = parts.start(module, *words, "--store", url(link.port))
        wait_until(lambda: leader_of(first) == first.address, SETTLE_S)
        second = parts.start(module, *words, "--store", url(redis.port))
        (framework,) = frameworks_of(master)

        link.hold()
        cut_s = time.monotonic()
        wait_until(lambda: "no longer the leader" in first.log(), SETTLE_S, "it ends")
        ended_s = time.monotonic() - cut_s
        wait_until(lambda: leader_of(second) == second.address, SETTLE_S, second.log())
        print(f"{module}: ended after {ended_s:.2f} s, followed at {time.monotonic() - cut_s:.2f}")

        assert ended_s <= LEASE_S * 2 / 3 + BUSY_S
        wait_until(lambda: frameworks_of(master) == [framework], SETTLE_S, "the same framework")
        link.heal()
        wait_until(lambda: leader_of(first) == second.address, SETTLE_S, first.log())


def test_masters_that_are_killed_again_and_again_get_on_when_it_stops(
    parts: Parts, redis: Server
) -> None:
    """Source: row M7. Each leader is killed as soon as it leads."""
    masters = [parts.start("kernel master", "--store", url(redis.port)) for _ in range(2)]
    where = ",".join(each.address for each in masters)
    parts.start("kernel agent", "--master", where, "--resources", "cpus:4;mem:2000")
    marathon = parts.start("marathon_app", "--master", where)
    deploy(marathon, "/before")
    wait_until(lambda: len(running(marathon)) == 1, SETTLE_S)
    before = running(marathon)

    for _ in range(FLAPS):
        wait_until(lambda: any(map(leads, masters)), SETTLE_S, "one leads")
        leader = next(filter(leads, masters))
        leader.kill()
        leader.start_again()
    began_s = time.monotonic()
    wait_until(lambda: any(map(leads, masters)), SETTLE_S, "one leads at last")
    print(f"after {FLAPS} leaders one leads {time.monotonic() - began_s:.2f} s later")

    deploy(marathon, "/after")
    wait_until(lambda: len(running(marathon)) == 2, SETTLE_S)
    print(f"a new app runs {time.monotonic() - began_s:.2f} s later")
    assert set(before) <= set(running(marathon))
    leader = next(filter(leads, masters))
    assert len(agents_of(leader)) == 1
    assert len(frameworks_of(leader)) == 1
    epochs = sorted(epoch for master in masters for epoch in elected(master))
    assert len(epochs) > FLAPS
    assert len(dict.fromkeys(epochs)) == len(epochs), "an epoch was had twice"


def elected(part: Part) -> list[int]:
    mark = "leads in epoch "
    return [
        int(line.rpartition(mark)[2].split()[0].strip('",}'))
        for line in part.log().splitlines()
        if mark in line
    ]


def test_each_turn_runs_once_though_leaders_are_killed_when_it_is_due(
    parts: Parts, redis: Server, tmp_path: Path
) -> None:
    """Source: rows C1 and C2: killed at the instant of a turn; then nobody leads for a lease."""
    master = parts.start("kernel master")
    parts.start("kernel agent", "--master", master.url, "--resources", "cpus:4;mem:2000")
    pair = [
        parts.start("chronos_app", "--master", master.url, "--store", url(redis.port))
        for _ in range(2)
    ]
    wait_until(lambda: leader_of(pair[0]) != "", SETTLE_S)
    ran = tmp_path / "ran"
    first = datetime.fromtimestamp(int(time.time()) + 3, UTC)  # so every turn is on a whole second
    job = {
        "name": "tick", "command": f"echo run >> {ran}",
        "schedule": f"R8/{first:%Y-%m-%dT%H:%M:%SZ}/PT1S",
        "epsilon": "PT60S", "owner": "",
    }  # fmt: skip
    status, answer, _ = pair[0].ask("POST", "/v1/scheduler/iso8601", job)
    assert status in (200, 204), answer

    for _ in range(2):
        wait_until(lambda: any(leader_of(each) == each.address for each in pair), SETTLE_S)
        count = ran.read_text().count("run") if ran.exists() else 0
        wait_until(lambda: ran.exists() and ran.read_text().count("run") > count, SETTLE_S)  # noqa: B023
        leader = next(each for each in pair if leader_of(each) == each.address)
        time.sleep(1 - time.time() % 1)  # the instant at which the next turn is due
        leader.kill()
        leader.start_again()

    wait_until(lambda: any(is_over(each) for each in pair), SETTLE_S, "all turns are over")
    runs = pair[0].ask("GET", "/v1/scheduler/tepui/job/tick/runs")[1]
    nominal = [run["nominal"] for run in runs]
    assert len(nominal) == len(set(nominal))
    assert turns(runs) == 8
    states = [run["state"] for run in runs]
    assert set(states) <= {"succeeded", "coalesced"}
    assert ran.read_text().count("run") == states.count("succeeded")
    print(f"of 8 turns {states.count('succeeded')} ran, the rest was caught up by one of them")
