"""Agents, gauges, shares, and whether an app would fit."""

import pytest
from msgspec import structs

from web.present import agents as present
from web.present import shares
from web.shapes.mesos import (
    Amounts,
    DrainInfo,
    Framework,
    Machine,
    Nanoseconds,
    Quota,
    Role,
    Schedule,
    Slave,
    State,
    Task,
    Unavailability,
    Window,
)

SMALL = Slave(
    id="m-S0", hostname="a", resources=Amounts(4, 4096, 100), used_resources=Amounts(1, 96)
)


def test_only_what_fits_on_single_agents_counts() -> None:
    two = [SMALL, structs.replace(SMALL, id="m-S1")]

    assert present.fitting(two, Amounts(cpus=2), 5) == 2
    assert present.fitting(two, Amounts(cpus=0.5, mem=1000), 100) == 8
    assert present.fitting([], Amounts(cpus=1), 1) == 0


def test_a_nearly_full_resource_warns() -> None:
    cpus, mem, _ = present.gauges(Amounts(cpus=3.7, mem=10), Amounts(cpus=4, mem=100, disk=1))

    assert (cpus.percent, cpus.tone) == (92, "warn")
    assert (mem.percent, mem.tone) == (10, "use")


def test_a_task_that_ended_does_not_run_though_nobody_acknowledged_its_end() -> None:
    both = ("TASK_KILLED", "TASK_RUNNING")
    tasks = [Task(id=each, slave_id="m-S0", state=each) for each in both]
    state = State(slaves=[SMALL], frameworks=[Framework(id="1", tasks=tasks)])

    assert [row.id for row in present.tasks_on(state, "m-S0")] == ["TASK_RUNNING"]
    assert present.agent_rows(state)[0].tasks == 1


def test_a_framework_cannot_make_a_link_that_runs_script() -> None:
    state = State(frameworks=[Framework(id="1", name="x", webui_url="javascript:alert(1)")])

    assert shares.framework_rows(state)[0].webui_url == ""


def test_tasks_lead_back_to_their_app_or_job() -> None:
    assert present.app_of_task("shop_web.instance-uuid._app.1") == "/shop/web"
    assert present.job_of_task("ct:1700000000000:0:nightly:") == "nightly"
    assert present.app_of_task("other") is None


def test_agents_that_share_a_host_are_told_apart_by_their_port() -> None:
    def slave(number: int, host: str) -> Slave:
        return Slave(id=f"M-S{number}", hostname=host, pid=f"slave(1)@127.0.0.1:505{number}")

    rows = present.agent_rows(State(slaves=[slave(1, "one"), slave(2, "one"), slave(3, "two")]))

    assert [row.name for row in rows] == ["one:5051", "one:5052", "two"]


@pytest.mark.parametrize(
    ("slave", "word"),
    [
        (SMALL, "Active"),
        (structs.replace(SMALL, active=False), "Disconnected"),
        (structs.replace(SMALL, active=False, deactivated=True), "Deactivated"),
        (structs.replace(SMALL, deactivated=True, drain_info=DrainInfo("DRAINING")), "Draining"),
        (structs.replace(SMALL, deactivated=True, drain_info=DrainInfo("DRAINED")), "Drained"),
    ],
)
def test_an_agent_says_whether_it_is_in_service(slave: Slave, word: str) -> None:
    assert present.agent_row(slave, 0).look.word == word


@pytest.mark.parametrize(
    ("machine", "away_ms"),
    [
        (Machine(hostname="A"), 1_000),
        (Machine(ip="10.0.0.1"), 1_000),
        (Machine(hostname="b", ip="10.0.0.2"), None),
        (Machine(), None),
    ],
)
def test_an_agent_tells_when_its_machine_is_to_be_away(
    machine: Machine, away_ms: int | None
) -> None:
    """Source: mesos.md §2.9, /maintenance/schedule: machines by host name, address or both."""
    window = Window([machine], Unavailability(Nanoseconds(1_000_000_000)))
    slave = structs.replace(SMALL, pid="slave(1)@10.0.0.1:5051")

    assert present.agent_row(slave, 0, Schedule([window])).away_ms == away_ms


def test_what_is_reserved_is_told_by_role() -> None:
    slave = structs.replace(SMALL, reserved_resources={"eng": Amounts(1.5, 512, 0, 0, "[1-2]")})

    assert present.agent_row(slave, 0).reserved == [("eng", "1.5 cpus, 512 MiB of memory")]


def test_a_role_shows_its_quota_by_resource() -> None:
    role = Role("eng", 2.5, Quota({"cpus": 1}, {"cpus": 8, "mem": 1024}), frameworks=["f", "gone"])
    state = State(frameworks=[Framework(id="f", name="batch")])

    (row,) = shares.role_rows([role], state)

    assert (row.weight, row.guarantee, row.limit) == ("2.5", "1 cpu", "8 cpus, 1 GiB of memory")
    assert (row.reserved, row.frameworks) == ("", "batch, gone")


def test_a_share_counts_what_agents_out_of_service_have_too() -> None:
    """Frameworks hold what runs there; without it their share would be above the whole."""
    slaves = [SMALL, structs.replace(SMALL, id="m-S1", active=False, deactivated=True)]
    holds = Framework(id="f", used_resources=Amounts(cpus=4))

    (row,) = shares.framework_rows(State(slaves=slaves, frameworks=[holds]))

    assert row.cpus.percent == 50
