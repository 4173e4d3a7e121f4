"""Keeps the framework's standing with the master: its id, its subscription, its wish for offers.

The framework id is durable before anything else is sent under it. Offers are suppressed while
nothing is wanted and revived when something is. Source: Mesos, docs/scheduler-http-api.md;
Marathon, ReviveOffersActor.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from kernel.machine import Now
from kernel.messages import scheduler, v1
from marathon_app.core.deadlines import Deadlines
from marathon_app.core.launch_queue import LaunchQueue
from marathon_app.core.outbox import Outbox
from marathon_app.core.settings import Settings

COLLECTION, KEY = "framework", "id"
CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "REGION_AWARE")
LAST_WORDS = ("removed", "completed", "torn down")  # of a master about an id that is used up


class FrameworkRecord(Struct, frozen=True):
    id: str


class Session:
    def __init__(
        self, settings: Settings, outbox: Outbox, queue: LaunchQueue, deadlines: Deadlines
    ) -> None:
        self._settings, self._outbox = settings, outbox
        self._queue, self._deadlines = queue, deadlines
        self.framework_id: str | None = None
        self.is_connected = False
        self._is_suppressed = False
        self._revive_at_ms: int | None = None  # not before then

    def load(self, collections: Mapping[str, Mapping[str, bytes]]) -> None:
        value = collections.get(COLLECTION, {}).get(KEY)
        if value is not None:
            self.framework_id = msgspec.json.decode(value, type=FrameworkRecord).id

    def subscribe_call(self) -> scheduler.Call:
        """What the shell sends to open the stream, each time anew."""
        found = v1.Id(self.framework_id) if self.framework_id else None
        suppressed = [] if self._queue.entries else [self._settings.role]
        self._is_suppressed = bool(suppressed)
        subscribe = scheduler.Subscribe(
            framework_info=self._framework_info(found), suppressed_roles=suppressed
        )
        return scheduler.Call(
            type=scheduler.CallType.SUBSCRIBE, framework_id=found, subscribe=subscribe
        )

    def _framework_info(self, found: v1.Id | None) -> v1.FrameworkInfo:
        settings = self._settings
        return v1.FrameworkInfo(
            user=settings.user,
            name=settings.framework_name,
            id=found,
            failover_timeout=float(settings.failover_timeout_seconds),
            checkpoint=True,
            roles=[settings.role],
            hostname=settings.hostname or None,
            principal=settings.principal,
            webui_url=settings.webui_url,
            capabilities=[v1.Capability(type=name) for name in CAPABILITIES],
        )

    def subscribed(self, framework_id: str) -> None:
        self.is_connected = True
        if framework_id != self.framework_id:
            self.framework_id = framework_id
            self._outbox.put(COLLECTION, KEY, FrameworkRecord(framework_id))

    def disconnected(self) -> None:
        self.is_connected = False

    def refused(self, message: str) -> None:
        """The master's ERROR: the stream ends. An id that is used up is given up, and the next
        subscription starts a new framework; reconciliation then finds that the tasks are gone."""
        self.is_connected = False
        if any(words in message.lower() for words in LAST_WORDS):
            self.framework_id = None
            self._outbox.delete(COLLECTION, KEY)

    def call(self, call: scheduler.Call) -> None:
        """Send under our id; while disconnected nothing is sent, reconciliation makes up for it."""
        if self.is_connected and self.framework_id is not None:
            self._outbox.call(msgspec.structs.replace(call, framework_id=v1.Id(self.framework_id)))

    def tend_offers(self, now: Now) -> None:
        """Once per step: want offers exactly when something waits for them."""
        if not self.is_connected:
            return
        roles = scheduler.Roles(roles=[self._settings.role])
        if not self._queue.entries:
            if not self._is_suppressed:
                self._is_suppressed = True
                self.call(scheduler.Call(type=scheduler.CallType.SUPPRESS, suppress=roles))
            return
        if not (self._is_suppressed or self._queue.has_new_demand) or not self._queue.has_ready(
            now
        ):
            return
        if self._revive_at_ms is not None and now.mono_ms < self._revive_at_ms:
            self._deadlines.set("revive", "", self._revive_at_ms)
            return
        self._queue.has_new_demand = False
        self._is_suppressed = False
        self._revive_at_ms = now.mono_ms + self._settings.revive_interval_ms
        self.call(scheduler.Call(type=scheduler.CallType.REVIVE, revive=roles))
