"""The machine that runs services: dispatches events to its parts and joins what they want done.

Decides nothing itself. The parts share three tables (`root`, `instances`, `deployments`) and the
outbox of the step; after each event every app that it touched is settled anew. Queries are in
`views`. Source: Marathon, MarathonSchedulerActor; the order rule is raft's (kernel.machine).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from kernel.machine import DeadlineReached, Now
from kernel.messages.scheduler import Call
from kernel.model.task import TaskState
from marathon_app.core import events, instance
from marathon_app.core.backoff import Backoff
from marathon_app.core.changes import Changes
from marathon_app.core.converge import Convergence
from marathon_app.core.deadlines import Deadlines
from marathon_app.core.deployment import Deployments
from marathon_app.core.effects import ChangeRefused, Done, Effect, RefusedKind
from marathon_app.core.health import Health
from marathon_app.core.instance import Instance, Instances
from marathon_app.core.kill import Kills
from marathon_app.core.launch_queue import LaunchQueue
from marathon_app.core.launching import Launching
from marathon_app.core.news import News
from marathon_app.core.outbox import Outbox
from marathon_app.core.root import Root
from marathon_app.core.session import Session
from marathon_app.core.settings import Settings
from marathon_app.core.status import Statuses
from marathon_app.schema.app import App

Collections = Mapping[str, Mapping[str, bytes]]


class Supervisor:
    """Made by `restore`, also when the store is empty."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.latest = Now(0, 0)  # of the last step
        self._outbox = outbox = Outbox()
        self.deadlines = deadlines = Deadlines()
        self.news = news = News(outbox)
        self.root = root = Root(outbox)
        self.instances = instances = Instances(outbox)
        self.deployments = deployments = Deployments(root, instances, outbox, news)
        self.backoff = backoff = Backoff()
        self.queue = queue = LaunchQueue(backoff, deadlines)
        self.session = Session(settings, outbox, queue, instances)
        self._scheduler = scheduler = self.session.scheduler
        self.kills = kills = Kills(instances, outbox, news, deadlines, settings, scheduler)
        self.health = Health(instances, outbox, news, self.app_of)
        self.launching = Launching(
            queue, instances, deployments, outbox, deadlines, settings, scheduler
        )
        self.statuses = Statuses(
            root, instances, kills, self.health, backoff, deadlines, outbox, news, scheduler
        )
        self.converge = Convergence(deployments, instances, kills, queue)
        self._changes = Changes(
            settings, root, instances, deployments, kills, self.launching, backoff, outbox, news
        )

    @classmethod
    def restore(cls, collections: Collections, settings: Settings | None = None) -> "Supervisor":
        """From what earlier steps persisted; post `Started` before anything else."""
        machine = cls(settings or Settings())
        machine.root.load(collections)
        for value in collections.get(instance.COLLECTION, {}).values():
            machine.instances.load(msgspec.json.decode(value, type=Instance))
        machine.deployments.load(collections)
        machine.session.load(collections)
        machine.kills.load(collections)
        machine.launching.load(collections)
        machine.statuses.load(collections)
        return machine

    def app_of(self, found: Instance) -> App | None:
        """As it was when the instance was launched."""
        spec = self.root.spec_at(found.app_id, found.version)
        return spec.app if spec is not None else None

    def subscribe_call(self) -> Call:
        return self.session.subscribe_call()

    # --- the machine -----------------------------------------------------------------------------
    def step(self, event: events.Event, now: Now) -> Sequence[Effect]:
        self.latest = now
        self._outbox.wall_ms = now.wall_ms
        _HANDLERS[type(event)](self, event, now)
        self._settle(now)
        self.session.tend_offers(now)
        return self._outbox.take()

    def _settle(self, now: Now) -> None:
        """Until no app is left that changed; what a settled app does may touch it again."""
        while self.instances.dirty:
            dirty, self.instances.dirty = self.instances.dirty, {}
            for app_id in dirty:
                self.converge.settle(app_id, now)
                self.deployments.progress(app_id, self.launching.next_number)

    def next_deadline_ms(self) -> int | None:
        instants = (self.deadlines.next_ms(), self._scheduler.next_deadline_ms())
        return min((at_ms for at_ms in instants if at_ms is not None), default=None)

    def check_invariants(self) -> None:
        self.root.check_invariants()
        self.instances.check_invariants()
        self.deployments.check_invariants()
        assert not self.instances.dirty, "a step left something unsettled"

    # --- handlers --------------------------------------------------------------------------------
    def _on_started(self, event: events.Started, now: Now) -> None:
        self.kills.expect_routers(now)
        for found in self.instances:
            if found.is_doomed:
                self.kills.resume(found, now)
            elif found.state is TaskState.RUNNING:
                self.health.watch(found, now)
            elif found.state is TaskState.UNREACHABLE:
                self.statuses.watch_absence(found, now)
            else:
                at_ms = now.mono_ms + self.settings.launch_timeout_ms
                self.deadlines.set("launch", found.task_id, at_ms)
        self.instances.dirty |= dict.fromkeys(self.root.apps)

    def _on_root_update(self, event: events.RootUpdateRequested, now: Now) -> None:
        self._changes.requested(event, now)

    def _on_deployment_cancel(self, event: events.DeploymentCancelRequested, now: Now) -> None:
        self._changes.cancel_requested(event, now)

    def _on_tasks_kill(self, event: events.TasksKillRequested, now: Now) -> None:
        self._changes.kill_requested(event, now)

    def _on_queue_delay_reset(self, event: events.QueueDelayReset, now: Now) -> None:
        if event.app_id not in self.queue.entries:
            text = f"Application {event.app_id} not found in tasks queue."
            self._outbox.emit(ChangeRefused(event.request_id, RefusedKind.NOT_FOUND, text))
            return
        self.backoff.reset(event.app_id)
        self.queue.wake()
        self.instances.dirty[event.app_id] = None
        self._outbox.emit(Done(event.request_id))

    def _on_health_probed(self, event: events.HealthProbed, now: Now) -> None:
        failed = self.health.probed(event, now)
        if failed is not None:
            self.statuses.unhealthy(failed, event.cause, now)

    def _on_readiness_probed(self, event: events.ReadinessProbed, now: Now) -> None:
        self.health.ready_probed(event)

    def _on_disconnected(self, event: events.SchedulerDisconnected, now: Now) -> None:
        self._scheduler.disconnected()

    def _on_scheduler_event(self, event: events.SchedulerEventReceived, now: Now) -> None:
        told = event.event
        self._scheduler.received(told, now)
        if told.offers is not None and self.session.framework_id is not None:
            self.launching.offered(told.offers.offers, self.session.framework_id, now)
        elif told.update is not None:
            self.statuses.updated(told.update.status, now)
        elif told.failure is not None and told.failure.executor_id is None:
            agent_id = told.failure.agent_id
            if agent_id is not None:
                self.launching.agent_lost(agent_id.value)

    def _on_deadline(self, event: DeadlineReached, now: Now) -> None:
        for what, whom in self.deadlines.take_due(now.mono_ms):
            match what:
                case "drain":
                    self.kills.drain_overdue(whom, now)
                case "router":
                    self.kills.router_lost(whom, now)
                case "launch":
                    self.statuses.launch_overdue(whom, now)
                case "inactive" | "expunge":
                    self.statuses.absent_too_long(what, whom)
                case _:
                    assert what == "backoff", f"nobody set a deadline {what}"
                    self.queue.wake()
        self._scheduler.elapsed(now)


_HANDLERS: dict[type[Any], Callable[[Supervisor, Any, Now], None]] = {
    events.Started: Supervisor._on_started,
    events.RootUpdateRequested: Supervisor._on_root_update,
    events.DeploymentCancelRequested: Supervisor._on_deployment_cancel,
    events.TasksKillRequested: Supervisor._on_tasks_kill,
    events.QueueDelayReset: Supervisor._on_queue_delay_reset,
    events.DrainSubscribed: lambda self, event, now: self.kills.subscribe(event.name),
    events.DrainUnsubscribed: lambda self, event, now: self.kills.unsubscribe(event.name, now),
    events.DrainedReported: lambda self, event, now: self.kills.reported(
        event.name, event.task_ids, now
    ),
    events.HealthProbed: Supervisor._on_health_probed,
    events.ReadinessProbed: Supervisor._on_readiness_probed,
    events.SchedulerConnected: lambda self, event, now: None,  # SUBSCRIBED says it, and more
    events.SchedulerDisconnected: Supervisor._on_disconnected,
    events.SchedulerEventReceived: Supervisor._on_scheduler_event,
    DeadlineReached: Supervisor._on_deadline,
}
