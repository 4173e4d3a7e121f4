"""Answers offers: fills each with the instances that wait, records them, then accepts.

Intent first: the record of an instance, its task id and its number are durable before the ACCEPT
that launches it leaves. Leaves fitting to `placement`, demand to `converge`.
Source: Mesos, docs/scheduler-http-api.md (ACCEPT, DECLINE); Marathon, OfferMatcherManager.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from kernel.framework.scheduler import Scheduler
from kernel.machine import Now
from kernel.messages import quantities, v1
from marathon_app.core.constraints import Fields, Spread
from marathon_app.core.deadlines import Deadlines
from marathon_app.core.deployment import Deployments
from marathon_app.core.instance import Instance, Instances, task_id
from marathon_app.core.launch_queue import Entry, LaunchQueue, Rejection, UnusedOffer
from marathon_app.core.outbox import Outbox
from marathon_app.core.placement import Place, Site, place, resources_in_words, site_of
from marathon_app.core.settings import Settings
from marathon_app.core.task import task_info

COLLECTION, KEY = "framework", "next_number"


class Counter(Struct, frozen=True):
    value: int


class Launching:
    def __init__(
        self,
        queue: LaunchQueue,
        instances: Instances,
        deployments: Deployments,
        outbox: Outbox,
        deadlines: Deadlines,
        settings: Settings,
        scheduler: Scheduler,
    ) -> None:
        self._queue, self._instances, self._deployments = queue, instances, deployments
        self._outbox, self._deadlines = outbox, deadlines
        self._settings, self._scheduler = settings, scheduler
        self.next_number = 1
        self.agents: dict[str, Fields] = {}  # heard of by offers, for GROUP_BY
        self._port_cursors: dict[str, int] = {}
        self._spreads: dict[str, Spread] = {}  # of one batch of offers

    def load(self, collections: Mapping[str, Mapping[str, bytes]]) -> None:
        value = collections.get(COLLECTION, {}).get(KEY)
        if value is not None:
            self.next_number = msgspec.json.decode(value, type=Counter).value

    def agent_lost(self, agent_id: str) -> None:
        self.agents.pop(agent_id, None)
        self._port_cursors.pop(agent_id, None)

    def offered(self, offers: list[v1.Offer], framework_id: str, now: Now) -> None:
        sites = [site_of(offer, now.wall_ms) for offer in offers]
        for site in sites:
            self.agents[site.agent_id] = site.fields
        self._spreads = {}
        ready = self._queue.ready(now)
        left = {entry.spec.app.id: entry.count for entry in ready}
        first_number = self.next_number
        tasks = self._fill_all(sites, ready, left, framework_id, now)
        for site in sites:
            if tasks[site.offer_id]:
                self._accept(site, tasks[site.offer_id], now)
        unused = [site.offer_id for site in sites if not tasks[site.offer_id]]
        if self.next_number != first_number:
            self._outbox.put(COLLECTION, KEY, Counter(self.next_number))
        if unused:
            self._decline(unused, is_waiting=bool(self._queue.entries))

    def _fill_all(
        self,
        sites: list[Site],
        ready: list[Entry],
        left: dict[str, int],
        framework_id: str,
        now: Now,
    ) -> dict[str, list[v1.TaskInfo]]:
        """By offer. A spread may admit one instance per agent and round, so go round again."""
        tasks: dict[str, list[v1.TaskInfo]] = {site.offer_id: [] for site in sites}
        waiting = ready
        while waiting:
            placed_before = self.next_number
            for site in sites:
                for entry in waiting:
                    tasks[site.offer_id] += self._fill(entry, site, left, framework_id, now)
            if self.next_number == placed_before:
                break
            waiting = [e for e in waiting if left[e.spec.app.id] and e.spec.app.constraints]
        return tasks

    def _fill(
        self, entry: Entry, site: Site, left: dict[str, int], framework_id: str, now: Now
    ) -> list[v1.TaskInfo]:
        """As many instances of one app as wait and fit."""
        app = entry.spec.app
        tasks: list[v1.TaskInfo] = []
        while left[app.id] > 0:
            cursor = self._port_cursors.get(site.agent_id, self.next_number)
            spread = self._spread(entry)
            found = place(app, self._settings.role, site, spread, cursor)
            if isinstance(found, Rejection):
                if not tasks:
                    entry.reject(_unused(site, found, now))
                break
            self._port_cursors[site.agent_id] = cursor + len(found.ports)
            spread.add(site.fields)
            left[app.id] -= 1
            tasks.append(self._launch(entry, site, found, framework_id, now))
        if tasks:
            entry.use(site.agent_id, now.wall_ms)
        return tasks

    def _spread(self, entry: Entry) -> Spread:
        app_id = entry.spec.app.id
        if app_id not in self._spreads:
            constraints = entry.spec.app.placement
            placed = self._instances.of_app(app_id) if constraints else []
            self._spreads[app_id] = Spread(
                constraints,
                entry.spec.app.instances,
                [one.attributes for one in placed if one.config == entry.spec.config],
                self.agents.values(),
            )
        return self._spreads[app_id]

    def _launch(
        self, entry: Entry, site: Site, found: Place, framework_id: str, now: Now
    ) -> v1.TaskInfo:
        app = entry.spec.app
        is_deploying = self._deployments.of_app(app.id) is not None
        instance = Instance(
            task_id=task_id(app.id, framework_id, self.next_number),
            app_id=app.id,
            number=self.next_number,
            version=app.version,
            config=entry.spec.config,
            agent_id=site.agent_id,
            host=site.host,
            staged_ms=now.wall_ms,
            attributes=site.fields,
            region=site.region,
            zone=site.zone,
            ports=found.ports,
            role=self._settings.role,
            alive=(None,) * len(app.health_checks),
            is_ready=not (app.readiness_checks and is_deploying),
        )
        self.next_number += 1
        self._instances.put(instance)
        at_ms = now.mono_ms + self._settings.launch_timeout_ms
        self._deadlines.set("launch", instance.task_id, at_ms)
        return task_info(
            app,
            task_id=instance.task_id,
            agent_id=site.agent_id,
            host=site.host,
            ports=found.ports,
            resources=quantities.to_wire(found.resources, allocated_to=self._settings.role),
            env_vars_prefix=self._settings.env_vars_prefix,
        )

    def _accept(self, site: Site, tasks: list[v1.TaskInfo], now: Now) -> None:
        refuse_ms = self._settings.decline_waiting_ms
        self._scheduler.launch([site.offer_id], tasks, now, refuse_ms=refuse_ms)

    def _decline(self, offer_ids: list[str], *, is_waiting: bool) -> None:
        settings = self._settings
        refuse_ms = settings.decline_waiting_ms if is_waiting else settings.decline_ms
        self._scheduler.decline(offer_ids, refuse_ms=refuse_ms)


def _unused(site: Site, rejection: Rejection, now: Now) -> UnusedOffer:
    return UnusedOffer(
        offer_id=site.offer_id,
        hostname=site.host,
        agent_id=site.agent_id,
        rejection=rejection,
        wall_ms=now.wall_ms,
        resources=resources_in_words(site.left),
        attributes=tuple(site.attributes.items()),
    )
