"""Asks the master for the true state of our tasks: on each connection, again until answered, and
every ten minutes.

Explicitly for each task that has a record (the launch may never have left), implicitly for those
that have none. Leaves what an answer means to `status`. Source: Mesos, docs/reconciliation.md.
"""

from collections.abc import Callable

from kernel.machine import Now
from kernel.messages import scheduler, v1
from marathon_app.core.deadlines import Deadlines
from marathon_app.core.instance import Instances
from marathon_app.core.settings import Settings


class Reconciliation:
    def __init__(
        self,
        instances: Instances,
        deadlines: Deadlines,
        settings: Settings,
        call: Callable[[scheduler.Call], None],
    ) -> None:
        self._instances, self._deadlines = instances, deadlines
        self._settings, self._call = settings, call
        self._unanswered: dict[str, None] = {}
        self._next_round_ms = 0

    def begin(self, now: Now) -> None:
        """Ask for everything."""
        self._unanswered = {instance.task_id: None for instance in self._instances}
        self._next_round_ms = now.mono_ms + self._settings.reconciliation_interval_ms
        self._ask(now)
        self._call(_reconcile([]))

    def heard(self, task_id: str) -> None:
        self._unanswered.pop(task_id, None)

    def on_deadline(self, now: Now) -> None:
        if now.mono_ms >= self._next_round_ms:
            self.begin(now)
        else:
            self._ask(now)

    def stop(self) -> None:
        """No connection, no answers."""
        self._deadlines.clear("reconcile", "")

    def _ask(self, now: Now) -> None:
        """A master that waits for agents to come back stays silent, so ask again."""
        found = [self._instances.get(task_id) for task_id in self._unanswered]
        tasks = [
            scheduler.ReconcileTask(task_id=v1.Id(one.task_id), agent_id=v1.Id(one.agent_id))
            for one in found
            if one is not None
        ]
        if tasks:
            self._call(_reconcile(tasks))
        retry_ms = now.mono_ms + self._settings.reconciliation_retry_ms
        at_ms = min(retry_ms, self._next_round_ms) if tasks else self._next_round_ms
        self._deadlines.set("reconcile", "", at_ms)


def _reconcile(tasks: list[scheduler.ReconcileTask]) -> scheduler.Call:
    return scheduler.Call(
        type=scheduler.CallType.RECONCILE, reconcile=scheduler.Reconcile(tasks=tasks)
    )
