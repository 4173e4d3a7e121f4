"""Takes requests that change the root group or kill tasks: refuses them or starts a deployment.

Locks are per app: a change that touches an app under deployment is refused, or with `force` cancels
that deployment whole. Leaves what a change means to `groups`, steps to `plan`.
Source: Marathon, docs/rest-api, docs/deployments.md, MarathonSchedulerActor (locks).
"""

from collections.abc import Mapping

from msgspec import structs

from kernel.machine import Now
from marathon_app.core import events, groups
from marathon_app.core.backoff import Backoff
from marathon_app.core.deployment import Deployment, Deployments
from marathon_app.core.draft import Draft, Refusal
from marathon_app.core.effects import (
    ChangeAccepted,
    ChangePlanned,
    ChangeRefused,
    DeploymentStopped,
    PlannedAction,
    RefusedKind,
    TasksKilled,
)
from marathon_app.core.instance import Instance, Instances, uuid
from marathon_app.core.kill import Kills
from marathon_app.core.launching import Launching
from marathon_app.core.news import News
from marathon_app.core.outbox import Outbox
from marathon_app.core.plan import ActionKind, Steps, steps_of
from marathon_app.core.replace import capacity
from marathon_app.core.root import Delta, Root, Spec
from marathon_app.core.settings import Settings


class Changes:
    def __init__(
        self,
        settings: Settings,
        root: Root,
        instances: Instances,
        deployments: Deployments,
        kills: Kills,
        launching: Launching,
        backoff: Backoff,
        outbox: Outbox,
        news: News,
    ) -> None:
        self._settings, self._root, self._instances = settings, root, instances
        self._deployments, self._kills, self._launching = deployments, kills, launching
        self._backoff, self._outbox, self._news = backoff, outbox, news

    # --- the root --------------------------------------------------------------------------------
    def requested(self, event: events.RootUpdateRequested, now: Now) -> None:
        draft = self._draft(now)
        refusal = groups.write(self._root, event.change, draft)
        delta = refusal or draft.finish()
        if isinstance(delta, Delta) and event.dry_run:
            self._outbox.emit(ChangePlanned(event.request_id, self._planned(delta)))
            return
        self._conclude(event.request_id, delta, now, force=event.force)

    def _draft(self, now: Now) -> Draft:
        def is_live(app_id: str, config: str) -> bool:
            return config in self._instances.tally(app_id).active

        version = self._root.next_version(now.wall_ms)
        return Draft(self._root, self._settings, version, is_live)

    def _conclude(
        self, request_id: int, delta: Delta | Refusal, now: Now, *, force: bool
    ) -> Deployment | None:
        """Answer the request, with a deployment if it can be."""
        done = self._accept(delta, now, force=force) if isinstance(delta, Delta) else delta
        if isinstance(done, Refusal):
            if done.kind is RefusedKind.LOCKED:
                self._news.root_unchanged("/", self._root.version, done.message)
            self._outbox.emit(
                ChangeRefused(request_id, done.kind, done.message, done.details, done.deployments)
            )
            return None
        created = (*_created(done.delta.old_apps), *_created(done.delta.old_groups))
        self._outbox.emit(ChangeAccepted(request_id, done.version, done.id, created))
        return done

    def _accept(self, delta: Delta, now: Now, *, force: bool) -> Deployment | Refusal:
        holding = self._deployments.holding(delta.new_apps)
        if holding and not force:
            return _locked(holding)
        limit = self._settings.deployments_running_max
        if len(self._deployments.running) - len(holding) >= limit and not force:
            text = (
                f"There are already {limit} deployments running; wait for one to finish, "
                "stop one, or raise --max-running-deployments"
            )
            return Refusal(RefusedKind.LIMIT, text)
        for deployment_id in holding:
            self._deployments.cancel(deployment_id, "cancelled by a newer, forced change")
        if delta.new_apps or delta.new_groups:
            self._root.apply(delta)
        for app_id, spec in delta.new_apps.items():
            self._app_changed(app_id, delta.old_apps[app_id], spec)
        deployment = Deployment(
            id=uuid(f"deployment/{delta.version}"),
            version=delta.version,
            delta=delta,
            steps=steps_of(delta, self._root.apps, self._root.groups, self._is_current),
            step=0,
            since=self._launching.next_number,
            started_ms=now.wall_ms,
        )
        self._deployments.start(deployment)
        return deployment

    def _app_changed(self, app_id: str, old: Spec | None, new: Spec | None) -> None:
        self._news.checks_changed(old.app if old else None, new.app if new else None)
        if old is None or new is None or old.config != new.config:
            self._backoff.reset(app_id)
        used = {one.version: None for one in self._instances.of_app(app_id)}
        self._root.forget_versions(app_id, used)
        self._instances.dirty[app_id] = None

    def _is_current(self, spec: Spec) -> bool:
        return all(config == spec.config for config in self._instances.tally(spec.app.id).active)

    def _planned(self, delta: Delta) -> tuple[tuple[PlannedAction, ...], ...]:
        apps = {**self._root.apps, **delta.new_apps}
        tree = {**self._root.groups, **delta.new_groups}
        steps: Steps = steps_of(
            delta,
            {i: spec for i, spec in apps.items() if spec is not None},
            {i: group for i, group in tree.items() if group is not None},
            self._is_current,
        )
        return tuple(
            tuple(self._planned_action(act.kind, act.app_id, delta) for act in step)
            for step in steps
        )

    def _planned_action(self, kind: ActionKind, app_id: str, delta: Delta) -> PlannedAction:
        spec = delta.new_apps[app_id]
        if kind is not ActionKind.RESTART or spec is None:
            return PlannedAction(kind.value, app_id)
        tally, strategy = self._instances.tally(app_id), spec.app.upgrade_strategy
        bounds = capacity(
            spec.app.instances,
            strategy.minimum_health,
            strategy.maximum_over,
            tally.active_total,
            tally.healthy_total,
            is_resident=spec.app.is_resident,
        )
        return PlannedAction(kind.value, app_id, bounds.healthy_min, bounds.instances_max)

    # --- deployments -----------------------------------------------------------------------------
    def cancel_requested(self, event: events.DeploymentCancelRequested, now: Now) -> None:
        deployment = self._deployments.running.get(event.deployment_id)
        if deployment is None:
            text = f"DeploymentPlan '{event.deployment_id}' does not exist"
            self._outbox.emit(ChangeRefused(event.request_id, RefusedKind.NOT_FOUND, text))
            return
        if event.force:
            self._deployments.cancel(deployment.id, "stopped where it stood, by request")
            self._outbox.emit(DeploymentStopped(event.request_id))
            return
        draft = self._draft(now)
        refusal = groups.write_undo(self._root, deployment.delta, draft)
        delta = refusal or draft.finish()
        if isinstance(delta, Delta):
            self._deployments.cancel(deployment.id, "rolled back by request")
        self._conclude(event.request_id, delta, now, force=True)

    # --- tasks -----------------------------------------------------------------------------------
    def kill_requested(self, event: events.TasksKillRequested, now: Now) -> None:
        found = [self._instances.get(task_id) for task_id in dict.fromkeys(event.task_ids)]
        known = [instance for instance in found if instance is not None]
        if event.scale and self._scaled_down(event, known, now) is None:
            return
        for instance in known:
            self._kills.doom(instance, "killed by request", now)
        if not event.scale:
            killed = tuple(instance.task_id for instance in known)
            self._outbox.emit(TasksKilled(event.request_id, killed))

    def _scaled_down(
        self, event: events.TasksKillRequested, known: list[Instance], now: Now
    ) -> Deployment | None:
        fewer: dict[str, int] = {}
        for instance in known:
            if instance.is_active and instance.app_id in self._root.apps:
                fewer[instance.app_id] = fewer.get(instance.app_id, 0) + 1
        draft = self._draft(now)
        for app_id, count in fewer.items():
            app = self._root.apps[app_id].app
            refusal = draft.set_app(structs.replace(app, instances=max(0, app.instances - count)))
            assert refusal is None, "the app was valid before"
        return self._conclude(event.request_id, draft.finish(), now, force=event.force)


def _created(before: Mapping[str, object | None]) -> tuple[str, ...]:
    return tuple(found for found, old in before.items() if old is None)


def _locked(holding: list[str]) -> Refusal:
    text = (
        "App is locked by one or more deployments. Override with the option '?force=true'. "
        "View details at '/v2/deployments/<DEPLOYMENT_ID>'."
    )
    return Refusal(RefusedKind.LOCKED, text, deployments=tuple(holding))
