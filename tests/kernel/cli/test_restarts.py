"""When a child that died is started again."""

from kernel.cli.restarts import BACKOFF_MAX_MS, STEADY_AFTER_MS, Restarts


def test_the_first_death_costs_no_wait() -> None:
    restarts = Restarts()
    restarts.started(0)

    assert restarts.died(100) == 0


def test_who_dies_again_and_again_waits_ever_longer_but_never_more_than_five_seconds() -> None:
    restarts = Restarts()
    waits = []
    for at_ms in range(0, 12_000, 1_000):
        restarts.started(at_ms)
        waits.append(restarts.died(at_ms + 1))

    assert waits[:5] == [0, 250, 500, 1_000, 2_000]
    assert waits == sorted(waits)
    assert waits[-1] == BACKOFF_MAX_MS


def test_who_lived_for_a_while_is_started_at_once_again() -> None:
    restarts = Restarts()
    for at_ms in (0, 1_000, 2_000):
        restarts.started(at_ms)
        restarts.died(at_ms + 1)
    restarts.started(3_000)

    assert restarts.died(3_000 + STEADY_AFTER_MS) == 0
