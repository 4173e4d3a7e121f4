"""Machines that are planned to be away, are taken down and brought up."""

import json
from typing import Any

import pytest

from kernel.machine import Persist
from kernel.master.machines import Machines
from kernel.master.maintenance import machines_problem, schedule_problem, status
from kernel.master.reads import whole
from kernel.messages import agent as agent_messages
from kernel.messages import operator_calls, scheduler
from kernel.messages.maintenance import MachineId, Schedule, Status, Window
from kernel.messages.scheduler import EventType
from kernel.messages.v1 import DurationInfo, Filters, Id, TimeInfo, Unavailability
from kernel.model.task import TaskState
from tests.kernel.master.stage import SchedulerActor, Stage, running

HOST = MachineId(hostname="host")
AWAY = Unavailability(start=TimeInfo(5), duration=DurationInfo(7))


def window(*machines: MachineId, away: Unavailability = AWAY) -> Window:
    return Window(machine_ids=list(machines), unavailability=away)


def schedule(stage: Stage, *windows: Window) -> tuple[int, str]:
    update = operator_calls.UpdateMaintenanceSchedule(schedule=Schedule(windows=list(windows)))
    answer = stage.operate("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule=update)
    return answer.status, answer.message


def start(stage: Stage, *machines: MachineId) -> tuple[int, str]:
    named = operator_calls.Machines(machines=list(machines))
    answer = stage.operate("START_MAINTENANCE", start_maintenance=named)
    return answer.status, answer.message


def stop(stage: Stage, *machines: MachineId) -> tuple[int, str]:
    named = operator_calls.Machines(machines=list(machines))
    answer = stage.operate("STOP_MAINTENANCE", stop_maintenance=named)
    return answer.status, answer.message


def shown(stage: Stage, type_: str) -> Any:
    from_views = stage.master.operators.views
    return next(view() for known, view in from_views.items() if known == type_)


def test_a_schedule_is_told_by_new_offers_and_by_inverse_offers() -> None:
    """Source: mesos.md §6, D8; mesos-observed.md §2, Maintenance."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    stage.pass_time(100)
    framework.hear()

    assert schedule(stage, window(HOST)) == (200, "")
    stage.pass_time(100)

    rescind, offers, inverse = framework.hear()
    assert rescind.type is EventType.RESCIND
    assert offers.offers is not None and offers.offers.offers[0].unavailability == AWAY
    assert inverse.inverse_offers is not None
    [asked] = inverse.inverse_offers.inverse_offers
    assert (asked.agent_id, asked.unavailability) == (Id(agent.agent_id), AWAY)


def answer(framework: SchedulerActor, refuse_s: float) -> None:
    [event] = [e for e in framework.hear() if e.inverse_offers is not None]
    assert event.inverse_offers is not None
    given = scheduler.AnswerInverseOffers(
        inverse_offer_ids=[offer.id for offer in event.inverse_offers.inverse_offers],
        filters=Filters(refuse_seconds=refuse_s),
    )
    framework.call("DECLINE_INVERSE_OFFERS", decline_inverse_offers=given)


def test_what_frameworks_answered_is_shown_until_the_window_changes() -> None:
    """Source: mesos.md §2.9, GET_MAINTENANCE_STATUS."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    schedule(stage, window(HOST))
    stage.pass_time(100)
    answer(framework, refuse_s=1_000)

    [draining] = status(stage.master.cluster).draining_machines

    assert draining.id == HOST
    assert [(s.status, s.framework_id.value) for s in draining.statuses] == [
        ("DECLINE", framework.framework_id)
    ]
    later = Unavailability(start=TimeInfo(9))
    schedule(stage, window(HOST, away=later))
    assert status(stage.master.cluster).draining_machines[0].statuses == []
    stage.pass_time(100)
    assert any(e.inverse_offers for e in framework.hear())


def frameworks_of(stage: Stage) -> Any:
    shown = whole(stage.master.reads.get_frameworks())
    return json.loads(bytes(shown))["frameworks"]


def test_what_was_asked_is_shown_with_the_framework_until_it_answers() -> None:
    """Source: mesos.md §2.9, GET_FRAMEWORKS: inverse_offers."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    schedule(stage, window(HOST))
    stage.pass_time(100)

    [asked] = frameworks_of(stage)[0]["inverse_offers"]
    answer(framework, refuse_s=1_000)

    assert asked["unavailability"] == {
        "start": {"nanoseconds": 5},
        "duration": {"nanoseconds": 7},
    }
    assert "inverse_offers" not in frameworks_of(stage)[0]


def test_another_schedule_that_changes_nothing_for_an_agent_leaves_its_offers() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    stage.pass_time(100)
    framework.hear()

    schedule(stage, window(MachineId(hostname="another")))

    assert framework.hear() == []


def test_a_machine_that_goes_down_takes_its_agents_along() -> None:
    """Source: mesos.md §6, D8; mesos-observed.md row 13: LOST for all, in this order."""
    stage = Stage()
    framework, agent, other = stage.framework(), stage.agent(), stage.agent(hostname="other")
    offers = framework.offers()
    framework.decline(*[o for o in offers if o.agent_id.value != agent.agent_id], refuse_s=60)
    framework.decline(*[o for o in offers if o.agent_id.value == agent.agent_id], refuse_s=0)
    stage.pass_time(1_100)
    running(stage, framework, agent)
    schedule(stage, window(HOST))
    stage.pass_time(100)
    framework.hear()

    assert start(stage, HOST) == (200, "")

    told = framework.hear()
    assert [e.type for e in told] == [
        EventType.UPDATE,
        EventType.RESCIND,
        EventType.RESCIND_INVERSE_OFFER,
        EventType.FAILURE,
    ]
    assert told[0].update is not None
    last = told[0].update.status
    assert (last.state, last.reason) == (TaskState.LOST, "REASON_AGENT_REMOVED")
    assert last.message == "Agent host removed: Operator initiated 'Machine DOWN'"
    assert isinstance(agent.hear()[-1], agent_messages.ShutdownAgent)
    assert list(stage.master.cluster.agents) == [other.agent_id]
    assert status(stage.master.cluster) == Status(down_machines=[HOST])


def test_no_agent_comes_from_a_machine_that_is_down_until_it_is_up() -> None:
    """Source: mesos.md §6, D8: agent refused; STOP -> back."""
    stage = Stage()
    schedule(stage, window(HOST))
    start(stage, HOST)

    refused = stage.agent()
    assert [type(e) for e in refused.hear()] == [agent_messages.ShutdownAgent]
    assert refused.stream_id in stage.closed
    assert stop(stage, HOST) == (200, "")

    agent = stage.agent()
    assert list(stage.master.cluster.agents) == [agent.agent_id]
    assert stage.master.cluster.machines.schedule == Schedule()
    assert stage.framework().offers()[0].unavailability is None


def test_the_plan_and_what_is_down_survive_the_master() -> None:
    stage = Stage()
    schedule(stage, window(HOST, MachineId(ip="10.0.0.7")))
    start(stage, HOST)
    before = stage.master.cluster.machines.schedule

    stage.restart()

    assert stage.master.cluster.machines.schedule == before
    assert [type(e) for e in stage.agent().hear()] == [agent_messages.ShutdownAgent]
    assert shown(stage, "GET_MAINTENANCE_SCHEDULE") == {"schedule": before}
    assert shown(stage, "GET_MAINTENANCE_STATUS")["status"].down_machines == [HOST]
    stop(stage, HOST)
    stage.restart()
    assert stage.master.cluster.machines.down == {}


def test_what_is_planned_is_durable_before_anybody_hears_of_it() -> None:
    stage = Stage()
    framework = stage.framework()
    stage.agent()
    framework.offers()
    order: list[type] = []
    post = stage.post

    def watch(event: Any) -> Any:
        effects = post(event)
        order.extend(type(e) for e in effects)
        return effects

    stage.post = watch  # type: ignore[method-assign]
    schedule(stage, window(HOST))
    assert order[0] is Persist
    order.clear()
    start(stage, HOST)
    assert order[0] is Persist


@pytest.mark.parametrize(
    ("windows", "problem"),
    [
        ([window()], "List of machines in the maintenance window is empty"),
        (
            [window(MachineId(hostname="x"), MachineId(hostname="x"))],
            'Machine \'{"hostname":"x"}\' appears more than once in the schedule',
        ),
        (
            [window(HOST), window(MachineId(hostname="HOST"))],
            'Machine \'{"hostname":"HOST"}\' appears more than once in the schedule',
        ),
        (
            [window(HOST, away=Unavailability(start=TimeInfo(0), duration=DurationInfo(-1)))],
            "Unavailability 'duration' is negative",
        ),
        ([window(MachineId(hostname=""))], "Both 'hostname' and 'ip' for a machine are empty"),
        (
            [window(MachineId(ip="nonsense"))],
            "'ip' of a machine must be an IP address such as 10.0.0.1, not 'nonsense'",
        ),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(windows: list[Window], problem: str) -> None:
    """Source: recording status-operator-master; src/master/maintenance.cpp."""
    assert schedule_problem(Schedule(windows=windows), Machines(Schedule(), ())) == problem
    assert schedule(Stage(), *windows) == (400, problem)


def test_a_machine_that_is_down_stays_in_the_schedule() -> None:
    """Source: recording operator-maintenance."""
    stage = Stage()
    machine = MachineId(hostname="localhost", ip="127.0.0.1")
    schedule(stage, window(machine))
    start(stage, machine)

    assert schedule(stage) == (
        400,
        'Machine \'{"hostname":"localhost","ip":"127.0.0.1"}\' is deactivated and cannot be'
        " removed from the schedule",
    )


def test_only_draining_machines_go_down_and_only_those_that_are_down_come_up() -> None:
    """Source: mesos.md §2.9; recording status-operator-master."""
    stage = Stage()
    name = 'Machine \'{"hostname":"host"}\''

    assert start(stage, HOST) == (400, f"{name} is not part of a maintenance schedule")
    schedule(stage, window(HOST))
    assert stop(stage, HOST) == (400, f"{name} is not in DOWN mode and cannot be brought up")
    start(stage, HOST)
    assert start(stage, HOST) == (
        400,
        f"{name} is not in DRAINING mode and cannot be brought down",
    )
    assert machines_problem([]) == "List of machines is empty"
    assert start(stage, HOST, HOST)[0] == 400
