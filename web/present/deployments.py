"""Rows of running deployments: steps, what each does, how far it is, what it waits for."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from web.present.words import listed, ms_of
from web.shapes.marathon import Action, App, Deployment, Step

_VERBS = {
    "StartApplication": "Start",
    "StopApplication": "Stop",
    "ScaleApplication": "Scale",
    "RestartApplication": "Replace instances of",
}


class StepRow(Struct, frozen=True):
    number: int
    text: str
    phase: str  # done, current or ahead


class AppProgress(Struct, frozen=True):
    id: str
    ready: int
    wanted: int
    permille: int


class DeploymentRow(Struct, frozen=True):
    id: str
    short_id: str
    apps: Sequence[str]
    title: str
    steps: Sequence[StepRow]
    current: int
    total: int
    doing: str
    waiting_for: Sequence[str]
    progress: Sequence[AppProgress]
    since_ms: int | None


def deployment_rows(deployments: Sequence[Deployment], apps: Sequence[App]) -> list[DeploymentRow]:
    by_id = {app.id: app for app in apps}
    return [deployment_row(deployment, by_id) for deployment in deployments]


def deployment_row(deployment: Deployment, apps: Mapping[str, App]) -> DeploymentRow:
    current = deployment.current_actions
    return DeploymentRow(
        id=deployment.id,
        short_id=deployment.id[:8],
        apps=deployment.affected_apps,
        title=listed(deployment.affected_apps, 2) or deployment.id,
        steps=[
            StepRow(number, _step_text(step), _phase(number, deployment.current_step))
            for number, step in enumerate(deployment.steps, start=1)
        ],
        current=deployment.current_step,
        total=deployment.total_steps or len(deployment.steps),
        doing=_sentence(current),
        waiting_for=deployment.waiting_for,
        progress=[_progress(apps[name]) for name in deployment.affected_apps if name in apps],
        since_ms=ms_of(deployment.version),
    )


def _phase(number: int, current: int) -> str:
    if number == current:
        return "current"
    return "done" if number < current else "ahead"


def _progress(app: App) -> AppProgress:
    ready = app.tasks_healthy if app.health_checks else app.tasks_running
    ready = min(ready, app.instances)
    permille = 1000 * ready // app.instances if app.instances else 1000
    return AppProgress(app.id, ready, app.instances, permille)


def _step_text(step: Step) -> str:
    return ", ".join(_action_text(action) for action in step.actions) or "Nothing to do"


def _sentence(actions: Sequence[Action]) -> str:
    return ", ".join(_action_text(action) for action in actions)


def _action_text(action: Action) -> str:
    verb = _VERBS.get(action.action.replace("Pod", "Application"), action.action)
    return f"{verb} {action.app or action.pod or ''}".strip()
