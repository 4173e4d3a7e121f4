"""What the admin endpoints say: the state of the machine and HAProxy's statistics, for people.

Leaves asking HAProxy and sending to `lb.runtime.server`. Source: marathon-lb (getvhostmap,
getappmap); /v1/services is Tepui's own.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lb.model import Backend, Model
from lb.stats import ServerState
from lb.watch import Watch

Row = Mapping[str, str]
_OUT = (ServerState.DRAIN, ServerState.MAINT)


def services(watch: Watch, rows: Sequence[Row], processes: Mapping[str, Any]) -> dict[str, Any]:
    """The body of /v1/services."""
    model = watch.wish.model or Model()
    problem = (
        None
        if watch.haproxy.report.haproxy == "running" or not watch.haproxy.report.last_error
        else watch.haproxy.report.last_error[1]
    )
    by_name = {(row["pxname"], row["svname"]): row for row in rows}
    by_backend: dict[str, list[Row]] = {}
    for row in rows:
        if row["svname"] not in ("FRONTEND", "BACKEND"):
            by_backend.setdefault(row["pxname"], []).append(row)
    return {
        "problem": problem,
        "haproxy": {
            "state": watch.haproxy.report.haproxy,
            "starts": watch.haproxy.report.starts_count,
            "reloads": watch.haproxy.report.reloads_count,
            "reloadsRefused": watch.haproxy.report.reloads_refused_count,
            "lastReload": _last_reload(watch),
            "lastError": _last_error(watch),
            **processes,
        },
        "marathon": {
            "following": watch.fetching.is_following,
            "lastFetch": _timestamp(watch.fetching.fetched_wall_ms)
            if watch.fetching.fetched_wall_ms
            else None,
            "error": watch.fetching.error,
            "draining": watch.drain.waiting_count(),
        },
        "services": [
            _service(watch, model, backend, by_name, by_backend.get(backend.name, ()))
            for backend in model.backends
        ],
        "warnings": [
            {"appId": warning.app_id, "label": warning.label or None, "message": warning.message}
            for warning in model.warnings
        ],
    }


def _service(
    watch: Watch,
    model: Model,
    backend: Backend,
    by_name: Mapping[tuple[str, str], Row],
    rows: Sequence[Row],
) -> dict[str, Any]:
    total = by_name.get((backend.name, "BACKEND"), {})
    rules = [rule for rule in model.rules if rule.backend == backend.name]
    servers = [_server(watch, backend, row) for row in rows]
    ready = sum(server["state"] == "UP" for server in servers)
    is_served = watch.haproxy.running is not None and backend.name in watch.haproxy.running.backends
    return {
        "appId": backend.app_id,
        "portIndex": backend.port_index,
        "frontend": backend.name,
        "backend": backend.name,
        "servicePort": backend.service_port,
        "bind": backend.bind_addr,
        "mode": backend.mode.value,
        "balance": backend.settings.balance,
        "sticky": backend.settings.sticky,
        "vhosts": [rule.host for rule in rules],
        "path": next(iter(backend.settings.path_prefixes), None),
        "paths": list(backend.settings.path_prefixes),
        "group": ",".join(backend.settings.groups) or None,
        "state": ("up" if ready else "no servers") if is_served else "not served",
        "sessions": _number(total, "scur"),
        "requests": _number(total, "stot"),
        "errors5xx": _number(total, "hrsp_5xx"),
        "requestRate": _number(total, "rate"),
        "servers": servers,
        "serversReady": ready,
    }


def _server(watch: Watch, backend: Backend, row: Row) -> dict[str, Any]:
    name = row["svname"]
    known = next((server for server in backend.servers if server.name == name), None)
    states = watch.haproxy.running.servers.get(backend.name, {}) if watch.haproxy.running else {}
    host, _, port = row.get("addr", "").rpartition(":")
    told = states.get(name)
    is_up = row["status"].startswith(("UP", "no check"))
    return {
        "name": name,
        "host": known.address if known else host.strip("[]"),
        "port": known.port if known else int(port) if port.isdigit() else 0,
        "taskId": known.task_ids[0] if known and known.task_ids else None,
        "taskIds": list(known.task_ids) if known else [],
        # What we told it, or, when it may take requests, whether HAProxy reaches it.
        "state": told.value.upper()
        if told is not None and told in _OUT
        else "UP"
        if is_up
        else "DOWN",
        "status": row["status"],
        "sessions": _number(row, "scur"),
        "requests": _number(row, "stot"),
        "errors5xx": _number(row, "hrsp_5xx"),
    }


def vhost_map(model: Model | None) -> str:
    """One line per host: `host backend`."""
    rules = model.rules if model else ()
    return "".join(f"{rule.host} {rule.backend}\n" for rule in rules)


def app_map(model: Model | None) -> str:
    """One line per app: `id backend`, of its first HTTP port."""
    first: dict[str, str] = {}
    for backend in model.backends if model else ():
        if backend.mode == "http":
            first.setdefault(backend.app_id, backend.name)
    return "".join(f"{app_id} {name}\n" for app_id, name in first.items())


def own_metrics(watch: Watch) -> str:
    """Our own part of /metrics; HAProxy's exporter gives the rest."""
    values = (
        ("haproxy_up", "gauge", int(watch.haproxy.running is not None)),
        ("haproxy_starts_total", "counter", watch.haproxy.report.starts_count),
        ("reloads_total", "counter", watch.haproxy.report.reloads_count),
        ("reloads_refused_total", "counter", watch.haproxy.report.reloads_refused_count),
        (
            "reload_milliseconds",
            "gauge",
            watch.haproxy.report.last_reload[1] if watch.haproxy.report.last_reload else 0,
        ),
        ("apps_warnings", "gauge", len(watch.wish.model.warnings) if watch.wish.model else 0),
        ("tasks_draining", "gauge", watch.drain.waiting_count()),
        ("marathon_following", "gauge", int(watch.fetching.is_following)),
    )
    return "".join(
        f"# TYPE tepui_lb_{name} {kind}\ntepui_lb_{name} {value}\n" for name, kind, value in values
    )


def _last_reload(watch: Watch) -> dict[str, Any] | None:
    if watch.haproxy.report.last_reload is None:
        return None
    return {
        "at": _timestamp(watch.haproxy.report.last_reload[0]),
        "milliseconds": watch.haproxy.report.last_reload[1],
    }


def _last_error(watch: Watch) -> dict[str, Any] | None:
    if watch.haproxy.report.last_error is None:
        return None
    return {
        "at": _timestamp(watch.haproxy.report.last_error[0]),
        "message": watch.haproxy.report.last_error[1],
    }


def _timestamp(wall_ms: int) -> str:
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(row: Row, column: str) -> int:
    text = row.get(column, "")
    return int(text) if text.isdigit() else 0
