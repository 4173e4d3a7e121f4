"""Contracts of custom executors: their conversation, their environment, and how they end.

The test plays the executor; a process on the agent stands for it. Source: mesos.md §6 B11, C9, C10,
C14, D2, D3; §2.8.
"""

import signal
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.contracts.cluster import Cluster, OwnCluster
from tests.contracts.executor import Executor, Puppet
from tests.contracts.scheduler import Scheduler, framework_info, legacy_info, scalar, task
from tests.contracts.wire import Address, Json, shown, wait_until

MakeCluster = Callable[..., OwnCluster]
SMALL = [scalar("cpus", 0.1), scalar("mem", 32)]
ALWAYS_SET = (
    *("MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID", "MESOS_DIRECTORY", "MESOS_SANDBOX"),
    *("MESOS_SLAVE_ID", "MESOS_SLAVE_PID", "MESOS_AGENT_ENDPOINT", "MESOS_CHECKPOINT"),
    *("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "LIBPROCESS_IP", "LIBPROCESS_PORT"),
    *("MESOS_HTTP_COMMAND_EXECUTOR", "MESOS_RECOVERY_TIMEOUT", "MESOS_SUBSCRIPTION_BACKOFF_MAX"),
)


@contextmanager
def executing(
    scheduler: Scheduler, agent: Address, executor_id: str = "e"
) -> Iterator[tuple[Puppet, Executor]]:
    """An executor that has subscribed, with the task "t" launched on it."""
    puppet = Puppet(executor_id, SMALL)
    offer = scheduler.offer()
    scheduler.launch(offer, task("t", offer, None, executor=puppet.info))
    puppet.started()
    executor = Executor(agent, scheduler.id, executor_id)
    try:
        yield puppet, executor
    finally:
        executor.close()
        puppet.close()


def test_d2_an_executor_is_given_its_task_and_its_updates_are_acknowledged(
    cluster: Cluster,
) -> None:
    """D2."""
    with (
        Scheduler(cluster.master) as scheduler,
        executing(scheduler, cluster.agent) as (puppet, executor),
    ):
        subscribed = executor.stream.next()["subscribed"]
        launch = executor.stream.take("LAUNCH")["launch"]
        uuid = executor.update("t", "TASK_RUNNING")
        acknowledged = executor.stream.take("ACKNOWLEDGED")["acknowledged"]
        running = scheduler.status("t")

        assert executor.stream.status == 200
        assert subscribed["executor_info"]["executor_id"]["value"] == puppet.executor_id
        assert subscribed["framework_info"]["id"]["value"] == scheduler.id
        assert subscribed["agent_info"]["id"] == running["agent_id"]
        assert subscribed["container_id"]["value"] != ""
        assert launch["task"]["task_id"]["value"] == "t"
        assert acknowledged == {"task_id": {"value": "t"}, "uuid": uuid}
        assert (running["state"], running["source"]) == ("TASK_RUNNING", "SOURCE_EXECUTOR")
        assert executor.call("HEARTBEAT").status == 202


def test_d3_an_executor_finds_who_and_where_it_is_in_its_environment(cluster: Cluster) -> None:
    """D3."""
    with (
        Scheduler(cluster.master) as scheduler,
        executing(scheduler, cluster.agent) as (puppet, _),
    ):
        found = puppet.environment

        assert [name for name in ALWAYS_SET if name not in found] == []
        assert found["MESOS_FRAMEWORK_ID"] == scheduler.id
        assert found["MESOS_EXECUTOR_ID"] == puppet.executor_id
        assert found["MESOS_AGENT_ENDPOINT"].endswith(f":{cluster.agent.port}")
        assert found["MESOS_CHECKPOINT"] == "1"
        assert found["LIBPROCESS_PORT"] == "0"


def test_b11_an_executor_that_differs_under_the_same_id_is_an_error(cluster: Cluster) -> None:
    """B11."""
    with (
        Scheduler(cluster.master) as scheduler,
        executing(scheduler, cluster.agent) as (puppet, _),
    ):
        offer = scheduler.offer()
        other = {**puppet.info, "name": "another"}
        scheduler.launch(offer, task("differs", offer, None, executor=other))
        error = scheduler.stream.take("UPDATE", _is_of("differs"))["update"]["status"]

        assert (error["state"], error["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")


def test_b11_on_another_agent_it_may_differ(own_cluster: MakeCluster) -> None:
    """B11."""
    made = own_cluster(agents=2)
    with (
        Scheduler(made.master) as scheduler,
        executing(scheduler, made.agent) as (puppet, _),
    ):
        first = puppet.environment["MESOS_SLAVE_ID"]
        offer = scheduler.offer(lambda offer: bool(offer["agent_id"]["value"] != first))
        other = Puppet(puppet.executor_id, SMALL)
        info = {**other.info, "name": "another"}
        scheduler.launch(offer, task("elsewhere", offer, None, executor=info))

        assert other.started().environment["MESOS_SLAVE_ID"] != first
        other.close()


def test_c10_messages_arrive_as_they_were_sent_both_ways(cluster: Cluster) -> None:
    """C10."""
    every_byte = b64encode(bytes(range(256))).decode()
    with (
        Scheduler(cluster.master) as scheduler,
        executing(scheduler, cluster.agent) as (puppet, executor),
    ):
        executor.update("t", "TASK_RUNNING")
        agent_id = scheduler.status("t")["agent_id"]
        who = {"agent_id": agent_id, "executor_id": {"value": puppet.executor_id}}
        scheduler.must("MESSAGE", **who, data=every_byte)
        there = executor.stream.take("MESSAGE")["message"]
        assert executor.call("MESSAGE", data=every_byte).status == 202
        back = scheduler.stream.take("MESSAGE")["message"]

        assert there == {"data": every_byte}
        assert back == {**who, "data": every_byte}


def test_c9_an_executor_is_shut_down_and_its_end_is_told(cluster: Cluster) -> None:
    """C9, in the order observed (1.9): the failure first."""
    with (
        Scheduler(cluster.master) as scheduler,
        executing(scheduler, cluster.agent) as (puppet, executor),
    ):
        executor.update("t", "TASK_RUNNING")
        agent_id = scheduler.status("t")["agent_id"]
        executor_id = {"value": puppet.executor_id}
        scheduler.must("SHUTDOWN", executor_id=executor_id, agent_id=agent_id)
        executor.stream.take("SHUTDOWN")
        puppet.exit(3)
        failure = scheduler.stream.take("FAILURE")["failure"]
        failed = scheduler.status("t")

        assert failure == {"agent_id": agent_id, "executor_id": executor_id, "status": 3 << 8}
        assert failed["state"] == "TASK_FAILED"
        assert failed["reason"] == "REASON_EXECUTOR_TERMINATED"


def agent_restarts(made: OwnCluster, info: Json, *, exits: bool) -> Json:
    """The agent is killed under a running custom executor that does not come back; what is told
    of its task then."""
    with (
        Scheduler(made.master, info) as scheduler,
        executing(scheduler, made.agent) as (puppet, executor),
    ):
        executor.update("t", "TASK_RUNNING")
        scheduler.status("t", "TASK_RUNNING")
        made.the_agent.kill()
        if exits:
            puppet.exit(0)
            assert puppet.has_gone()
        made.the_agent.start()
        last = scheduler.status("t")
        while last["state"] == "TASK_RUNNING":  # told again: the agent may have died unsure
            last = scheduler.status("t")
        assert puppet.has_gone()
        return last


def test_c14_an_executor_that_ended_while_its_agent_was_down_has_failed(
    own_cluster: MakeCluster,
) -> None:
    """C14."""
    last = agent_restarts(own_cluster(), framework_info(), exits=True)

    assert last["state"] == "TASK_FAILED"


def test_c14_an_executor_that_never_came_back_is_gone(own_cluster: MakeCluster) -> None:
    """C14."""
    last = agent_restarts(own_cluster(), framework_info(), exits=False)

    assert last["state"] == "TASK_GONE"
    assert last["reason"] == "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"


def test_c14_who_knows_no_gone_is_told_of_a_loss(own_cluster: MakeCluster) -> None:
    """C14."""
    last = agent_restarts(own_cluster(), legacy_info(checkpoint=True), exits=False)

    assert last["state"] == "TASK_LOST"
    assert last["reason"] == "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"


def test_c14_a_task_that_its_agent_never_got_is_dropped(own_cluster: MakeCluster) -> None:
    """C14: launched while the agent could not hear, and gone with its memory."""
    made = own_cluster(master_flags=("--agent-ping-timeout", "30"))
    with Scheduler(made.master) as scheduler:
        offer = scheduler.offer()
        made.the_agent.signal(signal.SIGSTOP)
        scheduler.launch(offer, task("unheard", offer))
        wait_until(lambda: _is_known(scheduler, "unheard"), what="the master has the task")
        made.the_agent.kill()
        made.the_agent.start()
        dropped = scheduler.stream.take("UPDATE", _is_of("unheard"))["update"]["status"]

        assert dropped["state"] == "TASK_DROPPED"
        assert dropped["reason"] == "REASON_RECONCILIATION"


def _is_of(task_id: str) -> Callable[[Json], bool]:
    return lambda event: bool(event["update"]["status"]["task_id"]["value"] == task_id)


def _is_known(scheduler: Scheduler, task_id: str) -> bool:
    tasks = shown(scheduler.master, "GET_TASKS").get("tasks", [])
    return task_id in [each["task_id"]["value"] for each in tasks]
