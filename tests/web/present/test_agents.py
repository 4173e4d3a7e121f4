"""Agents, gauges, and whether an app would fit."""

from msgspec import structs

from web.present import agents as present
from web.shapes.mesos import Amounts, Framework, Slave, State

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


def test_a_framework_cannot_make_a_link_that_runs_script() -> None:
    state = State(frameworks=[Framework(id="1", name="x", webui_url="javascript:alert(1)")])

    assert present.framework_rows(state)[0].webui_url == ""


def test_tasks_lead_back_to_their_app_or_job() -> None:
    assert present.app_of_task("shop_web.instance-uuid._app.1") == "/shop/web"
    assert present.job_of_task("ct:1700000000000:0:nightly:") == "nightly"
    assert present.app_of_task("other") is None


def test_agents_that_share_a_host_are_told_apart_by_their_port() -> None:
    def slave(number: int, host: str) -> Slave:
        return Slave(id=f"M-S{number}", hostname=host, pid=f"slave(1)@127.0.0.1:505{number}")

    rows = present.agent_rows(State(slaves=[slave(1, "one"), slave(2, "one"), slave(3, "two")]))

    assert [row.name for row in rows] == ["one:5051", "one:5052", "two"]
