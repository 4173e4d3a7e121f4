"""Why something waits, in sentences."""

from web.present.why import why_waiting
from web.shapes.marathon import Delay, OffersSummary, Queued, QueuedApp, Reject

APP = QueuedApp("/x")


def test_the_shortage_that_cost_most_offers_is_said_first() -> None:
    summary = OffersSummary(
        processed_offers_count=3,
        reject_summary_last_offers=[
            Reject("UnfulfilledRole", 0, 3),
            Reject("InsufficientCpus", 1, 3),
            Reject("InsufficientMemory", 2, 2),
        ],
    )

    why = why_waiting(Queued(APP, 2, processed_offers_summary=summary), [])

    assert why.sentences == [
        "2 of 2 offers have too little memory.",
        "1 of 3 offers have too few CPUs.",
    ]
    assert [row.passed_permille for row in why.funnel] == [1000, 666, 0]


def test_the_own_words_of_marathon_come_first() -> None:
    assert why_waiting(Queued(APP, 1), ["needs 3 GiB more"]).sentences == ["needs 3 GiB more"]


def test_without_any_offer_the_cluster_is_the_reason() -> None:
    (sentence,) = why_waiting(Queued(APP, 1), []).sentences

    assert "no agent is connected or all resources are in use" in sentence


def test_a_pause_after_a_failure_says_how_long() -> None:
    why = why_waiting(Queued(APP, 1, Delay(90, overdue=False)), [])

    assert why.delay_s == 90
    assert "tried again in 1 min" in why.sentences[0]


def test_what_does_not_wait_has_no_reasons() -> None:
    assert why_waiting(None, []).sentences == []
