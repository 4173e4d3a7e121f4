"""A lease that can't be renewed counts as lost before its time is over."""

import threading

import pytest

from kernel.store.lease import Lease

LEASE_S = 0.6


def test_a_lease_that_is_renewed_is_kept() -> None:
    lost, renewed = threading.Event(), threading.Semaphore(0)

    def renew() -> bool:
        renewed.release()
        return True

    lease = Lease(LEASE_S, renew, lambda _: lost.set(), Lease.clock_s())
    lease.start()

    for _ in range(10):  # two lease times
        assert renewed.acquire(timeout=LEASE_S)
    assert not lost.is_set()
    lease.stop()


@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_a_lease_nobody_confirms_is_lost_before_another_can_begin(how: str) -> None:
    lost, reasons, never = threading.Event(), [], threading.Event()

    def renew() -> bool:
        if how == "hangs":
            never.wait()
        raise OSError("no route")

    def on_lost(reason: str) -> None:
        reasons.append(reason)
        lost.set()

    began_s = Lease.clock_s()
    lease = Lease(LEASE_S, renew, on_lost, began_s)
    lease.start()

    assert lost.wait(10 * LEASE_S)
    assert "not confirmed" in reasons[0]
    assert Lease.clock_s() - began_s >= LEASE_S * 2 / 3
    never.set()
    lease.stop()


def test_who_is_told_that_another_leads_stops_at_once() -> None:
    lost, reasons = threading.Event(), []
    lease = Lease(
        LEASE_S,
        lambda: False,
        lambda reason: (reasons.append(reason), lost.set())[1],
        Lease.clock_s(),
    )
    lease.start()

    assert lost.wait(10 * LEASE_S)
    assert "another process leads" in reasons[0]
    lease.stop()
    assert len(reasons) == 1


def test_who_gives_it_back_is_told_nothing() -> None:
    lost = threading.Event()
    lease = Lease(LEASE_S, lambda: False, lambda _: lost.set(), Lease.clock_s())
    lease.start()
    lease.stop()

    assert not lost.wait(LEASE_S)
