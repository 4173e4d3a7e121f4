"""Carries out plans: step by step, durable at each step, and knows each app's target meanwhile.

A target says what an app should be *now*: apps of later steps hold what they were, the one being
restarted is replaced, all others are as the root says. Progress is derived from the instances, so
after a restart a deployment goes on where it stood. Leaves moving apps towards their targets to
`converge`. Source: Marathon, docs/deployments.md, DeploymentActor.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

import msgspec
from msgspec import Struct, structs

from marathon_app.core.instance import Instances
from marathon_app.core.news import News, plan_json
from marathon_app.core.outbox import Outbox
from marathon_app.core.plan import Action, ActionKind, Steps
from marathon_app.core.root import Delta, Root, Spec

COLLECTION = "deployments"


class Deployment(Struct, frozen=True):
    """`step` is the index of the step that is being done; `since` the number of the next instance
    when it began: only younger ones must prove themselves in a scale."""

    id: str
    version: str
    delta: Delta
    steps: Steps
    step: int
    since: int
    started_ms: int

    @property
    def plan(self) -> dict[str, Any]:
        return plan_json(self.id, self.version, self.steps)

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.steps[self.step]

    @property
    def app_ids(self) -> list[str]:
        return list(self.delta.new_apps)


class Mode(Enum):
    STEADY = auto()  # as many as wanted, of whatever configuration
    REPLACE = auto()  # rolling, to the new configuration


class Target(Struct, frozen=True):
    """`spec` None: none at all."""

    spec: Spec | None
    mode: Mode = Mode.STEADY

    @property
    def count(self) -> int:
        return self.spec.app.instances if self.spec is not None else 0


class Deployments:
    def __init__(self, root: Root, instances: Instances, outbox: Outbox, news: News) -> None:
        self._root, self._instances = root, instances
        self._outbox, self._news = outbox, news
        self.running: dict[str, Deployment] = {}
        self._by_app: dict[str, str] = {}
        self._open: dict[str, dict[str, Action]] = {}  # by deployment: unfinished, by app
        self._step_of: dict[str, dict[str, int]] = {}  # by deployment: when each app is changed

    # --- reading ---------------------------------------------------------------------------------
    def of_app(self, app_id: str) -> Deployment | None:
        found = self._by_app.get(app_id)
        return self.running[found] if found is not None else None

    def open_actions(self, deployment_id: str) -> Mapping[str, Action]:
        return self._open[deployment_id]

    def holding(self, app_ids: Mapping[str, object]) -> list[str]:
        """The deployments that lock one of these apps, oldest first."""
        locked = {self._by_app[app_id]: None for app_id in app_ids if app_id in self._by_app}
        return [deployment_id for deployment_id in self.running if deployment_id in locked]

    def target(self, app_id: str) -> Target:
        deployment = self.of_app(app_id)
        if deployment is None:
            return Target(self._root.apps.get(app_id))
        step = self._step_of[deployment.id].get(app_id, -1)
        if step > deployment.step:
            return Target(deployment.delta.old_apps[app_id])
        spec = deployment.delta.new_apps[app_id]
        action = self._open[deployment.id].get(app_id)
        if action is not None and action.kind is ActionKind.RESTART:
            return Target(spec, Mode.REPLACE)
        return Target(spec)

    # --- life ------------------------------------------------------------------------------------
    def start(self, deployment: Deployment) -> None:
        """Its apps are free: what held them has been cancelled."""
        self._news.root_changed(_changed_group(deployment), deployment.version)
        if not deployment.steps:
            self._news.deployment_over("deployment_success", deployment.plan)
            return
        self._index(deployment)
        self._outbox.put(COLLECTION, deployment.id, deployment)
        self._news.deployment("deployment_info", deployment.plan, deployment.step)

    def load(self, collections: Mapping[str, Mapping[str, bytes]]) -> None:
        found = [
            msgspec.json.decode(value, type=Deployment)
            for value in collections.get(COLLECTION, {}).values()
        ]
        for deployment in sorted(found, key=lambda one: one.version):
            self._index(deployment)

    def _index(self, deployment: Deployment) -> None:
        self.running[deployment.id] = deployment
        for app_id in deployment.app_ids:
            assert app_id not in self._by_app, f"{app_id} is in two deployments"
            self._by_app[app_id] = deployment.id
        self._step_of[deployment.id] = {
            action.app_id: index for index, step in enumerate(deployment.steps) for action in step
        }
        self._open_step(deployment)

    def _open_step(self, deployment: Deployment) -> None:
        self._open[deployment.id] = {action.app_id: action for action in deployment.actions}
        for app_id in self._open[deployment.id]:
            self._instances.dirty[app_id] = None

    def progress(self, app_id: str, next_number: int) -> None:
        """The app may have come as far as its action wants; then close it, and maybe the step."""
        deployment = self.of_app(app_id)
        if deployment is None:
            return
        action = self._open[deployment.id].get(app_id)
        if action is None or not self._is_finished(deployment, action):
            return
        del self._open[deployment.id][app_id]
        self._instances.dirty[app_id] = None  # its target may be another one now
        if not self._open[deployment.id]:
            self._next_step(deployment, next_number)

    def _is_finished(self, deployment: Deployment, action: Action) -> bool:
        app_id = action.app_id
        if action.kind is ActionKind.START:
            return True
        if action.kind is ActionKind.STOP:
            return not self._instances.has_any(app_id)
        spec = deployment.delta.new_apps[app_id]
        assert spec is not None, "only a stop leaves no app"
        tally, wanted = self._instances.tally(app_id), spec.app.instances
        if tally.doomed or tally.active_total != wanted:
            return False
        if action.kind is ActionKind.RESTART:
            return tally.settled.get(spec.config, 0) == wanted
        return not any(one.number >= deployment.since for one in self._instances.unsettled(app_id))

    def _next_step(self, deployment: Deployment, next_number: int) -> None:
        self._news.deployment("deployment_step_success", deployment.plan, deployment.step)
        if deployment.step + 1 == len(deployment.steps):
            self._drop(deployment)
            self._news.deployment_over("deployment_success", deployment.plan)
            return
        moved = structs.replace(deployment, step=deployment.step + 1, since=next_number)
        self.running[moved.id] = moved
        self._outbox.put(COLLECTION, moved.id, moved)
        self._open_step(moved)
        self._news.deployment("deployment_info", moved.plan, moved.step)

    def cancel(self, deployment_id: str, reason: str) -> None:
        """Leave everything where it stands; the root keeps what it says."""
        deployment = self.running[deployment_id]
        self._drop(deployment)
        self._news.deployment("deployment_step_failure", deployment.plan, deployment.step)
        self._news.deployment_over("deployment_failed", deployment.plan, reason)

    def _drop(self, deployment: Deployment) -> None:
        del self.running[deployment.id], self._open[deployment.id], self._step_of[deployment.id]
        for app_id in deployment.app_ids:
            del self._by_app[app_id]
            self._instances.dirty[app_id] = None
        self._outbox.delete(COLLECTION, deployment.id)

    def check_invariants(self) -> None:
        for app_id, deployment_id in self._by_app.items():
            assert app_id in self.running[deployment_id].delta.new_apps, f"{app_id}: wrong lock"
        for deployment in self.running.values():
            assert 0 <= deployment.step < len(deployment.steps), f"{deployment.id}: no such step"
            assert self._open[deployment.id], f"{deployment.id}: a step is over and not left"


def _changed_group(deployment: Deployment) -> str:
    """The parent of what changed, as Marathon names it; `/` when there are several."""
    parents = {app_id.rpartition("/")[0] or "/": None for app_id in deployment.app_ids}
    return next(iter(parents)) if len(parents) == 1 else "/"
