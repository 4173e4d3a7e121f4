"""Decides what runs where: waiting runs meet offers.

Shortly before the next occurrence it keeps offers in hand, so that a run starts when it is due;
what turns out not to be needed goes back at once. Asking for offers is the kernel's.
Source: Mesos, docs/app-framework-development-guide.md.
"""

from collections.abc import Mapping

from msgspec import Struct

from chronos_app.core import notices
from chronos_app.core.calendar import Calendar
from chronos_app.core.constraints import in_words, satisfies
from chronos_app.core.events import Effect, Notify
from chronos_app.core.launch import demand_of, make_task
from chronos_app.core.ledger import Ledger
from chronos_app.core.run import Cause, Run, RunState
from chronos_app.core.settings import Settings
from chronos_app.core.waiting import Waiting
from chronos_app.schema.job import Job
from kernel.framework.matching import Taken, take
from kernel.framework.scheduler import Scheduler
from kernel.machine import Now
from kernel.messages import quantities
from kernel.messages.v1 import Offer, TaskInfo
from kernel.model.resources import Resources, ResourcesMalformed

REFUSE_MS = 5_000  # a revive clears it
LINGER_MS = 3_000  # with the next occurrence so near, suppressing is not worth the calls
UPCOMING_COUNT_MAX = 256  # looked at to see which offers to keep


class Held(Struct):
    """An offer in hand and what it has."""

    offer: Offer
    resources: Resources
    attributes: Mapping[str, str]


class Dispatch:
    """Invariant: it holds offers only while something waits or is about to be due."""

    def __init__(
        self,
        ledger: Ledger,
        waiting: Waiting,
        calendar: Calendar,
        settings: Settings,
        scheduler: Scheduler,
    ) -> None:
        self._ledger = ledger
        self._waiting = waiting
        self._calendar = calendar
        self._settings = settings
        self._scheduler = scheduler
        self.held: dict[str, Held] = {}

    def end(self) -> None:
        """The stream ended: the offers are void."""
        self.held.clear()

    def take_in(self, offer: Offer) -> None:
        """Hold an offer; what it is good for, `serve` finds out."""
        own = [r for r in offer.resources if not (r.disk or r.revocable or r.shared)]
        try:
            resources = quantities.from_wire(own)
        except ResourcesMalformed:
            self._scheduler.decline([offer.id.value], refuse_ms=REFUSE_MS)
            return
        attributes = {"hostname": offer.hostname, **quantities.attribute_texts(offer.attributes)}
        self.held[offer.id.value] = Held(offer, resources, attributes)

    def rescind(self, offer_id: str) -> None:
        self.held.pop(offer_id, None)

    def serve(self, now: Now) -> list[Effect]:
        """Launch whatever fits; ask for offers or give them back, as is needed."""
        if not self._scheduler.is_connected:
            return []
        effects: list[Effect] = []
        if len(self._waiting):
            for held in tuple(self.held.values()):
                effects += self._use(held, now)
        soon = self._upcoming(now.wall_ms)
        for index, held in enumerate(tuple(self.held.values())):
            if index >= len(soon) or not self._fits_any(held, soon):
                del self.held[held.offer.id.value]
                self._scheduler.decline([held.offer.id.value], refuse_ms=REFUSE_MS)
        self._ask(bool(soon), now)
        return effects

    def _use(self, held: Held, now: Now) -> list[Effect]:
        """Launch on one offer, walking past what does not fit."""
        tasks: list[TaskInfo] = []
        late: list[Effect] = []
        failed: set[tuple[object, ...]] = set()  # asked, never iterated
        left = held.resources
        for run in self._waiting.in_order():
            job = self._ledger.jobs[run.job].job
            shape = (job.cpus, job.mem, job.disk, job.constraints)
            if shape in failed or self._must_wait(run, job):
                continue
            taken = self._take(held, left, run, job)
            if taken is None:
                failed.add(shape)
                continue
            left = taken.left
            tasks.append(make_task(run, job, held.offer, taken))
            late += self._launch(run, job, held.offer, now)
        if not tasks:
            return []
        del self.held[held.offer.id.value]
        self._scheduler.launch([held.offer.id.value], tasks, now, refuse_ms=0)
        return late

    def _must_wait(self, run: Run, job: Job) -> bool:
        if job.concurrent or not self._ledger.launched(run.job):
            return False
        self._waiting.why[run.run_id] = "an earlier run of this job is not over"
        return True

    def _take(self, held: Held, left: Resources, run: Run, job: Job) -> Taken | None:
        if not satisfies(held.attributes, job.constraints):
            why = f"no agent offered so far satisfies {in_words(job.constraints)}"
            self._waiting.why[run.run_id] = why
            return None
        taken = take(left, demand_of(job))
        if isinstance(taken, Taken):
            return taken
        self._waiting.why[run.run_id] = f"{taken.sentence()} (on {held.offer.hostname})"
        return None

    def _launch(self, run: Run, job: Job, offer: Offer, now: Now) -> list[Effect]:
        """Write the launch down; the ACCEPT follows that."""
        why = self._waiting.why.get(run.run_id, "")
        self._waiting.remove(run.run_id)
        run.move(RunState.LAUNCHING)
        run.launched_ms = now.wall_ms
        run.agent_id, run.agent_host = offer.agent_id.value, offer.hostname
        run.agent_url = _address(offer)
        self._ledger.put_run(run)
        late_ms = now.wall_ms - run.nominal_ms
        if run.cause is not Cause.SCHEDULE or run.attempt or late_ms < self._settings.late_after_ms:
            return []
        because = f"It waited because {why}." if why else "Chronos or the master was away."
        notice = notices.late(job, run, now.wall_ms, because)
        self._ledger.put_notice(notice)
        return [Notify(notice)]

    def _upcoming(self, wall_ms: int) -> list[Job]:
        """The jobs for which an offer is worth keeping."""
        until_ms = wall_ms + self._settings.lookahead_ms
        names = self._calendar.upcoming(until_ms, UPCOMING_COUNT_MAX)
        jobs = [self._ledger.jobs[name].job for name in names]
        return [job for job in jobs if job.concurrent or not self._ledger.launched(job.name)]

    def _fits_any(self, held: Held, jobs: list[Job]) -> bool:
        return any(
            satisfies(held.attributes, job.constraints)
            and isinstance(take(held.resources, demand_of(job)), Taken)
            for job in jobs[:8]
        )

    def _launchable(self) -> bool:
        return any(
            not self._must_wait(run, self._ledger.jobs[run.job].job)
            for run in self._waiting.in_order()
        )

    def _ask(self, soon: bool, now: Now) -> None:
        """Say whether offers are wanted."""
        next_ms = self._calendar.next_ms()
        if soon or (len(self._waiting) and self._launchable()):
            if self.held:
                self._scheduler.hold_offers()
            else:
                self._scheduler.want_offers((self._waiting.version, next_ms), now)
        elif (
            next_ms is not None and next_ms - self._settings.lookahead_ms <= now.wall_ms + LINGER_MS
        ):
            self._scheduler.hold_offers()
        else:
            self._scheduler.rest()

    def next_wall_ms(self) -> int | None:
        """When to look again because an occurrence comes near."""
        next_ms = self._calendar.next_ms()
        return None if next_ms is None else next_ms - self._settings.lookahead_ms

    def check_invariants(self) -> None:
        for offer_id, held in self.held.items():
            assert held.offer.id.value == offer_id, offer_id


def _address(offer: Offer) -> str:
    """Where the agent answers HTTP, for the logs."""
    if offer.url is None:
        return f"http://{offer.hostname}:5051"
    address = offer.url.address
    return f"{offer.url.scheme}://{address.hostname or address.ip}:{address.port}"
