"""Moves each app towards its target: dooms what is too much, asks for what is missing.

Level-triggered: called for an app after anything about it changed, it compares and decides anew.
Leaves targets to `deployment`, arithmetic to `replace`, kills to `kill`, offers to `launching`.
Source: Marathon, docs/deployments.md, TaskReplaceActor, ScalingProposition.
"""

from msgspec import Struct

from kernel.machine import Now
from marathon_app.core.deployment import Deployments, Mode, Target
from marathon_app.core.instance import Instance, Instances
from marathon_app.core.kill import Kills, order, order_balanced
from marathon_app.core.launch_queue import LaunchQueue
from marathon_app.core.replace import Move, Situation, move
from marathon_app.core.root import Spec
from marathon_app.schema.constraint import Operator


class Convergence:
    def __init__(
        self, deployments: Deployments, instances: Instances, kills: Kills, queue: LaunchQueue
    ) -> None:
        self._deployments, self._instances = deployments, instances
        self._kills, self._queue = kills, queue
        self._lines: dict[str, _Line] = {}  # by app

    def settle(self, app_id: str, now: Now) -> None:
        target = self._deployments.target(app_id)
        if target.mode is Mode.REPLACE:
            self._replace(app_id, target, now)
        else:
            self._lines.pop(app_id, None)
            self._scale(app_id, target, now)

    def _scale(self, app_id: str, target: Target, now: Now) -> None:
        surplus = self._instances.tally(app_id).active_total - target.count
        if surplus > 0:
            reason = "the app was scaled down" if target.spec else "the app was deleted"
            for instance in self._surplus(app_id, target.spec, surplus):
                self._kills.doom(instance, reason, now)
        self._queue.want(app_id, target.spec, -surplus, now)

    def _surplus(self, app_id: str, spec: Spec | None, count: int) -> list[Instance]:
        active = [one for one in self._instances.of_app(app_id) if one.is_active]
        if spec is None or count == len(active):
            return active
        outdated = [one for one in active if one.config != spec.config]
        current = [one for one in active if one.config == spec.config]
        selection = spec.app.kill_selection
        grouped = [
            constraint.field
            for constraint in spec.app.placement
            if constraint.operator is Operator.GROUP_BY
        ]
        ordered = order(outdated, selection) + order_balanced(current, selection, grouped)
        if outdated:  # of a replace that was stopped: what serves outlives what does not yet
            ordered.sort(key=lambda one: one.is_healthy)
        return ordered[:count]

    def _replace(self, app_id: str, target: Target, now: Now) -> None:
        spec = target.spec
        assert spec is not None, "nothing is replaced by nothing"
        todo = self.next_move(app_id, spec)
        if todo.kill_old or todo.kill_new:
            self._kill(app_id, spec, todo, now)
        # `start` is what the bounds allow now; the queue may hold less than is missing.
        self._queue.want(app_id, spec, todo.start, now)

    def next_move(self, app_id: str, spec: Spec) -> Move:
        tally = self._instances.tally(app_id)
        new = tally.active.get(spec.config, 0)
        old_healthy = tally.healthy_total - tally.healthy.get(spec.config, 0)
        return move(
            Situation(
                target=spec.app.instances,
                minimum_health=spec.app.upgrade_strategy.minimum_health,
                maximum_over=spec.app.upgrade_strategy.maximum_over,
                old=tally.active_total - new,
                old_healthy=old_healthy,
                new=new,
                new_settled=tally.settled.get(spec.config, 0),
                doomed=tally.doomed,
                is_resident=spec.app.is_resident,
            )
        )

    def _kill(self, app_id: str, spec: Spec, todo: Move, now: Now) -> None:
        for instance in self._old_victims(app_id, spec, todo.kill_old):
            self._kills.doom(instance, "replaced by a new version", now)
        if todo.kill_new:
            active = [one for one in self._instances.of_app(app_id) if one.is_active]
            new = [one for one in active if one.config == spec.config]
            for instance in order(new, spec.app.kill_selection)[: todo.kill_new]:
                self._kills.doom(instance, "the app was scaled down", now)

    def _old_victims(self, app_id: str, spec: Spec, count: int) -> list[Instance]:
        """Unhealthy ones first: the bounds of `replace` rest on it. The others are put in line
        once per replace, since thousands of kills must not sort thousands of instances each."""
        unsettled = [one for one in self._instances.unsettled(app_id) if one.config != spec.config]
        sick = order(unsettled, spec.app.kill_selection)[:count]
        victims = {one.task_id: one for one in sick}
        line = self._lines.get(app_id)
        while len(victims) < count:
            if line is None or line.config != spec.config or not line.task_ids:
                line = self._line_up(app_id, spec)
                assert len(line.task_ids) >= count - len(sick), f"{app_id}: too few old ones"
            one = self._instances.get(line.task_ids.pop())
            if one is not None and one.is_active and one.is_settled:
                victims[one.task_id] = one
        return list(victims.values())

    def _line_up(self, app_id: str, spec: Spec) -> "_Line":
        settled = [
            one
            for one in self._instances.of_app(app_id)
            if one.is_active and one.is_settled and one.config != spec.config
        ]
        ordered = order(settled, spec.app.kill_selection)
        line = _Line(spec.config, [one.task_id for one in reversed(ordered)])
        self._lines[app_id] = line
        return line


class _Line(Struct):
    """Settled old instances, the next to die last. Who left the line or fell ill is skipped."""

    config: str  # that replaces them
    task_ids: list[str]
