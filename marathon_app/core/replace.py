"""Decides how many instances a rolling replace may start and must kill, by exact arithmetic.

Level-triggered: every answer follows from the counts alone, so it does not matter which events led
there, and a restarted supervisor goes on where the last one stood. Leaves *which* instances die to
`kill` and the starting to `launch_queue`. Source: Marathon, docs/deployments.md ("Rolling
restarts") and TaskReplaceActor (`computeRestartStrategy`).
"""

from fractions import Fraction
from math import ceil, floor

from msgspec import Struct


class Capacity(Struct, frozen=True):
    healthy_min: int  # never fewer healthy ones than this (if there were as many)
    instances_max: int  # never more instances than this, dying ones included
    kill_now: int  # how many old ones may die at once


def capacity(
    target: int,
    minimum_health: Fraction,
    maximum_over: Fraction,
    current: int,
    healthy: int,
    *,
    is_resident: bool = False,
) -> Capacity:
    """Marathon's rule. DIFFERS: exact, where upstream's floats make 100 * 1.15 be 114."""
    healthy_min = ceil(target * minimum_health)
    instances_max = floor(target * (1 + maximum_over))
    kill_now = max(0, healthy - healthy_min)
    if healthy_min == instances_max and instances_max <= healthy:
        # No way to move within the bounds: a resident app goes one below, any other one above.
        if is_resident:
            kill_now = healthy - healthy_min + 1
        else:
            instances_max += 1
    if target < current:
        kill_now = max(current - target, kill_now)
    return Capacity(healthy_min, instances_max, kill_now)


class Situation(Struct, frozen=True):
    """The counts of one app in the middle of a replace. Doomed ones count in `doomed` only."""

    target: int
    minimum_health: Fraction
    maximum_over: Fraction
    old: int
    old_healthy: int
    new: int
    new_settled: int  # healthy and ready
    doomed: int  # told to die, not yet dead
    is_resident: bool = False


class Move(Struct, frozen=True):
    start: int
    kill_old: int  # the caller takes unhealthy ones first; the bounds rest on that
    kill_new: int = 0  # more new ones than wanted: the target was lowered on the way


def move(at: Situation) -> Move:
    """What may be done now without leaving the bounds.

    An old one makes place per new one that is settled: `old + new_settled` is what the upstream
    rule calls current. Because unhealthy ones die first, at least `min(healthy, healthy_min)`
    healthy ones are left whatever the answer is.
    """
    bounds = capacity(
        at.target,
        at.minimum_health,
        at.maximum_over,
        at.old + at.new_settled,
        at.old_healthy + at.new_settled,
        is_resident=at.is_resident,
    )
    kill_old = min(bounds.kill_now, at.old)
    if at.is_resident and at.doomed and at.old_healthy + at.new_settled <= bounds.healthy_min:
        kill_old = 0  # already one below
    room = bounds.instances_max - at.old - at.new - at.doomed
    start = max(0, min(at.target - at.new, room))
    if start == 0 and kill_old == 0 and _is_stuck(at):
        kill_old = 1
    return Move(start, kill_old, max(0, at.new - at.target))


def _is_stuck(at: Situation) -> bool:
    """No room to start, nothing under way, and an old one that is no use to anybody.

    DIFFERS: upstream waits for ever here (unhealthy old ones fill the capacity).
    """
    return (
        at.new < at.target
        and at.new == at.new_settled
        and at.doomed == 0
        and at.old_healthy < at.old
    )
