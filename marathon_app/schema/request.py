"""The door of the schema: a client's JSON in, complete and checked apps and groups out.

`read_app` and `read_group` are for whole definitions, `read_update` and `merge` for partial ones:
the update is read when it arrives, and merged by the core into the app as it is at that moment.
All problems are named at once; type errors first, since a rule cannot judge what has no type.
"""

from collections.abc import Collection

from msgspec import Struct, structs

from marathon_app.schema import legacy, path
from marathon_app.schema.app import DEFAULT_ROLE, App, UpgradeStrategy
from marathon_app.schema.complete import complete
from marathon_app.schema.problem import Problem
from marathon_app.schema.reading import Reader, UnknownField
from marathon_app.schema.validation.app import problems_with

# What /v2 adds to an app in its answers. Clients send it back with a PUT; it is no typing error.
RESPONSE_ONLY = frozenset(
    (
        "tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy", "tasks", "deployments",
        "lastTaskFailure", "readinessCheckResults", "taskStats", "tasksStats",
    )
)  # fmt: skip
# The core decides these; a client that sends back what it read means no harm.
OURS_TO_SAY = ("version", "version_info")
SILENT: dict[type[Struct], frozenset[str]] = {App: RESPONSE_ONLY}


class AppReading(Struct, frozen=True):
    """`app` is None when `invalid_types` is not empty; `problems` are broken rules.

    `given` names the attributes (Python names) that the JSON set to something other than null.
    """

    app: App | None
    given: tuple[str, ...]
    invalid_types: tuple[Problem, ...]
    problems: tuple[Problem, ...]
    unknown: tuple[UnknownField, ...]


class Merged(Struct, frozen=True):
    """The whole app after an update; it may be used only when there are no problems."""

    app: App
    problems: tuple[Problem, ...]


def read_app(body: object, base: str = path.ROOT, *, role: str = DEFAULT_ROLE) -> AppReading:
    """A whole definition: completed and checked. `body` is JSON without nulls, `role` the one in
    which everything runs."""
    reading = read_update(body, base, is_id_required=True, role=role)
    if reading.app is None:
        return reading
    app = complete(reading.app, reading.given, base)
    found = [*_problems_with_written_id(body), *reading.problems]
    named = [problem.path for problem in found]
    found.extend(problem for problem in problems_with(app) if problem.path not in named)
    return structs.replace(reading, app=app, problems=tuple(found))


def read_update(
    body: object,
    base: str = path.ROOT,
    *,
    app_id: str = "",
    is_id_required: bool = False,
    role: str = DEFAULT_ROLE,
) -> AppReading:
    """A partial definition: typed, but neither completed nor checked as a whole; `merge` does that.

    `app_id` is the id by which the URL names the app; a body without id gets it.
    """
    reader = Reader(SILENT)
    if not isinstance(body, dict):
        problem = Problem("/", "error.expected.jsobject")
        return AppReading(None, (), (problem,), (), ())
    converted, found = legacy.modern(body)
    fields = reader.fields(App, converted)
    for name in OURS_TO_SAY:
        fields.pop(name, None)
    if isinstance(fields.get("id"), str):
        fields["id"] = path.resolve(fields["id"], base)
    elif app_id:
        fields.setdefault("id", app_id)
    elif "id" not in fields and is_id_required:
        found.append(Problem("/id", "error.path.missing"))
    invalid = tuple(found + reader.problems)
    if invalid:
        return AppReading(None, tuple(fields), invalid, (), tuple(reader.unknown))
    app = App(**{"id": app_id, "role": role, **fields})
    problems = tuple(_problems_with_role(app, role))
    return AppReading(app, tuple(fields), (), problems, tuple(reader.unknown))


def merge(current: App | None, update: App, given: Collection[str]) -> Merged:
    """`current` with the `given` attributes of `update`; without `current`, the update alone.

    DIFFERS: a given `cmd` replaces `args` and the other way round, and ports of the old network
    mode are dropped when the mode changes; Marathon refuses such updates.
    """
    if current is None:
        whole = complete(update, given)
        return Merged(whole, tuple(problems_with(whole)))
    taken = {name: getattr(update, name) for name in given if name != "id"}
    if "cmd" in given and "args" not in given:
        taken["args"] = ()
    if "args" in given and update.args and "cmd" not in given:
        taken["cmd"] = None
    merged = _without_foreign_ports(structs.replace(current, **taken), given)
    explicit = set(given) | {"unreachable_strategy"}
    if current.upgrade_strategy != UpgradeStrategy():
        explicit.add("upgrade_strategy")
    whole = complete(merged, explicit)
    return Merged(whole, tuple(problems_with(whole)))


def _without_foreign_ports(app: App, given: Collection[str]) -> App:
    """Ports that the old network mode left behind and that the update didn't ask for."""
    if app.networks and not app.is_host_mode and "port_definitions" not in given:
        return structs.replace(app, port_definitions=None)
    container = app.container
    if app.networks and app.is_host_mode and container is not None and "container" not in given:
        return structs.replace(app, container=structs.replace(container, port_mappings=None))
    return app


def _problems_with_written_id(body: object) -> list[Problem]:
    """The id as the client wrote it: resolving would hide an empty one."""
    written = body.get("id") if isinstance(body, dict) else None
    text = path.problem_with_app_id(written) if isinstance(written, str) else None
    return [Problem("/id", text)] if text else []


def _problems_with_role(app: App, role: str) -> list[Problem]:
    """DIFFERS: Marathon also knows the roles of top-level groups; here there is one role yet."""
    if app.role == role:
        return []
    text = f"is '{app.role}', but everything runs in role '{role}' (--mesos-role); leave it out"
    return [Problem("/role", text)]
