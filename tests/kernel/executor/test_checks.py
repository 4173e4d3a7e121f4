"""A health check's life. Source: Mesos, src/tests/health_check_tests.cpp; mesos.proto."""

from kernel.executor.checks import Check, Verdict, begin, inquiry, resume
from kernel.messages.codec import encode
from kernel.messages.v1 import (
    CheckCommand,
    CheckInfo,
    CheckStatusInfo,
    CommandInfo,
    CommandResult,
    HealthCheck,
)

CHECK = HealthCheck(
    delay_seconds=2,
    interval_seconds=1,
    timeout_seconds=5,
    consecutive_failures=3,
    grace_period_seconds=10,
)


def test_the_first_probe_comes_after_the_delay() -> None:
    assert begin(CHECK, 1_000).due_ms == 3_000


def test_failures_within_the_grace_period_count_for_nothing() -> None:
    check = begin(CHECK, 0)

    verdicts = [check.finished(False, at_ms) for at_ms in (2_000, 5_000, 10_000)]

    assert verdicts == [Verdict.NOTHING] * 3
    assert check.failures == 0


def test_after_the_grace_period_each_failure_is_news_and_the_last_one_hopeless() -> None:
    check = begin(CHECK, 0)

    verdicts = [check.finished(False, at_ms) for at_ms in (10_001, 11_001, 12_001)]

    assert verdicts == [Verdict.UNHEALTHY, Verdict.UNHEALTHY, Verdict.HOPELESS]


def test_a_first_success_ends_the_grace_period() -> None:
    check = begin(CHECK, 0)

    assert check.finished(True, 2_000) is Verdict.HEALTHY
    assert check.finished(False, 3_000) is Verdict.UNHEALTHY


def test_only_a_change_to_healthy_is_news() -> None:
    check = begin(CHECK, 0)

    verdicts = [check.finished(well, 20_000) for well in (True, True, False, True)]

    assert verdicts == [
        Verdict.HEALTHY,
        Verdict.NOTHING,
        Verdict.UNHEALTHY,
        Verdict.HEALTHY,
    ]
    assert check.failures == 0


def test_the_next_probe_is_due_one_interval_after_the_result() -> None:
    check = begin(CHECK, 0)
    check.probe_begins()
    assert check.due_ms is None

    check.finished(True, 7_500)

    assert check.due_ms == 8_500


def test_a_resumed_check_keeps_what_was_known_and_probes_at_once() -> None:
    check: Check = resume(CHECK, 100_000, age_ms=60_000, healthy=True)

    assert check.due_ms == 100_000
    assert check.finished(True, 100_100) is Verdict.NOTHING
    assert check.finished(False, 101_100) is Verdict.UNHEALTHY


QUESTION = CheckInfo(
    type="COMMAND",
    command=CheckCommand(command=CommandInfo(value="true")),
    delay_seconds=2,
    interval_seconds=1,
)


def exited(code: int) -> CheckStatusInfo:
    return CheckStatusInfo(type="COMMAND", command=CommandResult(exit_code=code))


def test_before_the_first_answer_the_status_is_there_and_empty() -> None:
    """Source: recording scheduler-check."""
    assert encode(inquiry(QUESTION).status) == b'{"type":"COMMAND","command":{}}'


def test_only_another_answer_is_news() -> None:
    asked = inquiry(QUESTION)

    news = [asked.finished(exited(code), 0) for code in (0, 0, 3, 3, 0)]

    assert news == [True, False, True, False, True]


def test_what_could_not_be_found_out_is_known_no_more() -> None:
    """Source: Mesos, src/checks/checker.cpp (processCheckResult)."""
    asked = inquiry(QUESTION)

    assert not asked.finished(None, 0)  # it was not known before either
    assert asked.finished(exited(0), 0)
    assert asked.finished(None, 0)
    assert asked.status == CheckStatusInfo(type="COMMAND", command=CommandResult())


def test_a_check_is_asked_after_its_delay_and_then_each_interval() -> None:
    asked = inquiry(QUESTION)

    asked.begin(age_ms=0, now_ms=1_000)
    assert asked.due_ms == 3_000
    asked.probe_begins()
    assert asked.due_ms is None
    asked.finished(exited(0), 3_500)
    assert asked.due_ms == 4_500
