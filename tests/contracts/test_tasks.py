"""Contracts C about commands: updates, kills, reconciliation, agents that fall silent.

Those about custom executors are in `test_executors`. Source: mesos.md §6 C.
"""

import signal
import time
from collections.abc import Callable

from tests.contracts.cluster import Cluster, OwnCluster
from tests.contracts.scheduler import (
    MODERN,
    Scheduler,
    amount,
    framework_info,
    legacy_info,
    task,
)
from tests.contracts.wire import Json, shown, wait_until

MakeCluster = Callable[..., OwnCluster]
IMPATIENT = ("--agent-ping-timeout", "0.3", "--max-agent-ping-timeouts", "2")


def is_of(task_id: str) -> Callable[[Json], bool]:
    return lambda event: bool(event["update"]["status"]["task_id"]["value"] == task_id)


def told(scheduler: Scheduler, task_id: str) -> Json:
    """The next status of a task, not acknowledged."""
    status: Json = scheduler.stream.take("UPDATE", is_of(task_id))["update"]["status"]
    return status


def reconciled(scheduler: Scheduler, task_id: str, agent_id: str | None = None) -> Json:
    """The answer to explicit reconciliation of one task."""
    asked: Json = {"task_id": {"value": task_id}}
    if agent_id is not None:
        asked["agent_id"] = {"value": agent_id}
    scheduler.must("RECONCILE", tasks=[asked])
    return told(scheduler, task_id)


def test_c3_an_end_that_nobody_acknowledged_frees_the_resources_all_the_same(
    cluster: Cluster,
) -> None:
    """C3, as observed (1.8): the earlier updates are acknowledged, the terminal one is not."""
    with Scheduler(cluster.master) as scheduler:
        offer = scheduler.offer()
        everything = task("ends", offer, "true", cpus=amount(offer, "cpus") - 0.2)
        scheduler.launch(offer, everything)
        scheduler.status("ends", "TASK_RUNNING")
        finished = told(scheduler, "ends")
        scheduler.offer(lambda again: amount(again, "cpus") >= amount(offer, "cpus") - 0.2)

        assert finished["state"] == "TASK_FINISHED"
        assert state_shown(cluster, "tasks", scheduler, "ends") == "TASK_FINISHED"
        scheduler.acknowledge(finished)
        wait_until(lambda: state_shown(cluster, "completed_tasks", scheduler, "ends"))
        assert state_shown(cluster, "tasks", scheduler, "ends") == ""


def state_shown(cluster: Cluster, where: str, scheduler: Scheduler, task_id: str) -> str:
    """The state of a task in one of the lists of GET_TASKS."""
    for each in shown(cluster.master, "GET_TASKS").get(where, []):
        if (each["framework_id"]["value"], each["task_id"]["value"]) == (scheduler.id, task_id):
            state: str = each["state"]
            return state
    return ""


def test_c5_a_killed_task_is_told_as_killed(cluster: Cluster) -> None:
    """C5: without the capability nothing comes before."""
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("victim")
        scheduler.must("KILL", task_id={"value": "victim"})

        assert scheduler.status("victim")["state"] == "TASK_KILLED"


def test_c5_who_knows_of_killing_is_told_of_it_first(cluster: Cluster) -> None:
    """C5."""
    capabilities = [{"type": name} for name in (*MODERN, "TASK_KILLING_STATE")]
    with Scheduler(cluster.master, framework_info(capabilities=capabilities)) as scheduler:
        scheduler.run("victim")
        scheduler.must("KILL", task_id={"value": "victim"})

        assert scheduler.status("victim")["state"] == "TASK_KILLING"
        assert scheduler.status("victim")["state"] == "TASK_KILLED"


def test_c5_who_will_not_go_is_made_to_after_the_grace(cluster: Cluster) -> None:
    """C5."""
    with Scheduler(cluster.master) as scheduler:
        stubborn = "trap '' TERM; echo > ready; while true; do sleep 0.1; done"
        policy = {"grace_period": {"nanoseconds": 1_000_000_000}}
        scheduler.run("stubborn", stubborn, kill_policy=policy)
        scheduler.must("KILL", task_id={"value": "stubborn"})
        asked = time.monotonic()
        killed = scheduler.status("stubborn", "TASK_KILLED")

        assert time.monotonic() - asked < 10
        assert killed["state"] == "TASK_KILLED"


def test_c7_a_known_task_is_told_as_it_is(cluster: Cluster) -> None:
    """C7."""
    with Scheduler(cluster.master) as scheduler:
        running = scheduler.run("known")
        answer = reconciled(scheduler, "known", running["agent_id"]["value"])

        assert (answer["state"], answer["reason"]) == ("TASK_RUNNING", "REASON_RECONCILIATION")
        assert answer["source"] == "SOURCE_MASTER"
        assert "uuid" not in answer


def test_c7_an_unknown_task_is_told_by_what_is_known_of_its_agent(cluster: Cluster) -> None:
    """C7."""
    with Scheduler(cluster.master) as scheduler:
        agent_id = scheduler.offer()["agent_id"]["value"]

        assert reconciled(scheduler, "never", agent_id)["state"] == "TASK_GONE"
        assert reconciled(scheduler, "never", "no-agent")["state"] == "TASK_UNKNOWN"
        assert reconciled(scheduler, "never")["state"] == "TASK_UNKNOWN"


def test_c7_who_knows_no_such_states_is_told_of_a_loss(cluster: Cluster) -> None:
    """C7."""
    with Scheduler(cluster.master, legacy_info()) as scheduler:
        agent_id = scheduler.offer()["agent_id"]["value"]

        assert reconciled(scheduler, "never", agent_id)["state"] == "TASK_LOST"
        assert reconciled(scheduler, "never", "no-agent")["state"] == "TASK_LOST"


def test_c7_of_an_agent_that_is_not_back_yet_nothing_is_said(own_cluster: MakeCluster) -> None:
    """C7: the master was started anew, and the agent has not come back to it."""
    made = own_cluster()
    agent_id = made.agent_id(made.the_agent)
    made.the_agent.kill()
    made.the_master.kill()
    made.the_master.start()
    with Scheduler(made.master) as scheduler:
        asked = {"task_id": {"value": "who-knows"}, "agent_id": {"value": agent_id}}
        scheduler.must("RECONCILE", tasks=[asked])

        assert scheduler.stream.quiet("UPDATE", 1.0)
    made.the_agent.start()


def test_c8_implicit_reconciliation_tells_of_each_live_task(cluster: Cluster) -> None:
    """C8."""
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("lives")
        scheduler.run("lives-too")
        offer = scheduler.offer()
        scheduler.launch(offer, task("ended", offer, "true"))
        scheduler.status("ended", "TASK_FINISHED")
        offer = scheduler.offer()
        scheduler.launch(offer, task("unheard", offer, "true"))
        scheduler.status("unheard", "TASK_RUNNING")
        assert told(scheduler, "unheard")["state"] == "TASK_FINISHED"
        wait_until(lambda: not state_shown(cluster, "tasks", scheduler, "ended"))

        scheduler.must("RECONCILE", tasks=[])

        answers = [scheduler.stream.take("UPDATE")["update"]["status"] for _ in range(3)]
        states = {answer["task_id"]["value"]: answer["state"] for answer in answers}
        assert states == {
            "lives": "TASK_RUNNING",
            "lives-too": "TASK_RUNNING",
            "unheard": "TASK_FINISHED",
        }
        assert all("uuid" not in answer for answer in answers)
        assert scheduler.stream.quiet("UPDATE", 0.5)


def silent_agent(own_cluster: MakeCluster, info: Json, state: str) -> None:
    """An agent stops answering and is given up; then it goes on."""
    made = own_cluster(master_flags=IMPATIENT)
    with Scheduler(made.master, info) as scheduler:
        scheduler.run("kept")
        offer = scheduler.offer()
        made.the_agent.signal(signal.SIGSTOP)
        lost = told(scheduler, "kept")
        rescinded = scheduler.stream.take("RESCIND")["rescind"]["offer_id"]
        failure = scheduler.stream.take("FAILURE")["failure"]
        made.the_agent.signal(signal.SIGCONT)
        back = told(scheduler, "kept")

        assert (lost["state"], lost["reason"]) == (state, "REASON_AGENT_REMOVED")
        assert lost["unreachable_time"]["nanoseconds"] > 0
        assert rescinded == offer["id"]
        assert failure == {"agent_id": offer["agent_id"]}
        assert back["state"] == "TASK_RUNNING"
        order = [event["type"] for event in scheduler.stream.all]
        assert order.index("RESCIND") < order.index("FAILURE")


def test_c12_tasks_of_a_silent_agent_are_unreachable_and_come_back(
    own_cluster: MakeCluster,
) -> None:
    """C12."""
    silent_agent(own_cluster, framework_info(), "TASK_UNREACHABLE")


def test_c12_who_knows_no_unreachable_is_told_of_a_loss(own_cluster: MakeCluster) -> None:
    """C12."""
    silent_agent(own_cluster, legacy_info(checkpoint=True), "TASK_LOST")


def failing_check(**more: Json | float) -> Json:
    return {
        "type": "COMMAND",
        "command": {"value": "false"},
        "delay_seconds": 0.0,
        "interval_seconds": 0.1,
        "timeout_seconds": 5.0,
        "consecutive_failures": 4,
        **more,
    }


def test_c17_a_task_that_fails_its_checks_is_told_each_time_and_then_killed(
    cluster: Cluster,
) -> None:
    """C17."""
    check = failing_check(grace_period_seconds=0.0)
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("ill", health_check=check)
        verdicts = [scheduler.status("ill") for _ in range(5)]

        states = [(verdict["state"], verdict["healthy"]) for verdict in verdicts]
        assert states == [("TASK_RUNNING", False)] * 4 + [("TASK_KILLED", False)]


def test_c17_failures_within_the_grace_say_nothing(cluster: Cluster) -> None:
    """C17."""
    check = failing_check(grace_period_seconds=600.0)
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("young", health_check=check)

        assert scheduler.stream.quiet("UPDATE", 1.0)
