"""Keeps a lease alive from a thread of its own, and says when it can't be relied on any more.

The one rule: at two thirds of its time without a confirmed renewal, counted from *before* the
renewal was asked for, the lease counts as lost. So the holder ends before another can begin, also
when the server's clock runs faster by up to half. CLOCK_BOOTTIME goes on while the machine sleeps.
Source: the project's reliability notes §3d.3; Gray and Cheriton, Leases (1989).
"""

import logging
import threading
import time
from collections.abc import Callable

from kernel.store.interface import OnLost

log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 5


class Lease:
    """`renew` answers whether we still hold it, or raises when nobody can say. `began_s` is before
    the lease was asked for. What else is to be looked at now and then, `then` does after each
    renewal, so that a slow answer to it costs the lease nothing."""

    def __init__(
        self,
        lease_s: float,
        renew: Callable[[], bool],
        on_lost: OnLost | None,
        began_s: float,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        self._interval_s = lease_s / RENEWALS_PER_LEASE
        self._patience_s = lease_s * 2 / 3
        self._renew = renew
        self._then = then
        self._on_lost = on_lost
        self._confirmed_s = began_s
        self._stopped = threading.Event()
        self._renewer = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="lease-watch", daemon=True)
        self._is_lost = False
        self._lock = threading.Lock()

    @staticmethod
    def clock_s() -> float:
        boottime = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return time.clock_gettime(boottime)

    def start(self) -> None:
        self._renewer.start()
        self._watcher.start()

    def stop(self) -> None:
        """Renew no more; `on_lost` is not called for it."""
        self._stopped.set()
        if threading.current_thread() is not self._renewer:
            self._renewer.join(timeout=self._patience_s)

    def _keep(self) -> None:
        asked_s = self.clock_s()
        # By when it was asked last: a slow answer does not put off the next question.
        while not self._stopped.wait(max(0.0, asked_s + self._interval_s - self.clock_s())):
            asked_s = self.clock_s()
            try:
                is_ours = self._renew()
            except Exception as error:
                log.warning("the lease was not renewed: %s", error)
                continue
            if not is_ours:
                self._lose("another process leads, or the lease ended unseen")
                return
            self._confirmed_s = asked_s
            try:
                self._then()
            except Exception as error:
                log.warning("the store was not looked at: %s", error)

    def _watch(self) -> None:
        # Apart from the renewer, which may hang in a read of its own.
        while not self._stopped.wait(self._interval_s / 4):
            silent_s = self.clock_s() - self._confirmed_s
            if silent_s > self._patience_s:
                self._lose(f"the lease was not confirmed for {silent_s:.1f} s")
                return

    def _lose(self, reason: str) -> None:
        with self._lock:
            if self._is_lost or self._stopped.is_set():
                return
            self._is_lost = True
        self._stopped.set()
        log.error("leadership is lost: %s", reason)
        if self._on_lost is not None:
            self._on_lost(reason)
