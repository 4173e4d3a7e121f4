"""Knows which apps want how many more instances, since when, and why offers did not do.

The counts are not its own: `converge` derives them from targets and instances, so nothing is lost
with it. Leaves fitting an app into an offer to `placement`. Source: Marathon, docs/rest-api
(/v2/queue), OfferMatchStatisticsActor, core/launchqueue.
"""

from enum import StrEnum

from msgspec import Struct, field

from kernel.machine import Now
from marathon_app.core.backoff import Backoff
from marathon_app.core.deadlines import Deadlines
from marathon_app.core.root import Spec

LAST_OFFERS_MAX = 50  # agents whose last unused offer is remembered, per app


class Reason(StrEnum):
    """Why an offer was not taken, in the order in which it is looked at (the funnel)."""

    ROLE = "UnfulfilledRole"
    CONSTRAINT = "UnfulfilledConstraint"
    RESERVATION = "NoCorrespondingReservationFound"
    MAINTENANCE = "AgentMaintenance"
    CPUS = "InsufficientCpus"
    MEMORY = "InsufficientMemory"
    DISK = "InsufficientDisk"
    GPUS = "InsufficientGpus"
    PORTS = "InsufficientPorts"
    SCARCE = "DeclinedScarceResources"


class Rejection(Struct, frozen=True):
    """`words` is a sentence without its subject: "needs 4 cpus, has 2.5: short of 1.5"."""

    reasons: tuple[Reason, ...]
    words: str
    lacking: dict[str, tuple[int, int]] = {}  # by resource: needed and there, in thousandths


class UnusedOffer(Struct, frozen=True):
    offer_id: str
    hostname: str
    agent_id: str
    rejection: Rejection
    wall_ms: int
    resources: tuple[tuple[str, str], ...]
    attributes: tuple[tuple[str, str], ...]


class Entry(Struct):
    """One app that wants instances. `last_offers` is by agent, the newest last."""

    spec: Spec
    count: int
    since_ms: int  # wall
    processed: int = 0
    unused: int = 0
    last_used_ms: int | None = None
    last_unused_ms: int | None = None
    rejected: dict[str, int] = field(default_factory=dict)  # by first reason
    last_offers: dict[str, UnusedOffer] = field(default_factory=dict)

    def reject(self, offer: UnusedOffer) -> None:
        self.processed += 1
        self.unused += 1
        self.last_unused_ms = offer.wall_ms
        first = offer.rejection.reasons[0].value
        self.rejected[first] = self.rejected.get(first, 0) + 1
        self.last_offers.pop(offer.agent_id, None)
        self.last_offers[offer.agent_id] = offer
        if len(self.last_offers) > LAST_OFFERS_MAX:
            del self.last_offers[next(iter(self.last_offers))]

    def use(self, agent_id: str, wall_ms: int) -> None:
        self.processed += 1
        self.last_used_ms = wall_ms
        self.last_offers.pop(agent_id, None)


class LaunchQueue:
    """Entries are in order of arrival, so that who waits longest is served first."""

    def __init__(self, backoff: Backoff, deadlines: Deadlines) -> None:
        self._backoff, self._deadlines = backoff, deadlines
        self.entries: dict[str, Entry] = {}
        self.demands_count = 0  # grows when offers that were declined may do now

    def want(self, app_id: str, spec: Spec | None, count: int, now: Now) -> None:
        """Set how many more instances are wanted of `spec`; 0 takes the app out."""
        if spec is None or count <= 0:
            self.entries.pop(app_id, None)
            self._deadlines.clear("backoff", app_id)
            return
        entry = self.entries.get(app_id)
        if entry is None or entry.spec != spec:
            self.entries[app_id] = entry = Entry(spec, count, now.wall_ms)
            self.demands_count += 1
        elif count > entry.count:
            self.demands_count += 1
        entry.count = count
        until_ms = self._backoff.until_ms(app_id, spec.config)
        if until_ms > now.mono_ms:
            self._deadlines.set("backoff", app_id, until_ms)
        else:
            self._deadlines.clear("backoff", app_id)

    def is_delayed(self, app_id: str, now: Now) -> bool:
        return self.delay_left_ms(app_id, now) > 0

    def delay_left_ms(self, app_id: str, now: Now) -> int:
        entry = self.entries[app_id]
        return max(0, self._backoff.until_ms(app_id, entry.spec.config) - now.mono_ms)

    def wake(self) -> None:
        """A backoff ended: offers that were declined before are wanted again."""
        self.demands_count += 1

    def has_ready(self, now: Now) -> bool:
        return any(not self.is_delayed(app_id, now) for app_id in self.entries)

    def ready(self, now: Now) -> list[Entry]:
        return [entry for app_id, entry in self.entries.items() if not self.is_delayed(app_id, now)]
