"""When silent agents are given up, and how many at a time."""

from kernel.master.events import EndMaster
from kernel.messages import agent as agent_messages
from kernel.model.durations import Rate
from kernel.model.task import TaskState
from tests.kernel.master.stage import AgentActor, Stage, running

UNTIL_UNREACHABLE_MS = 90_000


def unreachable(stage: Stage) -> list[str]:
    return [str(agent_id) for agent_id in stage.master.cluster.unreachable]


def three(stage: Stage) -> list[AgentActor]:
    return [stage.agent(hostname=name) for name in ("one", "two", "three")]


def test_with_a_rate_silent_agents_are_given_up_one_by_one() -> None:
    """Source: Mesos, --agent_removal_rate_limit; SlaveRecovery rate limiting tests."""
    stage = Stage(removal_rate=Rate(1, 600_000))
    one, two, three_ = three(stage)

    stage.pass_time(UNTIL_UNREACHABLE_MS)
    assert unreachable(stage) == [one.agent_id]
    stage.pass_time(600_000)
    assert unreachable(stage) == [one.agent_id, two.agent_id]
    stage.pass_time(600_000)
    assert unreachable(stage) == [one.agent_id, two.agent_id, three_.agent_id]


def test_who_speaks_while_it_waits_for_its_turn_is_spared() -> None:
    stage = Stage(removal_rate=Rate(1, 600_000))
    one, two, three_ = three(stage)
    stage.pass_time(UNTIL_UNREACHABLE_MS)

    two.say(agent_messages.Pong())
    three_.subscribe()
    for _ in range(50):
        stage.pass_time(15_000)
        two.say(agent_messages.Pong()), three_.say(agent_messages.Pong())

    assert unreachable(stage) == [one.agent_id]


def test_an_agent_that_waits_for_its_turn_is_still_asked() -> None:
    stage = Stage(removal_rate=Rate(1, 600_000))
    _, two, _ = three(stage)
    stage.pass_time(UNTIL_UNREACHABLE_MS)
    two.hear()

    stage.pass_time(30_000)

    assert agent_messages.Ping() in two.hear()


def test_after_a_failover_the_rate_counts_too() -> None:
    """Source: mesos.md §1.1, Recovery after failover."""
    stage = Stage(removal_rate=Rate(1, 600_000))
    agents = three(stage)
    stage.restart()

    stage.pass_time(600_000)
    assert unreachable(stage) == [agents[0].agent_id]
    agents[1].subscribe()
    stage.pass_time(60_000)
    agents[1].say(agent_messages.Pong())
    stage.pass_time(541_000)
    assert agents[2].agent_id in unreachable(stage)
    assert agents[1].agent_id not in unreachable(stage) or len(unreachable(stage)) == 2


def test_a_known_agent_that_does_not_come_back_is_unreachable_after_ten_minutes() -> None:
    """Source: mesos.md §1.1; the registry is written before anybody is told."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    stage.restart()
    framework.subscribe()
    framework.hear()
    assert framework.reconcile(("t1", agent.agent_id)) == []

    stage.pass_time(600_000)

    [failure] = [e.failure for e in framework.hear() if e.failure is not None]
    assert failure.agent_id is not None and failure.agent_id.value == agent.agent_id
    [status] = framework.reconcile(("t1", agent.agent_id))
    assert status.state is TaskState.UNREACHABLE
    assert b'unreachable_ms":null' not in stage.records["agents"][agent.agent_id]


def ended(stage: Stage, back: int) -> list[str]:
    """The master fails over, so many of three agents come back; why the next one ended."""
    agents = three(stage)
    reasons: list[str] = []
    stage.restart()
    for agent in agents[:back]:
        agent.subscribe()
    post = stage.post

    def watch(event: object) -> object:
        effects = post(event)  # type: ignore[arg-type]
        reasons.extend(e.reason for e in effects if isinstance(e, EndMaster))
        return effects

    stage.post = watch  # type: ignore[method-assign, assignment]
    for _ in range(41):
        stage.pass_time(15_000)
        for agent in agents[:back]:
            agent.say(agent_messages.Pong())
    return reasons


def test_a_master_that_misses_too_many_agents_ends_instead_of_giving_them_up() -> None:
    """Source: Mesos, --recovery_agent_removal_limit."""
    stage = Stage(recovery_removal_limit=5_000)

    [reason] = ended(stage, back=1)

    assert "2 of 3 known agents" in reason and "50%" in reason and "raise the limit" in reason
    assert unreachable(stage) == []


def test_a_master_that_misses_few_agents_gives_them_up() -> None:
    stage = Stage(recovery_removal_limit=5_000)

    assert ended(stage, back=2) == []
    assert len(unreachable(stage)) == 1
