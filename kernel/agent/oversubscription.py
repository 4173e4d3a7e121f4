"""Lends out what tasks leave unused, and takes it back when the machine runs short.

Which amount is `estimator`'s; here: that the master hears of each change, and who is killed. One
revocable container per measurement goes, the youngest first, as long as the memory that is
available is below the floor, or the load above its limit. Cpus are taken back by themselves, since
revocable containers weigh a hundredth (`runtime.agent.container`).
Source: Mesos, docs/oversubscription.md (ResourceEstimator, QoSController); mesos.md §1.2.
"""

from collections.abc import Sequence

from kernel.agent.books import Books
from kernel.agent.estimator import Estimator, Usage, fixed
from kernel.agent.pressure import Pressure
from kernel.agent.talk import Effect, SendCall
from kernel.agent.tasks import TaskRecord
from kernel.messages.agent import KillTask, UpdateOversubscribed
from kernel.messages.quantities import from_wire, parse_resources, to_wire
from kernel.messages.v1 import DurationInfo, Id, KillPolicy, Resource
from kernel.model.resources import Resources

FIXED = "fixed:"


class Oversubscription:
    """`lent` is the revocable total that the master was told; `preempted` are those killed here."""

    def __init__(self, books: Books) -> None:
        self._books = books
        estimator = books.settings.estimator
        self._estimator = Estimator() if estimator == "usage" else None
        self.lent = Resources()
        if estimator.startswith(FIXED):
            self.lent = fixed(parse_resources(estimator.removeprefix(FIXED)))

    def connected(self) -> list[Effect]:
        """A master that does not know the agent's last words must hear them again."""
        return [] if self.lent.is_empty else [self._tell()]

    def measured(
        self, usages: Sequence[Usage], pressure: Pressure
    ) -> tuple[list[Effect], KillTask | None]:
        """What to tell the master, and whom to kill."""
        effects: list[Effect] = []
        if self._estimator is not None:
            lent = self._estimator.measured(usages)
            if lent != self.lent:
                self.lent = lent
                effects = [self._tell()] if self._books.registration.connected else []
        is_short = self._books.settings.limits.are_passed(pressure)
        youngest = self._youngest_revocable() if is_short else None
        if youngest is None:
            return effects, None
        self._books.preempted[youngest.container_id] = None
        return effects, _kill(youngest)

    def _tell(self) -> SendCall:
        return SendCall(UpdateOversubscribed(resources=to_wire(self.lent, refined=True)))

    def _youngest_revocable(self) -> TaskRecord | None:
        found = [
            record
            for record in self._books.unfinished()
            if is_revocable(record.task.resources) and not record.killing
        ]
        return max(found, key=lambda record: record.launched_wall_ms, default=None)


def is_revocable(wire: Sequence[Resource]) -> bool:
    return any(resource.revocable is not None for resource in wire)


def regular_amounts(wire: Sequence[Resource]) -> dict[str, int]:
    """What a container holds for good, in thousandths."""
    return from_wire(wire).where(lambda each: not each.is_revocable).quantities()


def _kill(record: TaskRecord) -> KillTask:
    """At once: the machine can't wait for anybody's grace period."""
    return KillTask(
        framework_id=Id(record.framework_id),
        task_id=record.task.task_id,
        kill_policy=KillPolicy(grace_period=DurationInfo(0)),
    )
