"""Revocable resources in the master's books. Source: mesos.md §1.2; docs/oversubscription.md."""

from typing import Any

from kernel.agent.estimator import REVOCABLE
from kernel.messages.agent import UpdateOversubscribed
from kernel.messages.quantities import from_wire, to_wire
from kernel.messages.scheduler import EventType
from kernel.model.resources import Resources
from kernel.model.task import TaskState
from tests.kernel.master.stage import CAPABLE, AgentActor, SchedulerActor, Stage, task

TAKES = (*CAPABLE, "REVOCABLE_RESOURCES")
TICK_MS = 2_000


def lends(agent: AgentActor, **milli: int) -> None:
    lent = Resources({(REVOCABLE, name): amount for name, amount in milli.items()})
    agent.say(UpdateOversubscribed(resources=to_wire(lent, refined=True)))


def revocable(framework: SchedulerActor) -> list[dict[str, int]]:
    found = [from_wire(offer.resources).revocable().quantities() for offer in framework.offers()]
    return [each for each in found if each]


def taker(stage: Stage, **more: Any) -> SchedulerActor:
    return stage.framework("taker", capabilities=TAKES, **more)


def test_only_who_takes_revocable_resources_is_offered_what_an_agent_lends() -> None:
    stage = Stage()
    plain, agent = stage.framework(), stage.agent()
    lends(agent, cpus=1_000)
    stage.pass_time(TICK_MS)

    assert revocable(plain) == []

    eager = taker(stage)
    stage.pass_time(TICK_MS)
    assert revocable(eager) == [{"cpus": 1_000}]


def test_what_is_lent_replaces_what_was_and_old_offers_of_it_are_rescinded() -> None:
    stage = Stage()
    eager, agent = taker(stage), stage.agent()
    lends(agent, cpus=1_000)
    stage.pass_time(TICK_MS)
    assert revocable(eager) == [{"cpus": 1_000}]

    lends(agent, cpus=500)
    told = [event.type for event in eager.said]
    stage.pass_time(TICK_MS)

    assert EventType.RESCIND in told
    assert revocable(eager) == [{"cpus": 500}]
    lends(agent)
    stage.pass_time(TICK_MS)
    stage.master.check_invariants()
    books = stage.master.cluster.allocator.books[agent.agent_id]  # type: ignore[index]
    assert books.total.revocable().is_empty


def test_a_task_on_what_is_lent_no_more_keeps_it_until_it_ends() -> None:
    stage = Stage()
    eager, agent = taker(stage), stage.agent()
    lends(agent, cpus=1_000)
    stage.pass_time(TICK_MS)
    offer = next(o for o in eager.offers() if not from_wire(o.resources).revocable().is_empty)
    lent = Resources({(REVOCABLE, "cpus"): 1_000})
    eager.launch(offer, task("t", agent, resources=to_wire(lent, refined=True)))

    lends(agent)
    stage.master.check_invariants()
    books = stage.master.cluster.allocator.books
    total = books[agent.agent_id].total  # type: ignore[index]
    assert total.revocable() == lent

    agent.say(agent.update(eager, "t", TaskState.GONE))
    stage.pass_time(TICK_MS)
    stage.master.check_invariants()
    assert books[agent.agent_id].total.revocable().is_empty  # type: ignore[index]


def test_an_agent_that_comes_back_and_lends_nothing_has_nothing_lent() -> None:
    stage = Stage()
    agent = stage.agent()
    lends(agent, cpus=1_000)

    agent.hang_up()
    agent.subscribe()

    books = stage.master.cluster.allocator.books[agent.agent_id]  # type: ignore[index]
    assert books.total.revocable().is_empty
