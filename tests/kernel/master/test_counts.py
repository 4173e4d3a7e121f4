"""What is counted has Mesos's names, and the numbers of what happened.

Source: recording v0-metrics-snapshot; mesos.md §1.1.
"""

from kernel.master.reads import whole
from kernel.messages.operator_calls import UpdateQuota
from kernel.messages.quota import QuotaConfig
from kernel.messages.v1 import ScalarValue
from kernel.model.task import TaskState
from tests.kernel.master.operating import RESERVED, Worker, of, reserve
from tests.kernel.master.stage import Stage, launch_of, running, task


def shown(stage: Stage) -> dict[str, float]:
    return whole(stage.master.reads.metrics())


def test_messages_tasks_and_agents_are_counted() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    agent.say(agent.update(framework, "t1", TaskState.FAILED, reason="REASON_EXECUTOR_TERMINATED"))
    framework.kill("none")

    found = shown(stage)
    assert found["master/messages_status_update"] == 2
    assert found["master/messages_status_update_acknowledgement"] == 1
    assert found["master/messages_kill_task"] == 1
    assert found["master/messages_register_framework"] == 1
    assert found["master/slave_registrations"] == 1
    assert found["master/task_failed/source_executor/reason_executor_terminated"] == 1


def test_an_update_that_is_sent_again_counts_once_as_an_end() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    end = agent.update(framework, "t1", TaskState.FAILED, reason="REASON_EXECUTOR_TERMINATED")
    agent.say(end)
    agent.say(end)

    found = shown(stage)
    assert found["master/task_failed/source_executor/reason_executor_terminated"] == 1


def test_a_refused_task_counts_with_its_reason() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    framework.accept(framework.offers(), launch_of(task("t", agent, "cpus:99")))

    assert shown(stage)["master/task_error/source_master/reason_task_invalid"] == 1


def test_operations_are_counted_by_type_and_state() -> None:
    stage = Stage()
    framework, worker = stage.framework(), Worker(stage)
    framework.accept(framework.offers(), reserve(of(RESERVED, cpus=1_000)))
    found = shown(stage)
    assert found["master/operations/reserve/total"] == 1
    assert (found["master/operations/pending"], found["master/operations/finished"]) == (1, 0)

    worker.work()
    found = shown(stage)
    assert found["master/operations/reserve/finished"] == found["master/operations/finished"] == 1
    assert found["master/operations/pending"] == 0


def test_the_allocator_shows_what_there_is_what_is_held_and_quota() -> None:
    stage = Stage()
    limit = {"cpus": ScalarValue(2)}
    config = QuotaConfig(role="test", limits=limit)
    call = UpdateQuota(force=True, quota_configs=[config])
    assert stage.operate("UPDATE_QUOTA", update_quota=call).status == 200
    framework, agent = stage.framework(), stage.agent("cpus:4;mem:1024")
    framework.launch(framework.offers()[0], task("t", agent, "cpus:1;mem:64"), refuse_s=3600)

    found = shown(stage)
    assert found["allocator/mesos/resources/cpus/total"] == 4
    assert found["allocator/mesos/resources/cpus/offered_or_allocated"] == 1
    head = "allocator/mesos/quota/roles/test/resources/cpus"
    assert (found[f"{head}/limit"], found[f"{head}/consumed"]) == (2, 1)


def test_drains_are_counted_by_how_far_they_are() -> None:
    found = shown(Stage())

    names = ("deactivated", "draining", "drained")
    assert [found[f"master/slaves_{name}"] for name in names] == [0, 0, 0]
