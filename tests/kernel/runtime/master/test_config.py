"""The master's flags, where one sentence refuses what makes no sense."""

import pytest

from kernel.allocator.clients import parse_minima
from kernel.model.durations import Rate
from kernel.runtime.master.config import (
    MasterConfig,
    problem_with,
    removal_limit,
    removal_rate,
    roles_of,
)


def test_the_least_that_is_offered_is_written_as_in_mesos() -> None:
    """Source: Mesos, --min_allocatable_resources."""
    problem = problem_with(MasterConfig(min_allocatable_resources="cpus:1|much"))

    assert problem is not None
    assert problem.startswith("--min-allocatable-resources 'cpus:1|much' will not do: 'much'")
    assert problem_with(MasterConfig(min_allocatable_resources="")) is None
    assert parse_minima("cpus:1;mem:64|disk:9") == (
        {"cpus": 1_000, "mem": 64_000},
        {"disk": 9_000},
    )


def test_limits_are_written_as_in_mesos() -> None:
    """Source: Mesos, --agent_removal_rate_limit, --recovery_agent_removal_limit."""
    config = MasterConfig(agent_removal_rate_limit="1/10mins", recovery_agent_removal_limit="12.5%")

    assert problem_with(config) is None
    assert removal_rate(config) == Rate(1, 600_000)
    assert removal_limit(config) == 1_250
    assert removal_rate(MasterConfig()) is None and removal_limit(MasterConfig()) == 10_000


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("agent_removal_rate_limit", "ten a day"),
        ("recovery_agent_removal_limit", "101%"),
        ("recovery_agent_removal_limit", "half"),
        ("recovery_agent_removal_limit", "nan%"),
        ("domain", "nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_flag(flag: str, value: str) -> None:
    problem = problem_with(MasterConfig(**{flag: value}))  # type: ignore[arg-type]

    assert problem is not None
    assert problem.startswith(f"--{flag.replace('_', '-')} {value!r} will not do: write ")


def test_roles_are_listed_by_commas_and_must_be_names() -> None:
    assert roles_of(MasterConfig()) is None
    assert roles_of(MasterConfig(roles="a, b/c")) == ("a", "b/c")
    problem = problem_with(MasterConfig(roles="a,/b"))
    assert problem == "--roles 'a,/b' will not do: Role '/b' cannot start with a slash"
