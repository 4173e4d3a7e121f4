"""The calls of a scheduler by name, so that nobody nests envelopes by hand.

No call here says whose it is: `session` adds the framework's id. Durations are milliseconds; the
wire's are seconds. Source: Mesos, docs/scheduler-http-api.md (Calls).
"""

from collections.abc import Iterable, Sequence

from kernel.messages.scheduler import (
    Accept,
    Acknowledge,
    Call,
    CallType,
    Decline,
    Kill,
    Launch,
    Message,
    Operation,
    Reconcile,
    ReconcileTask,
    Roles,
    Shutdown,
)
from kernel.messages.v1 import DurationInfo, Filters, Id, KillPolicy, TaskInfo, TaskStatus

NANOSECONDS_PER_MS = 1_000_000


def accept(
    offer_ids: Iterable[str], operations: Sequence[Operation], *, refuse_ms: int = 5_000
) -> Call:
    """Use offers, all of one agent; what is left over is not offered again for `refuse_ms`."""
    accepted = Accept(
        offer_ids=[Id(offer_id) for offer_id in offer_ids],
        operations=list(operations),
        filters=_filters(refuse_ms),
    )
    return Call(type=CallType.ACCEPT, accept=accepted)


def launch(offer_ids: Iterable[str], tasks: Sequence[TaskInfo], *, refuse_ms: int = 5_000) -> Call:
    """Use offers to launch tasks, and for nothing else."""
    operation = Operation(type="LAUNCH", launch=Launch(task_infos=list(tasks)))
    return accept(offer_ids, [operation], refuse_ms=refuse_ms)


def decline(offer_ids: Iterable[str], *, refuse_ms: int = 5_000) -> Call:
    """Give offers back; the like of them is not offered again for `refuse_ms` (or until REVIVE)."""
    declined = Decline(
        offer_ids=[Id(offer_id) for offer_id in offer_ids], filters=_filters(refuse_ms)
    )
    return Call(type=CallType.DECLINE, decline=declined)


def revive(roles: Sequence[str] = ()) -> Call:
    """Want offers again, those too that were declined; no role given means all."""
    return Call(type=CallType.REVIVE, revive=Roles(roles=list(roles)))


def suppress(roles: Sequence[str] = ()) -> Call:
    """Want no offers until REVIVE; no role given means all."""
    return Call(type=CallType.SUPPRESS, suppress=Roles(roles=list(roles)))


def kill(task_id: str, agent_id: str | None = None, *, grace_ms: int | None = None) -> Call:
    """End a task; `grace_ms` (from TERM to KILL) overrides what the task was launched with, on
    executors that heed it."""
    policy = None
    if grace_ms is not None:
        policy = KillPolicy(grace_period=DurationInfo(grace_ms * NANOSECONDS_PER_MS))
    found = Kill(
        task_id=Id(task_id), agent_id=Id(agent_id) if agent_id else None, kill_policy=policy
    )
    return Call(type=CallType.KILL, kill=found)


def acknowledge(status: TaskStatus) -> Call | None:
    """Have no more of this update; None where none is due, which only a `uuid` tells."""
    if status.uuid is None or status.agent_id is None:
        return None
    found = Acknowledge(agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid)
    return Call(type=CallType.ACKNOWLEDGE, acknowledge=found)


def reconcile(tasks: Iterable[tuple[str, str | None]]) -> Call:
    """Ask for the state of each (task id, agent id); of all that the master knows if none."""
    asked = [
        ReconcileTask(task_id=Id(task_id), agent_id=Id(agent_id) if agent_id else None)
        for task_id, agent_id in tasks
    ]
    return Call(type=CallType.RECONCILE, reconcile=Reconcile(tasks=asked))


def message(agent_id: str, executor_id: str, data: bytes) -> Call:
    """Tell an executor something, at most once: nothing repeats it."""
    found = Message(agent_id=Id(agent_id), executor_id=Id(executor_id), data=data)
    return Call(type=CallType.MESSAGE, message=found)


def shutdown(executor_id: str, agent_id: str) -> Call:
    """End an executor, and all its tasks with it."""
    found = Shutdown(executor_id=Id(executor_id), agent_id=Id(agent_id))
    return Call(type=CallType.SHUTDOWN, shutdown=found)


def teardown() -> Call:
    """End the framework: every task is killed, and the id is used up."""
    return Call(type=CallType.TEARDOWN)


def _filters(refuse_ms: int) -> Filters:
    return Filters(refuse_seconds=refuse_ms / 1000)
