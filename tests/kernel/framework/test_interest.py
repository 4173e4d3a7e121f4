"""When offers are asked for. Source: Mesos, docs/app-framework-development-guide.md."""

from kernel.framework.interest import Interest, InterestTiming
from kernel.machine import Now
from kernel.messages.scheduler import Call, CallType

TIMING = InterestTiming(revive_interval_ms=250, revive_again_ms=30_000)


def at(ms: int) -> Now:
    return Now(ms, ms)


def kinds(calls: list[Call]) -> list[CallType | None]:
    return [call.type for call in calls]


def test_who_wants_nothing_is_suppressed_once() -> None:
    interest = Interest(TIMING)
    interest.begin(is_suppressed=False)

    assert kinds(interest.rest()) == [CallType.SUPPRESS]
    assert interest.rest() == []


def test_a_stream_that_began_suppressed_needs_no_call() -> None:
    interest = Interest(TIMING)
    interest.begin(is_suppressed=True)

    assert interest.rest() == []
    assert kinds(interest.want(1, at(0))) == [CallType.REVIVE]


def test_the_same_reason_revives_again_only_after_a_long_while() -> None:
    interest = Interest(TIMING)
    interest.begin(is_suppressed=True)
    interest.want(1, at(0))

    assert interest.want(1, at(29_999)) == []
    assert interest.next_deadline_ms() == 30_000
    assert kinds(interest.want(1, at(30_000))) == [CallType.REVIVE]


def test_new_reasons_revive_but_not_too_often() -> None:
    interest = Interest(TIMING)
    interest.begin(is_suppressed=True)
    interest.want(1, at(0))

    assert interest.want(2, at(100)) == []
    assert interest.next_deadline_ms() == 250
    assert kinds(interest.want(2, at(250))) == [CallType.REVIVE]


def test_after_suppressing_offers_are_wanted_at_once() -> None:
    interest = Interest(TIMING)
    interest.begin(is_suppressed=True)
    interest.want(1, at(0))
    interest.rest()

    assert kinds(interest.want(1, at(1))) == [CallType.REVIVE]


def test_with_an_offer_in_hand_nothing_is_due() -> None:
    interest = Interest(TIMING)
    interest.begin(is_suppressed=True)
    interest.want(1, at(0))

    interest.hold()

    assert interest.next_deadline_ms() is None


def test_without_patience_the_same_reason_revives_once() -> None:
    interest = Interest(InterestTiming(revive_again_ms=None))
    interest.begin(is_suppressed=True)
    interest.want(1, at(0))

    assert interest.next_deadline_ms() is None
    assert interest.want(1, at(1_000_000)) == []
