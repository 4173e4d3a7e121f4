"""Launch backoff. Source: Marathon, docs/configure-task-handling.md, RateLimiter."""

from marathon_app.core.backoff import Backoff
from tests.marathon_app.core.world import make_app

APP = make_app("/web", backoffSeconds=1, backoffFactor=2, maxLaunchDelaySeconds=5)


def test_each_failure_waits_longer_up_to_the_maximum() -> None:
    backoff = Backoff()
    now_ms, waits = 0, []

    for _ in range(5):
        until_ms = backoff.fail(APP, "c1", now_ms)
        waits.append(until_ms - now_ms)
        now_ms = until_ms

    assert waits == [1_000, 2_000, 4_000, 5_000, 5_000]


def test_failures_of_one_wave_count_once() -> None:
    backoff = Backoff()

    backoff.fail(APP, "c1", 0)
    backoff.fail(APP, "c1", 10)

    assert backoff.until_ms("/web", "c1") == 1_010


def test_a_quiet_time_makes_the_next_failure_a_first_one() -> None:
    backoff = Backoff()
    backoff.fail(APP, "c1", 0)
    backoff.fail(APP, "c1", 1_000)

    assert backoff.fail(APP, "c1", 3_000 + 5_000) == 9_000


def test_a_new_configuration_starts_without_delay() -> None:
    backoff = Backoff()

    backoff.fail(APP, "c1", 0)

    assert backoff.until_ms("/web", "c2") == 0
    backoff.reset("/web")
    assert backoff.until_ms("/web", "c1") == 0
