"""Asking until everything is answered. Source: Mesos, docs/reconciliation.md (Algorithm)."""

from hypothesis import example, given
from hypothesis import strategies as st

from kernel.framework.reconciliation import Reconciliation, ReconciliationTiming
from kernel.machine import Now
from kernel.messages.scheduler import Call

TIMING = ReconciliationTiming(
    interval_ms=600_000, backoff_first_ms=5_000, backoff_max_ms=20_000, launch_silence_ms=15_000
)


def at(ms: int) -> Now:
    return Now(ms, ms)


def asked(calls: list[Call]) -> list[list[str]]:
    """The task ids of each RECONCILE; an empty list is the implicit one."""
    found = [call.reconcile for call in calls if call.reconcile is not None]
    return [[task.task_id.value for task in one.tasks] for one in found]


def test_a_new_stream_asks_for_each_known_task_and_for_all() -> None:
    reconciliation = Reconciliation(lambda: {"a": "S1", "b": "S2"}, TIMING)

    calls = reconciliation.begin(at(0))

    assert asked(calls) == [["a", "b"], []]
    assert calls[0].reconcile is not None
    agent_id = calls[0].reconcile.tasks[0].agent_id
    assert agent_id is not None and agent_id.value == "S1"


def test_a_silent_master_is_asked_ever_more_rarely_and_only_for_what_it_owes() -> None:
    """A master that failed over waits for its agents to come back, and says nothing meanwhile."""
    reconciliation = Reconciliation(lambda: {"a": "S1", "b": "S1"}, TIMING)
    reconciliation.begin(at(0))
    reconciliation.heard("b")
    instants: list[int] = []

    for _ in range(4):
        now_ms = reconciliation.next_deadline_ms()
        assert now_ms is not None
        assert asked(reconciliation.elapsed(at(now_ms))) == [["a"]]
        instants.append(now_ms)

    assert instants == [5_000, 15_000, 35_000, 55_000]
    reconciliation.heard("a")
    assert reconciliation.next_deadline_ms() == 600_000


def test_a_task_that_is_given_up_meanwhile_is_not_asked_for() -> None:
    tasks = {"a": "S1"}
    reconciliation = Reconciliation(lambda: tasks, TIMING)
    reconciliation.begin(at(0))
    tasks.clear()

    assert asked(reconciliation.elapsed(at(5_000))) == []
    assert reconciliation.next_deadline_ms() == 600_000


def test_a_launch_that_nobody_speaks_of_is_asked_for() -> None:
    """Its ACCEPT may have been lost with the master."""
    tasks: dict[str, str] = {}
    reconciliation = Reconciliation(lambda: tasks, TIMING)
    reconciliation.begin(at(0))
    tasks["a"], tasks["b"] = "S1", "S1"
    reconciliation.launched("a", at(1_000))
    reconciliation.launched("b", at(1_000))
    reconciliation.heard("b")

    assert reconciliation.next_deadline_ms() == 16_000
    assert asked(reconciliation.elapsed(at(16_000))) == [["a"]]
    assert reconciliation.next_deadline_ms() == 21_000
    assert asked(reconciliation.elapsed(at(21_000))) == [["a"]]


def test_everything_is_asked_for_once_in_a_long_while() -> None:
    reconciliation = Reconciliation(lambda: {"a": "S1"}, TIMING)
    reconciliation.begin(at(0))
    reconciliation.heard("a")

    assert asked(reconciliation.elapsed(at(600_000))) == [["a"], []]


def test_without_a_stream_nothing_is_asked() -> None:
    reconciliation = Reconciliation(lambda: {"a": "S1"}, TIMING)
    assert reconciliation.next_deadline_ms() is None

    reconciliation.begin(at(0))
    reconciliation.end()

    assert reconciliation.elapsed(at(700_000)) == []
    assert reconciliation.next_deadline_ms() is None


#: One that is launched anew stands behind those that were launched meanwhile.
LAUNCHED_ANEW = [
    *[("launch", 2), ("launch", 0), ("wait", 0), ("launch", 2), ("wait", 0), ("hear", 2)],
    ("wait", 0),
]


@example(LAUNCHED_ANEW)
@given(
    st.lists(st.tuples(st.sampled_from(["hear", "launch", "wait"]), st.integers(0, 4)), max_size=60)
)
def test_whoever_is_silent_is_asked_for_within_the_longest_backoff(
    steps: list[tuple[str, int]],
) -> None:
    """Whatever happens meanwhile; and no deadline is named that brings nothing."""
    tasks = {"0": "S1"}
    reconciliation = Reconciliation(lambda: tasks, TIMING)
    reconciliation.begin(at(0))
    silent_since = {"0": 0}
    now_ms = 0
    for what, number in steps:
        task_id = str(number)
        if what == "hear":
            reconciliation.heard(task_id)
            silent_since.pop(task_id, None)
        elif what == "launch":
            tasks[task_id] = "S1"
            reconciliation.launched(task_id, at(now_ms))
            silent_since[task_id] = now_ms
        else:
            due_ms = reconciliation.next_deadline_ms()
            assert due_ms is not None and due_ms > now_ms
            now_ms = due_ms
            for found in [
                found for one in asked(reconciliation.elapsed(at(now_ms))) for found in one
            ]:
                silent_since[found] = now_ms
        for task_id, since_ms in silent_since.items():
            assert now_ms - since_ms <= TIMING.backoff_max_ms + TIMING.launch_silence_ms, task_id
