"""Lines of calls: in time, in order, no longer than they may be. Source: mesos.md §1.1."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.master.rate_limits import RateLimits, Throttle, read_rate_limits
from kernel.messages.codec import Malformed


def limits(*named: dict[str, Any], **more: Any) -> RateLimits:
    return read_rate_limits(json.dumps({"limits": list(named), **more}).encode())


def test_who_has_a_limit_waits_and_is_refused_beyond_the_capacity() -> None:
    """Source: Mesos, docs/framework-rate-limiting.md."""
    throttle = Throttle(limits({"principal": "p", "qps": 2, "capacity": 2}))
    turns = [throttle.turn("p", 0) for _ in range(4)]

    assert [turn.wait_us for turn in turns[:3]] == [0, 500_000, 1_000_000]
    assert turns[3].retry_after_s == 1
    assert "principal 'p'" in turns[3].refusal and "send it again in 1 s" in turns[3].refusal
    assert throttle.turn("p", 500_000).wait_us == 1_000_000


def test_others_share_the_default_and_who_is_listed_without_qps_never_waits() -> None:
    throttle = Throttle(limits({"principal": "free"}, aggregate_default_qps=1))

    assert throttle.turn("a", 0).wait_us == 0
    assert throttle.turn("b", 0).wait_us == throttle.turn(None, 0).wait_us - 1_000_000 == 1_000_000
    assert [throttle.turn("free", 0).wait_us for _ in range(3)] == [0, 0, 0]


def test_without_limits_nobody_waits() -> None:
    throttle = Throttle(RateLimits())

    assert [throttle.turn("p", 0).wait_us for _ in range(100)] == [0] * 100


@given(
    st.lists(st.integers(0, 300_000), max_size=60),
    st.integers(1, 500),
    st.one_of(st.none(), st.integers(1, 5)),
)
def test_never_faster_than_allowed_and_never_more_waiting(
    gaps_us: list[int], qps: int, capacity: int | None
) -> None:
    throttle = Throttle(limits({"principal": "p", "qps": qps, "capacity": capacity}))
    now_us, starts = 0, list[int]()
    for gap_us in gaps_us:
        now_us += gap_us
        turn = throttle.turn("p", now_us)
        if not turn.refusal:
            starts.append(now_us + turn.wait_us)
        waiting = sum(start > now_us for start in starts)
        assert capacity is None or waiting <= capacity
        assert not turn.refusal or waiting == capacity
    apart = [later - before for before, later in zip(starts, starts[1:], strict=False)]
    assert all(gap_us >= round(1_000_000 / qps) for gap_us in apart)


def test_counts_are_kept_of_principals_that_are_there() -> None:
    throttle = Throttle(RateLimits())
    for principal in ("p", "gone"):
        throttle.note_received(principal)
        throttle.note_processed(principal)

    shown = throttle.counts({"p": None, "new": None})
    assert shown == {
        "frameworks/p/messages_received": 1.0,
        "frameworks/p/messages_processed": 1.0,
        "frameworks/new/messages_received": 0.0,
        "frameworks/new/messages_processed": 0.0,
    }
    assert list(throttle.received) == ["p"]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"limit":[]}',
        '{"limits":[{"qps":1}]}',
        '{"limits":[{"principal":"p","qps":0}]}',
        '{"limits":[{"principal":"p","capacity":1}]}',
        '{"limits":[{"principal":"p","qps":1,"capacity":-1}]}',
        '{"limits":[{"principal":"p"},{"principal":"p"}]}',
    ],
)
def test_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read_rate_limits(text.encode())
