"""Decides who dies first, and how: first drained, then killed.

An instance is doomed once, durably; from then on it counts as gone. While a load balancer that
asked to be told (`DrainSubscribed`) still routes to it, KILL waits for its report, bounded by a
timeout. Leaves why and how many to `converge` and `health`, repeating KILL to the kernel.
Source: Marathon, KillService, InstanceKillSelection; the drain is ours.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from kernel.framework.scheduler import Scheduler
from kernel.machine import Now
from kernel.model.task import TaskState
from marathon_app.core.deadlines import Deadlines
from marathon_app.core.effects import StopProbing
from marathon_app.core.instance import Instance, Instances
from marathon_app.core.news import News
from marathon_app.core.outbox import Outbox
from marathon_app.core.settings import Settings
from marathon_app.schema.app import KillSelection

ROUTERS = "routers"
UNHEALTHY = "unhealthy"  # the one reason for which no load balancer is waited for

_WEIGHT: dict[TaskState, int] = {
    TaskState.UNREACHABLE: 0,
    TaskState.STAGING: 1,
    TaskState.STARTING: 2,
}
_WEIGHT_RUNNING = 3


class Router(Struct, frozen=True):
    """A load balancer that wants to be asked before a kill."""

    name: str


def order(instances: Sequence[Instance], selection: KillSelection) -> list[Instance]:
    """Those of least use first. DIFFERS: of the running ones the unhealthy go first."""
    sign = -1 if selection is KillSelection.YOUNGEST_FIRST else 1
    return sorted(
        instances,
        key=lambda one: (
            one.is_healthy,
            _WEIGHT.get(one.state, _WEIGHT_RUNNING),
            one.is_settled,
            sign * (one.started_ms or one.staged_ms),
            sign * one.number,
        ),
    )


def order_balanced(
    instances: Sequence[Instance], selection: KillSelection, fields: Sequence[str]
) -> list[Instance]:
    """As `order`, but each next one comes from the fullest group of the first of `fields`."""
    ordered = order(instances, selection)
    if not fields:
        return ordered
    groups: dict[str, list[Instance]] = {}
    for one in ordered:
        groups.setdefault(one.attributes.get(fields[0], ""), []).append(one)
    result: list[Instance] = []
    while len(result) < len(ordered):
        fullest = max(groups.values(), key=len)
        result.append(fullest.pop(0))
    return result


class Kills:
    """Who is doomed is in the instances; here is who routes."""

    def __init__(
        self,
        instances: Instances,
        outbox: Outbox,
        news: News,
        deadlines: Deadlines,
        settings: Settings,
        scheduler: Scheduler,
    ) -> None:
        self._instances, self._outbox, self._news = instances, outbox, news
        self._scheduler = scheduler
        self._deadlines, self._settings = deadlines, settings
        self._routers: dict[str, int] = {}  # name -> open streams; 0: expected back

    def doom(self, instance: Instance, reason: str, now: Now) -> None:
        """Decide that it dies; drain it first if somebody routes to it."""
        if instance.is_doomed:
            return
        is_routed = instance.state is TaskState.RUNNING and bool(instance.ports)
        drains = tuple(self._routers) if is_routed and reason != UNHEALTHY else ()
        doomed = structs.replace(instance, doomed=reason, drains=drains)
        self._instances.put(doomed)
        self._outbox.emit(StopProbing(instance.task_id))
        if drains:
            self._news.draining(doomed)
            self._deadlines.set(
                "drain", instance.task_id, now.mono_ms + self._settings.drain_timeout_ms
            )
        else:
            self._send(doomed, now)

    def resume(self, instance: Instance, now: Now) -> None:
        """After a restart: carry on with one that is doomed already."""
        if instance.drains:
            at_ms = now.mono_ms + self._settings.drain_timeout_ms
            self._deadlines.set("drain", instance.task_id, at_ms)
        else:
            self._send(instance, now)

    def kill_stranger(self, task_id: str, agent_id: str | None, now: Now) -> None:
        """A task of ours that no record explains."""
        self._scheduler.kill(task_id, agent_id, now)

    def _send(self, instance: Instance, now: Now) -> None:
        self._scheduler.kill(instance.task_id, instance.agent_id, now)

    def drain_overdue(self, task_id: str, now: Now) -> None:
        instance = self._instances.get(task_id)
        if instance is not None and instance.is_doomed:
            self._drained(instance, now)

    def forget(self, task_id: str) -> None:
        self._deadlines.clear("drain", task_id)
        self._scheduler.spare(task_id)

    # --- who routes ------------------------------------------------------------------------------
    def load(self, collections: Mapping[str, Mapping[str, bytes]]) -> None:
        """Who routed before a restart most likely still does, and will be back in a moment."""
        self._routers = dict.fromkeys(collections.get(ROUTERS, {}), 0)

    def expect_routers(self, now: Now) -> None:
        for name in self._routers:
            self._deadlines.set("router", name, now.mono_ms + self._settings.drain_timeout_ms)

    def subscribe(self, name: str) -> None:
        if name not in self._routers:
            self._outbox.put(ROUTERS, name, Router(name))
        self._routers[name] = self._routers.get(name, 0) + 1
        self._deadlines.clear("router", name)

    def unsubscribe(self, name: str, now: Now) -> None:
        """Its stream ended. What it drives goes on routing, and it most likely comes back soon."""
        left = self._routers.get(name, 0) - 1
        if left >= 0:
            self._routers[name] = left
        if left == 0:
            self._deadlines.set("router", name, now.mono_ms + self._settings.drain_timeout_ms)

    def router_lost(self, name: str, now: Now) -> None:
        """It did not come back in time: nobody waits for it any longer."""
        if self._routers.pop(name, None) is not None:
            self._outbox.delete(ROUTERS, name)
        for instance in list(self._instances):
            if name in instance.drains:
                self._report(instance, name, now)

    def reported(self, name: str, task_ids: Sequence[str], now: Now) -> None:
        for task_id in task_ids:
            instance = self._instances.get(task_id)
            if instance is not None and name in instance.drains:
                self._report(instance, name, now)

    def _report(self, instance: Instance, name: str, now: Now) -> None:
        left = tuple(other for other in instance.drains if other != name)
        if left:
            self._instances.put(structs.replace(instance, drains=left))
        else:
            self._drained(instance, now)

    def _drained(self, instance: Instance, now: Now) -> None:
        self._deadlines.clear("drain", instance.task_id)
        cleared = structs.replace(instance, drains=())
        self._instances.put(cleared)
        self._send(cleared, now)
