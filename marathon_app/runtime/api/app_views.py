"""Apps with what an answer adds to them: counts, tasks, deployments, failures (`embed`).

Looking happens on the loop and is short; rendering happens in the handler's thread.
Source: Marathon, docs/docs/rest-api, "embed"; AppInfoSelector.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from kernel.machine import Now
from marathon_app.core import views
from marathon_app.core.supervisor import Supervisor
from marathon_app.runtime.api import render
from marathon_app.schema.app import App

LIST_DEFAULTS = frozenset(("counts", "deployments"))
ONE_DEFAULTS = frozenset(("counts", "deployments", "tasks", "lastTaskFailure"))
FAILURES = frozenset(("tasks", "lastTaskFailure", "deployments"))  # Marathon's old bundle


def expanded(embedded: frozenset[str]) -> frozenset[str]:
    """`tasks` brings deployments with it, and `failures` three."""
    found = embedded
    if "tasks" in found:
        found |= {"deployments"}
    if "failures" in found:
        found |= FAILURES
    return found


class AppLook(Struct, frozen=True):
    """One app at one moment; None for what was not asked for."""

    app: App
    counts: views.Counts | None = None
    tasks: tuple[views.TaskView, ...] | None = None
    deployments: tuple[str, ...] | None = None
    failure: views.FailureView | None = None
    readiness: tuple[views.ReadinessView, ...] | None = None
    stats: dict[str, views.StatsBucket] | None = None


def look(machine: Supervisor, app: App, embedded: frozenset[str], now: Now) -> AppLook:
    """On the loop."""
    wants = embedded.__contains__
    return AppLook(
        app,
        views.counts(machine, app.id) if wants("counts") else None,
        tuple(views.tasks(machine, app.id)) if wants("tasks") else None,
        tuple(views.deployments_of(machine, app.id)) if wants("deployments") else None,
        views.last_failure(machine, app.id) if wants("lastTaskFailure") else None,
        tuple(views.readiness(machine, app.id)) if wants("readiness") else None,
        views.task_stats(machine, app.id, now) if wants("taskStats") else None,
    )


def rendered(found: AppLook) -> msgspec.Raw:
    """In the handler's thread."""
    extras: render.JsonObject = {}
    if found.counts is not None:
        extras.update(render.counts(found.counts))
    if found.deployments is not None:
        extras["deployments"] = [{"id": each} for each in found.deployments]
    if found.tasks is not None:
        extras["tasks"] = [render.task(each) for each in found.tasks]
    if found.failure is not None:
        extras["lastTaskFailure"] = render.failure(found.failure)
    if found.readiness is not None:
        extras["readinessCheckResults"] = [render.readiness(each) for each in found.readiness]
    if found.stats is not None:
        extras["taskStats"] = render.stats(found.stats)
    return render.joined(found.app, extras)


def rendered_list(found: Sequence[AppLook]) -> list[msgspec.Raw]:
    return [rendered(each) for each in found]
