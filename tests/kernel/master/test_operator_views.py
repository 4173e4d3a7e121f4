"""What watchers of the operator API are told, in which order, and when they are let go."""

from kernel.master.events import (
    CloseOperatorStream,
    Effect,
    OperatorStreamClosed,
    OperatorSubscribed,
    SendToOperators,
)
from kernel.messages.operator import Event, EventType
from kernel.model.task import TaskState
from tests.kernel.master.stage import Stage, launch_of, running, task


def told(effects: list[Effect]) -> list[Event]:
    return [effect.event for effect in effects if isinstance(effect, SendToOperators)]


def kinds(effects: list[Effect]) -> list[EventType]:
    return [event.type for event in told(effects)]


class WatchedStage(Stage):
    """Keeps what its watchers were told."""

    def __init__(self, **settings: object) -> None:
        self.news: list[Event] = []
        super().__init__(**settings)

    def post(self, event: object) -> list[Effect]:
        effects = super().post(event)  # type: ignore[arg-type]
        self.news += told(effects)
        return effects

    def hear(self) -> list[EventType]:
        heard, self.news = self.news, []
        return [event.type for event in heard]


def watched() -> WatchedStage:
    stage = WatchedStage()
    stage.post(OperatorSubscribed("w"))
    stage.hear()
    return stage


def test_the_first_word_of_the_master_is_a_heartbeat() -> None:
    """The state before it is the shell's, so that no step renders it. Source: recording
    operator-subscribe."""
    stage = Stage()
    stage.agent()

    effects = stage.post(OperatorSubscribed("w"))

    assert kinds(effects) == [EventType.HEARTBEAT]


def test_agents_frameworks_and_tasks_are_told_as_they_change() -> None:
    """Source: recording operator-subscribe."""
    stage = watched()
    agent = stage.agent()
    framework = stage.framework()
    assert stage.hear() == [EventType.AGENT_ADDED, EventType.FRAMEWORK_ADDED]

    running(stage, framework, agent)
    assert stage.hear() == [EventType.TASK_ADDED, EventType.TASK_UPDATED]

    framework.call("TEARDOWN")
    assert stage.hear() == [EventType.FRAMEWORK_REMOVED]


def test_an_update_that_is_sent_again_is_no_news() -> None:
    stage = watched()
    agent, framework = stage.agent(), stage.framework()
    framework.accept(framework.offers(), launch_of(task("t1", agent)))
    update = agent.update(framework, "t1", TaskState.RUNNING)
    stage.hear()

    agent.say(update)
    agent.say(update)

    assert stage.hear() == [EventType.TASK_UPDATED]


def test_an_unreachable_agent_goes_with_its_tasks() -> None:
    stage = watched()
    agent, framework = stage.agent(), stage.framework()
    running(stage, framework, agent)
    stage.hear()

    stage.pass_time(90_000)

    news = [kind for kind in stage.hear() if kind is not EventType.HEARTBEAT]
    assert news == [EventType.TASK_UPDATED, EventType.AGENT_REMOVED]


def test_a_heartbeat_comes_each_15_seconds_while_somebody_watches() -> None:
    stage = watched()

    stage.pass_time(30_000)
    assert stage.hear() == [EventType.HEARTBEAT, EventType.HEARTBEAT]

    stage.post(OperatorStreamClosed("w"))
    stage.pass_time(60_000)
    stage.agent()
    assert stage.hear() == []


def test_the_oldest_watcher_goes_when_there_are_too_many() -> None:
    """Source: recording operator-subscribe-cap."""
    stage = Stage(operator_subscribers_max=2)
    stage.post(OperatorSubscribed("w1"))
    stage.post(OperatorSubscribed("w2"))

    effects = stage.post(OperatorSubscribed("w3"))

    assert CloseOperatorStream("w1") in effects
    assert list(stage.master.cluster.watchers.streams) == ["w2", "w3"]
