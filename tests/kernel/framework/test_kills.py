"""A kill is repeated until its task is over. Source: Marathon, KillService."""

from kernel.framework.kills import Kills
from kernel.machine import Now
from kernel.messages.scheduler import Call


def at(ms: int) -> Now:
    return Now(ms, ms)


def killed(calls: list[Call]) -> list[str]:
    return [call.kill.task_id.value for call in calls if call.kill is not None]


def test_a_kill_is_repeated_until_the_task_is_over() -> None:
    kills = Kills(retry_ms=10_000)
    kills.begin(at(0))

    assert killed(kills.kill("a", "S1", at(1_000))) == ["a"]
    assert kills.next_deadline_ms() == 11_000
    assert killed(kills.elapsed(at(11_000))) == ["a"]
    kills.over("a")

    assert kills.next_deadline_ms() is None
    assert kills.elapsed(at(99_000)) == []


def test_a_kill_without_a_stream_is_said_on_the_next_one() -> None:
    kills = Kills()
    assert kills.kill("a", None, at(0)) == []
    assert kills.next_deadline_ms() is None

    assert killed(kills.begin(at(5))) == ["a"]


def test_a_new_stream_hears_of_every_kill_that_is_under_way() -> None:
    kills = Kills()
    kills.begin(at(0))
    kills.kill("a", "S1", at(0))
    kills.kill("b", "S1", at(1))
    kills.end()

    assert killed(kills.begin(at(2))) == ["a", "b"]


def test_whoever_asks_again_at_once_does_not_double_the_call() -> None:
    """Else an update that answers a KILL, and is answered by a KILL, never ends."""
    kills = Kills()
    kills.begin(at(0))
    kills.kill("a", "S1", at(0))

    assert kills.kill("a", "S1", at(1)) == []
    assert killed(kills.kill("a", "S2", at(1))) == ["a"], "but another agent may know it"
