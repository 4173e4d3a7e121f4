"""Decides the ordered steps that lead from an old root to a new one.

Removed apps stop first, new ones are announced next, then one step per level of the dependency
graph scales or restarts what changed. Leaves carrying out to `deployment`.
Source: Marathon, docs/deployments.md, DeploymentPlan.
"""

from collections.abc import Mapping
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


def steps_of(delta: Delta, apps: Mapping[str, Spec], groups: Mapping[str, GroupRecord]) -> Steps:
    """`apps` and `groups` are those of the new root."""
    stopped = [i for i, spec in delta.new_apps.items() if spec is None]
    started = [i for i, spec in delta.new_apps.items() if spec and delta.old_apps[i] is None]
    levels: dict[int, list[Action]] = {}
    graph = Dependencies(apps, groups)
    for app_id, spec in delta.new_apps.items():
        kind = _kind(delta.old_apps[app_id], spec)
        if kind is not None:
            levels.setdefault(graph.level(app_id), []).append(Action(kind, app_id))
    steps = [
        tuple(Action(ActionKind.STOP, app_id) for app_id in sorted(stopped)),
        tuple(Action(ActionKind.START, app_id) for app_id in sorted(started)),
    ]
    for level in sorted(levels):
        steps.append(tuple(sorted(levels[level], key=lambda action: action.app_id)))
    return tuple(step for step in steps if step)


def _kind(old: Spec | None, new: Spec | None) -> ActionKind | None:
    if new is None:
        return None
    if old is None:
        return ActionKind.SCALE if new.app.instances else None
    if old.config != new.config and new.app.instances:
        return ActionKind.RESTART
    return ActionKind.SCALE
