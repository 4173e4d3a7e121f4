"""Agents that fall silent and come back, are drained, marked gone and taken down; and what is told
of their tasks. Source: mesos.md §6: B6, C3, C7, C8, C12, C14, D8, D9, D10."""

import json
import signal
import time
from collections.abc import Callable

import pytest

from tests.contracts.cluster import Cluster, OwnCluster
from tests.contracts.scheduler import Scheduler, amount, framework_info, legacy_info, task
from tests.contracts.wire import Address, Json, operate, request, shown, wait_until

Make = Callable[..., OwnCluster]
SILENT = ("--agent-ping-timeout", "0.3", "--max-agent-ping-timeouts", "2")
KILLS = [{"type": name} for name in ("PARTITION_AWARE", "MULTI_ROLE", "TASK_KILLING_STATE")]


def rescinded(scheduler: Scheduler, offer: Json) -> None:
    scheduler.stream.take("RESCIND", lambda e: bool(e["rescind"]["offer_id"] == offer["id"]))


def failed(scheduler: Scheduler, agent_id: Json) -> None:
    scheduler.stream.take("FAILURE", lambda e: bool(e["failure"].get("agent_id") == agent_id))


def explicit(scheduler: Scheduler, task_id: str, agent_id: str | None = None) -> Json:
    """What RECONCILE says of one task."""
    asked: Json = {"task_id": {"value": task_id}}
    if agent_id is not None:
        asked["agent_id"] = {"value": agent_id}
    scheduler.must("RECONCILE", tasks=[asked])
    event = scheduler.stream.take(
        "UPDATE",
        lambda e: bool(
            e["update"]["status"].get("reason") == "REASON_RECONCILIATION"
            and e["update"]["status"]["task_id"]["value"] == task_id
        ),
    )
    status: Json = event["update"]["status"]
    return status


def agent_shown(master: Address, agent_id: str) -> Json:
    agents = shown(master, "GET_AGENTS")["agents"]
    found: Json = next(a for a in agents if a["agent_info"]["id"]["value"] == agent_id)
    return found


# --- offers --------------------------------------------------------------------------------


def test_b6_an_unused_offer_is_rescinded_and_made_again(own_cluster: Make) -> None:
    cluster = own_cluster(agents=2, master_flags=("--offer-timeout", "1"))
    with Scheduler(cluster.master) as scheduler:
        scheduler.stream.until(lambda: len(scheduler.offers()) == 2 or None, what="two offers")
        used, left = scheduler.offers()
        scheduler.accept(used, refuse_seconds=60)

        rescinded(scheduler, left)

        again = scheduler.offer(lambda offer: bool(offer["agent_id"] == left["agent_id"]))
        assert again["id"] != left["id"]
        of_used = lambda e: bool(e["rescind"]["offer_id"] == used["id"])  # noqa: E731
        assert scheduler.stream.quiet("RESCIND", 1.2, of_used)


# --- updates and reconciliation ------------------------------------------------------------


def test_c3_an_ended_task_frees_its_resources_before_its_end_is_acknowledged(
    cluster: Cluster,
) -> None:
    """mesos-observed.md row 8: only the terminal update may be open."""
    with Scheduler(cluster.master) as scheduler:
        offer = scheduler.offer()
        whole = amount(offer, "cpus")
        scheduler.launch(offer, task("c3", offer, "true"))
        for _ in range(2):
            scheduler.status("c3")
        end = scheduler.stream.take("UPDATE")["update"]["status"]

        scheduler.stream.until(
            lambda: sum(amount(o, "cpus") for o in scheduler.offers()) == whole or None,
            what="all is offered again",
        )

        assert end["state"] == "TASK_FINISHED"
        [known] = shown(cluster.master, "GET_TASKS")["tasks"]
        assert known["task_id"]["value"] == "c3"
        scheduler.acknowledge(end)
        wait_until(lambda: not shown(cluster.master, "GET_TASKS")["tasks"], what="it is history")


@pytest.mark.parametrize(
    ("info", "gone", "unknown"),
    [
        (framework_info, "TASK_GONE", "TASK_UNKNOWN"),
        (legacy_info, "TASK_LOST", "TASK_LOST"),
    ],
)
def test_c7_each_task_is_told_as_it_is(
    cluster: Cluster, info: Callable[[], Json], gone: str, unknown: str
) -> None:
    with Scheduler(cluster.master, info()) as scheduler:
        agent_id = scheduler.run("c7")["agent_id"]["value"]

        assert explicit(scheduler, "c7")["state"] == "TASK_RUNNING"
        assert explicit(scheduler, "c7", agent_id)["state"] == "TASK_RUNNING"
        assert explicit(scheduler, "nope", agent_id)["state"] == gone
        assert explicit(scheduler, "nope", "no-such-agent")["state"] == unknown
        last = explicit(scheduler, "nope")
        assert last["state"] == unknown and "uuid" not in last
        assert last["source"] == "SOURCE_MASTER"


def test_c7_nobody_can_say_while_the_agent_is_expected_back(own_cluster: Make) -> None:
    cluster = own_cluster()
    scheduler = Scheduler(cluster.master)
    agent_id = scheduler.run("c7")["agent_id"]["value"]
    cluster.the_agent.signal(signal.SIGSTOP)
    cluster.the_master.kill()
    cluster.the_master.start()
    with scheduler.again() as again:
        again.must("RECONCILE", tasks=[{"task_id": {"value": "c7"}}])
        asked = {"task_id": {"value": "nope"}, "agent_id": {"value": agent_id}}
        again.must("RECONCILE", tasks=[asked])

        assert again.stream.quiet("UPDATE", 1.0)

        cluster.the_agent.signal(signal.SIGCONT)
        wait_until(lambda: cluster.agents_count() == 1, what="the agent is back")
        assert explicit(again, "c7")["state"] == "TASK_RUNNING"


def test_c8_all_tasks_are_told_but_those_whose_end_is_acknowledged(cluster: Cluster) -> None:
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("lives")
        scheduler.run("over", "sleep 0.2")
        scheduler.status("over", "TASK_FINISHED")
        offer = scheduler.offer(lambda offer: amount(offer, "cpus") >= 0.1)
        scheduler.launch(offer, task("ended", offer, "true"))
        for _ in range(2):
            scheduler.status("ended")
        scheduler.stream.take("UPDATE")  # its end, which nobody acknowledges

        scheduler.must("RECONCILE", tasks=[])

        told = [scheduler.stream.take("UPDATE")["update"]["status"] for _ in range(2)]
        assert {s["task_id"]["value"]: s["state"] for s in told} == {
            "lives": "TASK_RUNNING",
            "ended": "TASK_FINISHED",
        }
        assert all("uuid" not in status for status in told)
        assert scheduler.stream.quiet("UPDATE", 0.5, lambda e: "uuid" not in e["update"]["status"])


# --- silence -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "state"), [(framework_info, "TASK_UNREACHABLE"), (legacy_info, "TASK_LOST")]
)
def test_c12_a_silent_agents_tasks_are_unreachable_until_it_is_back(
    own_cluster: Make, info: Callable[[], Json], state: str
) -> None:
    cluster = own_cluster(master_flags=SILENT)
    with Scheduler(cluster.master, info()) as scheduler:
        agent_id = scheduler.run("c12")["agent_id"]
        offer = scheduler.offer()
        cluster.the_agent.signal(signal.SIGSTOP)

        lost = scheduler.status("c12")
        assert (lost["state"], lost["reason"]) == (state, "REASON_AGENT_REMOVED")
        assert lost["unreachable_time"]["nanoseconds"] > 0
        rescinded(scheduler, offer)
        failed(scheduler, agent_id)
        asked = explicit(scheduler, "c12", agent_id["value"])
        assert asked["state"] == state and "unreachable_time" in asked

        cluster.the_agent.signal(signal.SIGCONT)
        back = scheduler.status("c12")
        assert (back["state"], back["reason"]) == ("TASK_RUNNING", "REASON_AGENT_REREGISTERED")


@pytest.mark.parametrize(
    ("info", "state"), [(framework_info, "TASK_DROPPED"), (legacy_info, "TASK_LOST")]
)
def test_a_launch_that_was_lost_with_its_agent_is_dropped_when_it_is_back(
    own_cluster: Make, info: Callable[[], Json], state: str
) -> None:
    """The last part of C14."""
    cluster = own_cluster()
    with Scheduler(cluster.master, info()) as scheduler:
        scheduler.run("before")  # so it has written down who it is
        offer = scheduler.offer()
        cluster.the_agent.signal(signal.SIGSTOP)
        scheduler.launch(offer, task("c14", offer))

        cluster.the_agent.kill()
        cluster.the_agent.start()

        dropped = scheduler.status("c14")
        assert (dropped["state"], dropped["reason"]) == (state, "REASON_RECONCILIATION")


# --- operators -----------------------------------------------------------------------------


def window(machine: Json) -> Json:
    start = time.time_ns() + 3_600_000_000_000
    away = {"start": {"nanoseconds": start}, "duration": {"nanoseconds": 3_600_000_000_000}}
    return {"machine_ids": [machine], "unavailability": away}


def test_d8_maintenance_is_asked_for_planned_and_done(own_cluster: Make) -> None:
    cluster = own_cluster()
    master = cluster.master
    machine = {"hostname": "localhost", "ip": "127.0.0.1"}
    planned = window(machine)
    with Scheduler(master) as scheduler:
        agent_id = scheduler.run("d8")["agent_id"]
        offer = scheduler.offer()
        schedule = {"windows": [planned]}
        answer = operate(master, "UPDATE_MAINTENANCE_SCHEDULE", schedule=schedule)
        assert answer.status == 200, answer.text

        rescinded(scheduler, offer)
        again = scheduler.offer(lambda offer: "unavailability" in offer)
        assert again["unavailability"] == planned["unavailability"]
        [inverse] = scheduler.stream.take("INVERSE_OFFERS")["inverse_offers"]["inverse_offers"]
        assert (inverse["agent_id"], inverse["unavailability"]) == (
            agent_id,
            planned["unavailability"],
        )
        scheduler.must(
            "DECLINE_INVERSE_OFFERS",
            inverse_offer_ids=[inverse["id"]],
            filters={"refuse_seconds": 1},
        )
        [draining] = shown(master, "GET_MAINTENANCE_STATUS")["status"]["draining_machines"]
        assert [s["status"] for s in draining["statuses"]] == ["DECLINE"]
        assert scheduler.stream.quiet("INVERSE_OFFERS", 0.5)
        scheduler.stream.take("INVERSE_OFFERS")  # the filter has ended

        answer = request(master, "POST", "/machine/down", json.dumps([machine]).encode())
        assert answer.status == 200, answer.text
        assert scheduler.status("d8")["state"] == "TASK_LOST"
        failed(scheduler, agent_id)
        wait_until(cluster.the_agent.has_ended, what="the agent has ended")
        down = request(master, "GET", "/maintenance/status").json()
        assert down == {"down_machines": [machine]}
        assert operate(master, "UPDATE_MAINTENANCE_SCHEDULE", schedule={}).status == 400

        answer = operate(master, "STOP_MAINTENANCE", machines=[machine])
        assert answer.status == 200, answer.text
        assert request(master, "GET", "/maintenance/schedule").json() == {}
        cluster.the_agent.start()
        wait_until(lambda: cluster.agents_count() == 1, what="the agent is back")
        assert "unavailability" not in scheduler.offer(
            lambda offer: bool(offer["agent_id"] != agent_id)
        )


def test_d9_an_agent_is_drained_and_comes_back_when_it_is_told(own_cluster: Make) -> None:
    cluster = own_cluster(agents=1)
    master = cluster.master
    with Scheduler(master, framework_info(capabilities=KILLS)) as scheduler:
        agent_id = scheduler.run("d9")["agent_id"]
        offer = scheduler.offer()

        answer = operate(master, "DRAIN_AGENT", agent_id=agent_id, max_grace_period={"seconds": 2})

        assert answer.status == 200, answer.text
        rescinded(scheduler, offer)
        killing = scheduler.status("d9")
        killed = scheduler.stream.take("UPDATE")["update"]["status"]
        assert [(s["state"], s["reason"]) for s in (killing, killed)] == [
            ("TASK_KILLING", "REASON_AGENT_DRAINING"),
            ("TASK_KILLED", "REASON_AGENT_DRAINING"),
        ]
        known = agent_shown(master, agent_id["value"])
        assert known["drain_info"]["state"] == "DRAINING" and known["deactivated"]
        early = operate(master, "REACTIVATE_AGENT", agent_id=agent_id)
        assert (early.status, early.text) == (400, "Agent is still in the DRAINING state")
        scheduler.acknowledge(killed)

        def drained() -> bool:
            state = agent_shown(master, agent_id["value"])["drain_info"]["state"]
            return bool(state == "DRAINED")

        wait_until(drained, what="drained")
        assert scheduler.stream.quiet("ERROR", 0.5) and scheduler.offers() == []
        assert operate(master, "REACTIVATE_AGENT", agent_id=agent_id).status == 200
        assert scheduler.run("after")["agent_id"] == agent_id


def test_d9_an_agent_may_be_gone_when_it_is_drained(own_cluster: Make) -> None:
    cluster = own_cluster()
    with Scheduler(cluster.master) as scheduler:
        agent_id = scheduler.run("d9")["agent_id"]

        answer = operate(cluster.master, "DRAIN_AGENT", agent_id=agent_id, mark_gone=True)

        assert answer.status == 200, answer.text
        assert scheduler.status("d9")["state"] == "TASK_KILLED"
        failed(scheduler, agent_id)
        wait_until(cluster.the_agent.has_ended, what="the agent has ended")
        told = explicit(scheduler, "another", agent_id["value"])
        assert told["state"] == "TASK_GONE_BY_OPERATOR"


def test_d10_an_agent_that_is_marked_gone_ends_and_so_do_its_tasks(own_cluster: Make) -> None:
    cluster = own_cluster()
    with Scheduler(cluster.master) as scheduler:
        agent_id = scheduler.run("d10")["agent_id"]
        offer = scheduler.offer()

        assert operate(cluster.master, "MARK_AGENT_GONE", agent_id=agent_id).status == 200

        status = scheduler.status("d10")
        assert status["state"] == "TASK_GONE_BY_OPERATOR" and "uuid" not in status
        assert status["reason"] == "REASON_AGENT_REMOVED_BY_OPERATOR"
        rescinded(scheduler, offer)
        failed(scheduler, agent_id)
        assert explicit(scheduler, "d10", agent_id["value"])["state"] == "TASK_GONE_BY_OPERATOR"
        wait_until(cluster.the_agent.has_ended, what="the agent has ended")
        assert operate(cluster.master, "MARK_AGENT_GONE", agent_id=agent_id).status == 200
        assert agent_id["value"] not in json.dumps(shown(cluster.master, "GET_AGENTS"))


def test_a_drain_goes_on_though_agent_and_master_are_killed(own_cluster: Make) -> None:
    """Source: mesos.md §1.1: draining is durable; design: written before it is acted on."""
    cluster = own_cluster()
    scheduler = Scheduler(cluster.master)
    agent_id = scheduler.run("stubborn", "trap '' TERM; sleep 1000")["agent_id"]
    cluster.the_agent.kill()
    grace = {"seconds": 1}
    answer = operate(cluster.master, "DRAIN_AGENT", agent_id=agent_id, max_grace_period=grace)
    assert answer.status == 200, answer.text

    cluster.the_master.kill()
    cluster.the_master.start()
    cluster.the_agent.start()

    with scheduler.again() as again:
        killed = again.status("stubborn", "TASK_KILLED")
        assert killed["reason"] == "REASON_AGENT_DRAINING"

        def drained() -> bool:
            known = agent_shown(cluster.master, agent_id["value"])
            return bool(known["drain_info"]["state"] == "DRAINED")

        wait_until(drained, what="drained")
        assert operate(cluster.master, "REACTIVATE_AGENT", agent_id=agent_id).status == 200
        assert again.run("after")["agent_id"] == agent_id
