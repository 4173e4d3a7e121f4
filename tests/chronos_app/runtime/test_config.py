"""Flags of the process."""

from chronos_app.runtime.config import Config, modern_flags, problem_with
from kernel.runtime.config import parse


def test_chronoss_own_spelling_works() -> None:
    argv = modern_flags(["--http_port", "4401", "--mesos_task_cpu=0.5", "--failure_retry", "100"])

    config = parse(Config, "chronos", argv, environ={})

    assert (config.port, config.mesos_task_cpu, config.settings().retry_delay_ms) == (
        4401,
        0.5,
        100,
    )


def test_an_address_that_others_reach_needs_a_word() -> None:
    assert "--insecure" in (problem_with(Config(ip="0.0.0.0")) or "")
    assert problem_with(Config(ip="0.0.0.0", insecure=True)) is None
    assert problem_with(Config()) is None
