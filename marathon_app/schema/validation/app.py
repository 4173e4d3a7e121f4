"""Checks an app as a whole: what runs, how much of it, and how it is upgraded and restarted.

Calls the other validators; they know only their own part.
"""

from collections.abc import Callable, Iterator

from marathon_app.schema import constraint, path
from marathon_app.schema.app import App, SecretReference, UnreachableStrategy
from marathon_app.schema.problem import Problem
from marathon_app.schema.quantity import Number
from marathon_app.schema.validation.container import container_problems
from marathon_app.schema.validation.health import health_problems
from marathon_app.schema.validation.labels import label_problems
from marathon_app.schema.validation.limits import not_below, within
from marathon_app.schema.validation.ports import port_problems
from marathon_app.schema.validation.unsupported import unsupported_problems

INSTANCES_MAX = 100_000  # far above what one master carries; a typo of zeros must not stall it


def problems_with(app: App) -> list[Problem]:
    """All of them, in the order of the validators; empty when the app may be accepted."""
    return [problem for validate in VALIDATORS for problem in validate(app)]


def _id_problems(app: App) -> Iterator[Problem]:
    if text := path.problem_with_app_id(app.id):
        yield Problem("/id", text)
    for index, dependency in enumerate(app.dependencies):
        if text := path.problem_with(dependency):
            yield Problem(f"/dependencies({index})", text)
        elif dependency == app.id:
            yield Problem(f"/dependencies({index})", "an app cannot depend on itself")


def _command_problems(app: App) -> Iterator[Problem]:
    has_image = app.container is not None and app.container.docker is not None
    if app.cmd is not None and app.args:
        yield Problem("/", "AppDefinition must contain either 'cmd' or 'args', not both.")
    elif not app.cmd and not app.args and not has_image:
        text = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."
        yield Problem("/", f"{text} Say in 'cmd' what to run.")
    if app.cmd is not None and "\0" in app.cmd:
        yield Problem("/cmd", "must not contain a NUL character")
    for index, argument in enumerate(app.args):
        if "\0" in argument:
            yield Problem(f"/args({index})", "must not contain a NUL character")
    if app.user is not None and (not app.user or not app.user.isprintable()):
        yield Problem("/user", "must name a Unix user")


def _environment_problems(app: App) -> Iterator[Problem]:
    for key, value in app.env.items():
        if not key or "=" in key or "\0" in key:
            yield Problem("/env", f"{key!r} cannot name a variable: no '=', NUL or empty name")
        elif isinstance(value, SecretReference):
            if value.secret not in app.secrets:
                yield Problem(f"/env/{key}", f"references an undefined secret '{value.secret}'")
        elif "\0" in value:
            yield Problem(f"/env/{key}", "must not contain a NUL character")


def _resource_problems(app: App) -> Iterator[Problem]:
    amounts: tuple[tuple[str, Number], ...] = (
        ("cpus", app.cpus),
        ("mem", app.mem),
        ("disk", app.disk),
        ("gpus", app.gpus),
    )
    for name, amount in amounts:
        yield from not_below(f"/{name}", amount, 0)
    yield from within("/instances", app.instances, 0, INSTANCES_MAX)
    limits = app.resource_limits
    if limits is not None:
        yield from _limit_problems("cpus", limits.cpus, app.cpus)
        yield from _limit_problems("mem", limits.mem, app.mem)


def _limit_problems(name: str, limit: Number | str | None, requested: Number) -> Iterator[Problem]:
    if isinstance(limit, int | float) and limit < requested:
        text = f"is {limit}, but must be at least the {requested} that the app requests"
        yield Problem(f"/resourceLimits/{name}", text)


def _upgrade_problems(app: App) -> Iterator[Problem]:
    strategy = app.upgrade_strategy
    health, over = strategy.minimum_health_capacity, strategy.maximum_over_capacity
    yield from within("/upgradeStrategy/minimumHealthCapacity", health, 0, 1)
    yield from within("/upgradeStrategy/maximumOverCapacity", over, 0, 1)
    if app.is_resident and over != 0:
        text = "must be 0 for an app with persistent volumes, which cannot run twice"
        yield Problem("/upgradeStrategy/maximumOverCapacity", text)
    if app.is_single_instance:
        if app.instances > 1:
            text = "must be 0 or 1, because of the label MARATHON_SINGLE_INSTANCE_APP"
            yield Problem("/instances", text)
        if health != 0 or over != 0:
            text = "both shares must be 0, because of the label MARATHON_SINGLE_INSTANCE_APP"
            yield Problem("/upgradeStrategy", text)


def _restart_problems(app: App) -> Iterator[Problem]:
    yield from not_below("/backoffSeconds", app.backoff_seconds, 0)
    yield from not_below("/backoffFactor", app.backoff_factor, 1)
    yield from not_below("/maxLaunchDelaySeconds", app.max_launch_delay_seconds, 0)
    if app.task_kill_grace_period_seconds is not None:
        yield from not_below("/taskKillGracePeriodSeconds", app.task_kill_grace_period_seconds, 0)
    strategy = app.unreachable_strategy
    if isinstance(strategy, UnreachableStrategy):
        if app.is_resident:
            text = 'must be "disabled" for an app with persistent volumes'
            yield Problem("/unreachableStrategy", text)
        prefix = "/unreachableStrategy"
        inactive, expunge = strategy.inactive_after_seconds, strategy.expunge_after_seconds
        yield from not_below(f"{prefix}/inactiveAfterSeconds", inactive, 0)
        yield from not_below(f"{prefix}/expungeAfterSeconds", expunge, 0)
        if expunge < inactive:
            text = f"is {expunge}, but must be at least inactiveAfterSeconds, which is {inactive}"
            yield Problem(f"{prefix}/expungeAfterSeconds", text)


def _placement_problems(app: App) -> Iterator[Problem]:
    for index, parts in enumerate(app.constraints):
        if text := constraint.problem_with(parts):
            yield Problem(f"/constraints({index})", text)
    for index, role in enumerate(app.accepted_resource_roles):
        if role not in ("*", app.role):
            text = f"is '{role}', but may only be '*' or the app's own role '{app.role}'"
            yield Problem(f"/acceptedResourceRoles({index})", text)


def _fetch_problems(app: App) -> Iterator[Problem]:
    for index, fetch in enumerate(app.fetch):
        if not fetch.uri or any(character.isspace() for character in fetch.uri):
            yield Problem(f"/fetch({index})/uri", "URI has invalid syntax: empty or with a space")
        if fetch.dest_path is not None and ("\0" in fetch.dest_path or fetch.dest_path[:1] == "/"):
            text = "must be a path inside the sandbox, so without a leading '/'"
            yield Problem(f"/fetch({index})/destPath", text)


VALIDATORS: tuple[Callable[[App], Iterator[Problem]], ...] = (
    _id_problems,
    _command_problems,
    _environment_problems,
    _resource_problems,
    _upgrade_problems,
    _restart_problems,
    _placement_problems,
    _fetch_problems,
    container_problems,
    port_problems,
    health_problems,
    label_problems,
    unsupported_problems,
)
