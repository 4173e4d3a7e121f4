"""Moves each app towards its target: dooms what is too much, asks for what is missing.

Level-triggered: called for an app after anything about it changed, it compares and decides anew.
Leaves targets to `deployment`, arithmetic to `replace`, kills to `kill`, offers to `launching`.
Source: Marathon, docs/deployments.md, TaskReplaceActor, ScalingProposition.
"""

from kernel.machine import Now
from marathon_app.core.deployment import Deployments, Mode, Target
from marathon_app.core.instance import Instance, Instances
from marathon_app.core.kill import Kills, order, order_balanced
from marathon_app.core.launch_queue import LaunchQueue
from marathon_app.core.replace import Move, Situation, move
from marathon_app.core.root import Spec
from marathon_app.schema.app import KillSelection
from marathon_app.schema.constraint import Operator


class Convergence:
    def __init__(
        self, deployments: Deployments, instances: Instances, kills: Kills, queue: LaunchQueue
    ) -> None:
        self._deployments, self._instances = deployments, instances
        self._kills, self._queue = kills, queue

    def settle(self, app_id: str, now: Now) -> None:
        target = self._deployments.target(app_id)
        if target.mode is Mode.REPLACE:
            self._replace(app_id, target, now)
        else:
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
        active = [one for one in self._instances.of_app(app_id) if one.is_active]
        old = [one for one in active if one.config != spec.config]
        new = [one for one in active if one.config == spec.config]
        selection: KillSelection = spec.app.kill_selection
        # Unhealthy ones come first in `order`; the bounds of `replace` rest on it.
        for instance in order(old, selection)[: todo.kill_old]:
            self._kills.doom(instance, "replaced by a new version", now)
        for instance in order(new, selection)[: todo.kill_new]:
            self._kills.doom(instance, "the app was scaled down", now)
