"""Durations and rates as people write them."""

import pytest

from kernel.model.durations import DurationMalformed, Rate, parse_duration_ms, parse_rate


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("30s", 30_000),
        ("10mins", 600_000),
        ("1.5 hrs", 5_400_000),
        ("2weeks", 1_209_600_000),
        ("250ms", 250),
        ("0secs", 0),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, ms: int) -> None:
    """Source: 3rdparty/stout/include/stout/duration.hpp."""
    assert parse_duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1 fortnight", "1e9s", "nan s"])
def test_what_is_no_duration_is_told_so(text: str) -> None:
    with pytest.raises(DurationMalformed, match="10mins"):
        parse_duration_ms(text)


def test_a_rate_is_so_many_in_a_duration() -> None:
    """Source: Mesos, --agent_removal_rate_limit, (N/duration)."""
    assert parse_rate("1/10mins") == Rate(1, 600_000)
    assert parse_rate("2/3hrs").gap_ms == 5_400_000


@pytest.mark.parametrize("text", ["", "1", "0/1mins", "1/0secs", "/1mins", "a/1mins"])
def test_what_is_no_rate_is_told_so(text: str) -> None:
    with pytest.raises(DurationMalformed):
        parse_rate(text)
