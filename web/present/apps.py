"""Rows, health bars, folders and instances of apps."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from web.present import states
from web.present.states import Look
from web.present.words import counted, ms_of
from web.shapes.marathon import App, Queued, Task

FILTERS = ("running", "deploying", "waiting", "unhealthy", "suspended")
SORTS = ("name", "instances", "cpus", "mem", "state")


class Segment(Struct, frozen=True):
    """A part of a health bar, in permille of its width."""

    tone: str
    word: str
    count: int
    start: int
    width: int


class HealthBar(Struct, frozen=True):
    segments: Sequence[Segment]
    text: str


class AppRow(Struct, frozen=True):
    id: str
    folder: str
    name: str
    look: Look
    note: str
    health: HealthBar
    running: int
    instances: int
    cpus: float
    mem: float
    labels: Sequence[tuple[str, str]]
    version_ms: int | None
    filters: Sequence[str]


class InstanceRow(Struct, frozen=True):
    task_id: str
    short_id: str
    host: str
    agent_id: str
    ports: Sequence[int]
    look: Look
    note: str
    version: str
    is_current: bool
    since_ms: int | None


def app_row(app: App, queued: Queued | None) -> AppRow:
    folder, _, name = app.id.rpartition("/")
    look, note, filters = _state_of(app, queued)
    return AppRow(
        id=app.id,
        folder=folder or "/",
        name=name,
        look=look,
        note=note,
        health=health_bar(app),
        running=app.tasks_running,
        instances=app.instances,
        cpus=app.cpus * app.instances,
        mem=app.mem * app.instances,
        labels=[pair for pair in app.labels.items() if not pair[0].startswith("HAPROXY_")],
        version_ms=ms_of(app.version),
        filters=filters,
    )


def app_rows(apps: Sequence[App], queue: Sequence[Queued]) -> list[AppRow]:
    waiting = {queued.app.id: queued for queued in queue if queued.app}
    return [app_row(app, waiting.get(app.id)) for app in apps]


def _state_of(app: App, queued: Queued | None) -> tuple[Look, str, tuple[str, ...]]:
    """What the app is called in the list, why, and the filters under which it is found.

    The first that holds wins: what a person should look at comes before what goes by itself.
    """
    filters = _filters_of(app, queued)
    if queued and queued.count and not queued.delay.overdue:
        left = counted(queued.delay.time_left_seconds, "second")
        return states.DELAYED, f"starts again in {left}", filters
    if queued and queued.count and app.tasks_staged == 0:
        short = counted(queued.count, "instance")
        return states.WAITING, f"{short} waiting for an offer", filters
    if app.deployments:
        return states.DEPLOYING, "", filters
    if app.tasks_unhealthy:
        return states.UNHEALTHY, "", filters
    if app.instances == 0 and app.tasks_running == 0:
        return states.SUSPENDED, "", filters
    if app.tasks_running < app.instances:
        return states.STAGING, "", filters
    if app.health_checks and app.tasks_healthy < app.instances:
        unproven = app.instances - app.tasks_healthy
        return states.UNCHECKED, f"{unproven} not checked yet", filters
    return states.RUNNING, "", filters


def _filters_of(app: App, queued: Queued | None) -> tuple[str, ...]:
    found = {
        "running": app.instances > 0 and app.tasks_running >= app.instances,
        "deploying": bool(app.deployments),
        "waiting": bool(queued and queued.count),
        "unhealthy": app.tasks_unhealthy > 0,
        "suspended": app.instances == 0,
    }
    return tuple(name for name in FILTERS if found[name])


def health_bar(app: App) -> HealthBar:
    """Stacked by what a person asks first: healthy, running unchecked, starting, unhealthy."""
    unchecked = max(0, app.tasks_running - app.tasks_healthy - app.tasks_unhealthy)
    present = app.tasks_running + app.tasks_staged
    missing = max(0, app.instances - present)
    counts = [
        ("ok", "healthy", app.tasks_healthy),
        ("calm" if app.health_checks else "ok", "running", unchecked),
        ("busy", "staging", app.tasks_staged),
        ("bad", "unhealthy", app.tasks_unhealthy),
        ("none", "not started", missing),
    ]
    total = sum(count for _, _, count in counts)
    return HealthBar(_segments(counts, total), _bar_text(app, counts))


def _segments(counts: Sequence[tuple[str, str, int]], total: int) -> list[Segment]:
    """Widths in permille; every part that there is gets at least 40, taken from the widest."""
    shown = [entry for entry in counts if entry[2]]
    widths = [max(40, 1000 * count // total) for _, _, count in shown]
    if widths:
        widest = widths.index(max(widths))
        widths[widest] += 1000 - sum(widths)
    segments, start = [], 0
    for (tone, word, count), width in zip(shown, widths, strict=True):
        segments.append(Segment(tone, word, count, start, width))
        start += width
    return segments


def _bar_text(app: App, counts: Sequence[tuple[str, str, int]]) -> str:
    if app.instances == 0 and not any(count for _, _, count in counts):
        return "No instances"
    word = "healthy" if app.health_checks else "running"
    good = app.tasks_healthy if app.health_checks else app.tasks_running
    rest = [f"{count} {name}" for _, name, count in counts if count and name != word]
    return ", ".join([f"{good} of {app.instances} {word}", *rest])


def matching(rows: Sequence[AppRow], search: str, state: str, group: str) -> list[AppRow]:
    """Rows that hold every word of the search in id or labels, in the state, below the group."""
    needles = search.lower().split()
    prefix = group.rstrip("/") + "/"
    return [
        row
        for row in rows
        if (prefix == "/" or row.id.startswith(prefix))
        and (not state or state in row.filters)
        and all(needle in _haystack(row) for needle in needles)
    ]


def _haystack(row: AppRow) -> str:
    labels = " ".join(f"{key}={value}" for key, value in row.labels)
    return f"{row.id} {labels}".lower()


def in_order(rows: Sequence[AppRow], column: str, downwards: bool) -> list[AppRow]:
    by_name = sorted(rows, key=lambda row: row.id)
    if column == "name":
        return by_name[::-1] if downwards else by_name
    if column == "state":
        return sorted(by_name, key=lambda row: (row.look.word, row.id), reverse=downwards)
    values = {
        "instances": lambda row: row.instances,
        "cpus": lambda row: row.cpus,
        "mem": lambda row: row.mem,
    }
    return sorted(by_name, key=values[column], reverse=downwards)


def counts_by_filter(rows: Sequence[AppRow]) -> Mapping[str, int]:
    return {name: sum(name in row.filters for row in rows) for name in FILTERS}


def spread(rows: Sequence[AppRow]) -> Sequence[tuple[Look, int, Segment]]:
    """How many apps look how, the most common first, each with its share of a bar."""
    counts: dict[str, int] = {}
    looks: dict[str, Look] = {}
    for row in rows:
        counts[row.look.word] = counts.get(row.look.word, 0) + 1
        looks[row.look.word] = row.look
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    entries = [(looks[word].tone, word, counts[word]) for word in ordered]
    segments = _segments(entries, len(rows))
    return [(looks[s.word], s.count, s) for s in segments]


class Folder(Struct, frozen=True):
    """A group as the list shows it: what lies below, summed."""

    path: str
    name: str
    apps: int
    instances: int
    running: int
    cpus: float
    mem: float
    troubled: int


def folders(rows: Sequence[AppRow], group: str) -> list[Folder]:
    """The groups directly below one group, in order of their names."""
    prefix = group.rstrip("/") + "/"
    below: dict[str, list[AppRow]] = {}
    for row in rows:
        rest = row.id[len(prefix) :] if row.id.startswith(prefix) else ""
        head, slash, _ = rest.partition("/")
        if slash:
            below.setdefault(head, []).append(row)
    return [_folder(prefix + name, name, below[name]) for name in sorted(below)]


def _folder(path: str, name: str, rows: Sequence[AppRow]) -> Folder:
    return Folder(
        path=path,
        name=name,
        apps=len(rows),
        instances=sum(row.instances for row in rows),
        running=sum(row.running for row in rows),
        cpus=sum(row.cpus for row in rows),
        mem=sum(row.mem for row in rows),
        troubled=sum("unhealthy" in row.filters or "waiting" in row.filters for row in rows),
    )


def directly_in(rows: Sequence[AppRow], group: str) -> list[AppRow]:
    return [row for row in rows if row.folder == (group.rstrip("/") or "/")]


def crumbs(path: str) -> list[tuple[str, str]]:
    """(name, group path) of each group above, outermost first."""
    parts = [part for part in path.split("/") if part]
    return [(part, "/" + "/".join(parts[: index + 1])) for index, part in enumerate(parts)]


def instance_rows(app: App) -> list[InstanceRow]:
    rows = [_instance_row(app, task) for task in app.tasks]
    return sorted(rows, key=lambda row: (row.since_ms or 0, row.task_id))


def _instance_row(app: App, task: Task) -> InstanceRow:
    results = task.health_check_results
    alive = all(result.alive for result in results) if results else None
    note = ""
    if alive is False:
        causes = [r.last_failure_cause for r in results if not r.alive and r.last_failure_cause]
        failures = max(r.consecutive_failures for r in results)
        note = causes[0] if causes else f"{counted(failures, 'failed check')} in a row"
    elif alive is None and app.health_checks and task.state == "TASK_RUNNING":
        note = "not checked yet"
    return InstanceRow(
        task_id=task.id,
        short_id=short_task_id(task.id),
        host=task.host,
        agent_id=task.slave_id,
        ports=task.ports,
        look=states.task_look(task.state, alive),
        note=note,
        version=task.version,
        is_current=task.version == app.version,
        since_ms=ms_of(task.started_at or task.staged_at),
    )


def short_task_id(task_id: str) -> str:
    """The part that tells instances of one app apart: the head of the uuid and the incarnation."""
    _, found, rest = task_id.partition(".instance-")
    if not found:
        return task_id if len(task_id) <= 20 else "…" + task_id[-16:]
    head = rest[:8]
    incarnation = rest.rpartition(".")[2]
    return f"{head}·{incarnation}" if incarnation.isdigit() else head
