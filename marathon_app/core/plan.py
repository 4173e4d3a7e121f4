"""Decides the ordered steps that lead from an old root to a new one.

Removed apps stop first, new ones are announced next, then one step per level of the dependency
graph scales or restarts what changed. Leaves carrying out to `deployment`.
Source: Marathon, docs/deployments.md, DeploymentPlan.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct

from marathon_app.core.dependencies import Dependencies
from marathon_app.core.root import Delta, GroupRecord, Spec


class ActionKind(StrEnum):
    START = "StartApplication"
    STOP = "StopApplication"
    SCALE = "ScaleApplication"
    RESTART = "RestartApplication"


class Action(Struct, frozen=True):
    kind: ActionKind
    app_id: str


Steps = tuple[tuple[Action, ...], ...]


def steps_of(
    delta: Delta,
    apps: Mapping[str, Spec],
    groups: Mapping[str, GroupRecord],
    is_current: Callable[[Spec], bool] = lambda _spec: True,
) -> Steps:
    """`apps` and `groups` are those of the new root; `is_current` says whether all instances of an
    app have the configuration of its spec: a replace that was cancelled half-way leaves others.
    """
    stopped = [i for i, spec in delta.new_apps.items() if spec is None]
    started = [i for i, spec in delta.new_apps.items() if spec and delta.old_apps[i] is None]
    levels: dict[int, list[Action]] = {}
    graph = Dependencies(apps, groups)
    for app_id, spec in delta.new_apps.items():
        kind = _kind(delta.old_apps[app_id], spec, is_current)
        if kind is not None:
            levels.setdefault(graph.level(app_id), []).append(Action(kind, app_id))
    steps = [
        tuple(Action(ActionKind.STOP, app_id) for app_id in sorted(stopped)),
        tuple(Action(ActionKind.START, app_id) for app_id in sorted(started)),
    ]
    for level in sorted(levels):
        steps.append(tuple(sorted(levels[level], key=lambda action: action.app_id)))
    return tuple(step for step in steps if step)


def _kind(
    old: Spec | None, new: Spec | None, is_current: Callable[[Spec], bool]
) -> ActionKind | None:
    """DIFFERS: upstream scales, too, where outdated instances are left of a cancelled replace; its
    scaling would then kill those that serve for those that do not yet."""
    if new is None:
        return None
    if old is None:
        return ActionKind.SCALE if new.app.instances else None
    if new.app.instances and (old.config != new.config or not is_current(new)):
        return ActionKind.RESTART
    return ActionKind.SCALE
