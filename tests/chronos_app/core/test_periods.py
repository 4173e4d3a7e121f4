"""ISO 8601 durations."""

import pytest

from chronos_app.core.periods import Period, parse_period
from chronos_app.schema.refusal import Refused


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("P1D", Period(days=1)),
        ("p1d", Period(days=1)),
        ("PT24H", Period(ms=86_400_000)),
        ("P", Period()),
        ("PT0S", Period()),
        ("P1Y2M3W4DT5H6M7.008S", Period(14, 25, 18_367_008)),
        ("PT1.5H", Period(ms=5_400_000)),
        ("PT0,5M", Period(ms=30_000)),
    ],
)
def test_periods_that_are_read(text: str, period: Period) -> None:
    assert parse_period(text) == period


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1D",
        "PT",
        "P1DT",
        "-P1D",
        "P-1D",
        "P0.5D",
        "P1H",
        "P1S2M",
        "P٣D",
        "PT1e3S",
        "P1D ",
        "P" + "9" * 400 + "D",
    ],
)
def test_periods_that_are_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_period(text)

    assert refused.value.refusal.field == "schedule"


def test_a_refusal_says_what_to_write_instead() -> None:
    with pytest.raises(Refused, match="follow a T"):
        parse_period("P1H")
    with pytest.raises(Refused, match="PT12H"):
        parse_period("P0.5D")
