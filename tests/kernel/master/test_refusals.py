"""How long a refusal lasts."""

import math

import pytest

from kernel.master.refusals import REFUSE_DEFAULT_MS, REFUSE_MAX_MS, refuse_ms_of
from kernel.messages.v1 import Filters


@pytest.mark.parametrize(
    ("seconds", "ms"),
    [
        (0, 0),
        (1.5, 1_500),
        (-1, REFUSE_DEFAULT_MS),
        (math.nan, REFUSE_DEFAULT_MS),
        (1e300, REFUSE_MAX_MS),
        (math.inf, REFUSE_MAX_MS),
    ],
)
def test_odd_refusals_are_read_as_mesos_reads_them(seconds: float, ms: int) -> None:
    """Source: mesos.md §1.3, DECLINE and filters."""
    assert refuse_ms_of(Filters(refuse_seconds=seconds)) == ms
    assert refuse_ms_of(None) == REFUSE_DEFAULT_MS
