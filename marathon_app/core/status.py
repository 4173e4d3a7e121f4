"""Takes in what Mesos says of our tasks: starting, running, lost, ended, and who nobody knows.

Every update is acknowledged after what it changed is durable. Leaves health verdicts to `health`
and replacing what ended to `converge`. Source: Marathon, TaskStatusUpdateProcessor,
InstanceUpdater; docs/configure-task-handling.md (unreachableStrategy).
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct, structs

from kernel.framework.scheduler import Scheduler, is_over
from kernel.machine import Now
from kernel.messages import v1
from kernel.model.task import TaskState
from marathon_app.core.backoff import Backoff
from marathon_app.core.deadlines import Deadlines
from marathon_app.core.effects import StopProbing
from marathon_app.core.health import Health
from marathon_app.core.instance import Instance, Instances
from marathon_app.core.kill import UNHEALTHY, Kills
from marathon_app.core.news import News
from marathon_app.core.outbox import Outbox
from marathon_app.core.root import Root
from marathon_app.schema.app import App, UnreachableStrategy

COLLECTION = "failures"
_ENDED_BADLY = (
    TaskState.FAILED,
    TaskState.ERROR,
    TaskState.DROPPED,
    TaskState.LOST,
    TaskState.GONE,
    TaskState.GONE_BY_OPERATOR,
    TaskState.UNKNOWN,
)
_SETTING_BACK = (*_ENDED_BADLY[:3], TaskState.GONE, TaskState.FINISHED)
_NO_FAULT_OF_THE_APP = ("REASON_INVALID_OFFERS", "REASON_RECONCILIATION")


class Failure(Struct, frozen=True):
    """lastTaskFailure of one app."""

    app_id: str
    host: str
    message: str
    state: TaskState
    task_id: str
    wall_ms: int
    version: str
    agent_id: str


class Statuses:
    def __init__(
        self,
        root: Root,
        instances: Instances,
        kills: Kills,
        health: Health,
        backoff: Backoff,
        deadlines: Deadlines,
        outbox: Outbox,
        news: News,
        scheduler: Scheduler,
    ) -> None:
        self._root, self._instances, self._kills, self._health = root, instances, kills, health
        self._backoff, self._deadlines = backoff, deadlines
        self._outbox, self._news, self._scheduler = outbox, news, scheduler
        self.failures: dict[str, Failure] = {}

    def load(self, collections: Mapping[str, Mapping[str, bytes]]) -> None:
        for value in collections.get(COLLECTION, {}).values():
            failure = msgspec.json.decode(value, type=Failure)
            self.failures[failure.app_id] = failure

    def app_of(self, instance: Instance) -> App | None:
        """As it was when the instance was launched."""
        spec = self._root.spec_at(instance.app_id, instance.version)
        return spec.app if spec is not None else None

    # --- updates ---------------------------------------------------------------------------------
    def updated(self, status: v1.TaskStatus, now: Now) -> None:
        instance = self._instances.get(status.task_id.value)
        if instance is None:
            self._stranger(status, now)
        elif status.state is TaskState.UNREACHABLE:
            self._lost_sight(instance, status, now)
        elif is_over(status.state):
            self._ended(instance, status, now)
        else:
            self._lives(instance, status, now)
        self._scheduler.acknowledge(status)

    def _stranger(self, status: v1.TaskStatus, now: Now) -> None:
        """Forgotten as unreachable, or of a time that the store does not know."""
        if status.state in (TaskState.UNREACHABLE, TaskState.UNKNOWN):
            return
        if status.state.is_terminal:
            self._news.stranger_ended(status.task_id.value, status.state)
        else:
            agent_id = status.agent_id.value if status.agent_id else None
            self._kills.kill_stranger(status.task_id.value, agent_id, now)

    def _lives(self, instance: Instance, status: v1.TaskStatus, now: Now) -> None:
        is_news = status.state is not instance.state or not instance.is_confirmed
        is_running = status.state is TaskState.RUNNING
        seen = structs.replace(
            instance,
            state=status.state,
            is_confirmed=True,
            unreachable_ms=None,
            is_inactive=False,
            started_ms=instance.started_ms or (now.wall_ms if is_running else None),
            ip_addresses=_addresses(status) or instance.ip_addresses,
        )
        if seen != instance:
            self._instances.put(seen)
        if is_running:
            self._deadlines.clear("launch", seen.task_id)
        if instance.unreachable_ms is not None:
            self._forget_absence(seen.task_id)
        if is_news:
            self._news.status(seen, status.state, status.message or "")
            self._news.changed(seen, status.state)
        if is_running and instance.state is not TaskState.RUNNING:
            self._health.watch(seen, now)
        self._health.reported(seen, status, now)

    # --- ends ------------------------------------------------------------------------------------
    def _ended(self, instance: Instance, status: v1.TaskStatus, now: Now) -> None:
        message = status.message or ""
        self._news.status(instance, status.state, message)
        self._news.changed(instance, status.state)
        is_check_kill = status.state is TaskState.KILLED and status.healthy is False
        is_failure = status.state in _ENDED_BADLY and status.reason != "REASON_INVALID_OFFERS"
        if not instance.is_doomed and (is_failure or is_check_kill):
            self._remember(instance, status.state, message, now)
        is_setback = (
            status.state in _SETTING_BACK
            and not instance.is_doomed
            and status.reason not in _NO_FAULT_OF_THE_APP
        )
        app = self.app_of(instance)
        if is_setback and app is not None:
            self._backoff.fail(app, instance.config, now.mono_ms)
        self._remove(instance)

    def _remember(self, instance: Instance, state: TaskState, message: str, now: Now) -> None:
        failure = Failure(
            app_id=instance.app_id,
            host=instance.host,
            message=message,
            state=state,
            task_id=instance.task_id,
            wall_ms=now.wall_ms,
            version=instance.version,
            agent_id=instance.agent_id,
        )
        self.failures[instance.app_id] = failure
        self._outbox.put(COLLECTION, instance.app_id, failure)

    def _remove(self, instance: Instance) -> None:
        task_id, app_id = instance.task_id, instance.app_id
        self._instances.remove(task_id)
        self._kills.forget(task_id)
        self._health.forget(task_id)
        self._deadlines.clear("launch", task_id)
        self._forget_absence(task_id)
        if not instance.is_doomed:
            self._outbox.emit(StopProbing(task_id))
        if app_id not in self._root.apps and not self._instances.has_any(app_id):
            self._news.app_terminated(app_id)
            self._root.forget_versions(app_id, {})
            if self.failures.pop(app_id, None) is not None:
                self._outbox.delete(COLLECTION, app_id)

    def unhealthy(self, instance: Instance, cause: str, now: Now) -> None:
        """Its checks failed too often. DIFFERS: upstream does not show this as a failure."""
        self._news.unhealthy_kill(instance, cause)
        text = f"killed: the health check failed too often ({cause})"
        self._remember(instance, TaskState.KILLED, text, now)
        self._kills.doom(instance, UNHEALTHY, now)

    def launch_overdue(self, task_id: str, now: Now) -> None:
        instance = self._instances.get(task_id)
        if instance is None or instance.is_doomed or instance.state is TaskState.RUNNING:
            return
        self._remember(instance, instance.state, "killed: it did not start in time", now)
        self._kills.doom(instance, "it did not start in time", now)

    # --- out of sight ----------------------------------------------------------------------------
    def _lost_sight(self, instance: Instance, status: v1.TaskStatus, now: Now) -> None:
        if instance.state is TaskState.UNREACHABLE:
            return
        self._news.status(instance, TaskState.UNREACHABLE, status.message or "")
        self._news.changed(instance, TaskState.UNREACHABLE)
        seen = structs.replace(
            instance, state=TaskState.UNREACHABLE, is_confirmed=True, unreachable_ms=now.wall_ms
        )
        if instance.is_doomed or self._strategy(instance) == UnreachableStrategy():
            self._remove(instance)  # comes back as a stranger, if at all
            return
        self._outbox.emit(StopProbing(instance.task_id))
        self._instances.put(seen)
        self.watch_absence(seen, now)

    def _strategy(self, instance: Instance) -> UnreachableStrategy | Literal["disabled"]:
        app = self.app_of(instance)
        return app.unreachable_strategy if app is not None else UnreachableStrategy()

    def watch_absence(self, instance: Instance, now: Now) -> None:
        strategy = self._strategy(instance)
        if strategy == "disabled" or instance.unreachable_ms is None:
            return
        away_ms = now.wall_ms - instance.unreachable_ms
        for what, after_seconds in (
            ("inactive", strategy.inactive_after_seconds),
            ("expunge", strategy.expunge_after_seconds),
        ):
            wait_ms = max(0, after_seconds * 1000 - away_ms)
            self._deadlines.set(what, instance.task_id, now.mono_ms + wait_ms)

    def _forget_absence(self, task_id: str) -> None:
        self._deadlines.clear("inactive", task_id)
        self._deadlines.clear("expunge", task_id)

    def absent_too_long(self, what: str, task_id: str) -> None:
        instance = self._instances.get(task_id)
        if instance is None or instance.state is not TaskState.UNREACHABLE:
            return
        if what == "inactive":
            self._instances.put(structs.replace(instance, is_inactive=True))
        else:
            self._remove(instance)


def _addresses(status: v1.TaskStatus) -> tuple[str, ...]:
    infos = status.container_status.network_infos if status.container_status else []
    return tuple(
        address["ip_address"]
        for info in infos
        for address in info.get("ip_addresses", [])
        if isinstance(address.get("ip_address"), str)
    )
