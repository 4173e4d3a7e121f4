"""Marathon's standing with the master: the kernel's `Scheduler`, our id, our wish for offers.

The framework id is durable before anything else is sent under it. Offers are suppressed while
nothing is wanted and revived when something is. All else of the conversation is the kernel's.
Source: Marathon, ReviveOffersActor.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from kernel.framework.interest import InterestTiming
from kernel.framework.reconciliation import ReconciliationTiming
from kernel.framework.scheduler import Scheduler, Timing
from kernel.framework.session import CAPABILITIES, framework_info
from kernel.machine import Now
from kernel.messages import scheduler, v1
from marathon_app.core.instance import Instances
from marathon_app.core.launch_queue import LaunchQueue
from marathon_app.core.outbox import Outbox
from marathon_app.core.settings import Settings

COLLECTION, KEY = "framework", "id"


class FrameworkRecord(Struct, frozen=True):
    id: str


class Session:
    """`scheduler` is what the other parts speak through."""

    def __init__(
        self, settings: Settings, outbox: Outbox, queue: LaunchQueue, instances: Instances
    ) -> None:
        self._outbox, self._queue = outbox, queue
        self.scheduler = Scheduler(
            _info(settings),
            tasks=lambda: {one.task_id: one.agent_id for one in instances},
            send=outbox.call,
            on_framework_id=self._keep,
            timing=_timing(settings),
        )

    def _keep(self, framework_id: str | None) -> None:
        if framework_id is None:
            self._outbox.delete(COLLECTION, KEY)
        else:
            self._outbox.put(COLLECTION, KEY, FrameworkRecord(framework_id))

    @property
    def framework_id(self) -> str | None:
        return self.scheduler.framework_id

    @property
    def is_connected(self) -> bool:
        return self.scheduler.is_connected

    def load(self, collections: Mapping[str, Mapping[str, bytes]]) -> None:
        value = collections.get(COLLECTION, {}).get(KEY)
        if value is not None:
            self.scheduler.resume(msgspec.json.decode(value, type=FrameworkRecord).id)

    def subscribe_call(self) -> scheduler.Call:
        """What the shell sends to open the stream, each time anew."""
        return self.scheduler.subscribe_call(is_suppressed=not self._queue.entries)

    def tend_offers(self, now: Now) -> None:
        """Once per step: want offers exactly when something waits for them."""
        if not self._queue.entries:
            self.scheduler.rest()
        elif self._queue.has_ready(now):
            self.scheduler.want_offers(self._queue.demands_count, now)
        else:
            self.scheduler.hold_offers()


def _info(settings: Settings) -> v1.FrameworkInfo:
    return framework_info(
        settings.framework_name,
        user=settings.user,
        roles=[settings.role],
        failover_timeout_s=settings.failover_timeout_seconds,
        capabilities=(*CAPABILITIES, "REGION_AWARE"),
        hostname=settings.hostname or None,
        principal=settings.principal,
        webui_url=settings.webui_url,
    )


def _timing(settings: Settings) -> Timing:
    return Timing(
        reconciliation=ReconciliationTiming(
            interval_ms=settings.reconciliation_interval_ms,
            backoff_first_ms=settings.reconciliation_backoff_first_ms,
        ),
        interest=InterestTiming(settings.revive_interval_ms, None),
        kill_retry_ms=settings.kill_retry_ms,
    )
