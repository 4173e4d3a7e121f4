"""Agents that were lost long ago are forgotten."""

from kernel.messages.operator_calls import DrainAgent, OfAgent
from kernel.messages.v1 import Id
from kernel.model.task import TaskState
from tests.kernel.master.stage import Stage

UNTIL_UNREACHABLE_MS = 90_000
TWO_WEEKS_MS = 14 * 86_400_000


def test_who_is_unreachable_or_gone_for_two_weeks_is_forgotten() -> None:
    """Source: mesos.md §1.1, Registry GC: every 15 min, older than 2 weeks."""
    stage = Stage()
    one, two = stage.agent(hostname="one"), stage.agent(hostname="two")
    stage.operate("MARK_AGENT_GONE", mark_agent_gone=OfAgent(agent_id=Id(two.agent_id)))
    stage.operate("DRAIN_AGENT", drain_agent=DrainAgent(agent_id=Id(one.agent_id)))
    stage.pass_time(TWO_WEEKS_MS)
    assert list(stage.master.cluster.unreachable) == [one.agent_id]

    stage.pass_time(1_000_000)

    cluster = stage.master.cluster
    assert (cluster.unreachable, cluster.gone, cluster.deactivations) == ({}, {}, {})
    assert not any(stage.records.values())
    [status] = stage.framework().reconcile(("t1", one.agent_id))
    assert status.state is TaskState.UNKNOWN


def test_of_too_many_the_oldest_are_forgotten() -> None:
    """Source: mesos.md §1.1, beyond the newest 102 400."""
    stage = Stage(registry_max_agent_count=1)
    for _ in range(3):
        stage.agent()
        stage.pass_time(UNTIL_UNREACHABLE_MS)
    newest = list(stage.master.cluster.unreachable)[-1]

    stage.pass_time(900_000)

    assert list(stage.master.cluster.unreachable) == [newest]
    assert list(stage.records["agents"]) == [newest]
