"""The deploy form and the app's JSON are two views of one model; this converts both ways.

`values_of` reads the form's fields from an app; `app_of` writes fields back over the app they came
from, so that every key the form does not know stays as it was. What is wrong with an app is said
by Marathon; only what cannot be put into JSON at all (text where a number belongs) is found here.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

Path = tuple[str, ...]

# field -> (path in the app's JSON, kind)
SCALARS: Mapping[str, tuple[Path, str]] = {
    "id": (("id",), "text"),
    "cmd": (("cmd",), "text"),
    "user": (("user",), "text"),
    "cpus": (("cpus",), "number"),
    "mem": (("mem",), "number"),
    "disk": (("disk",), "number"),
    "instances": (("instances",), "number"),
    "minimumHealthCapacity": (("upgradeStrategy", "minimumHealthCapacity"), "number"),
    "maximumOverCapacity": (("upgradeStrategy", "maximumOverCapacity"), "number"),
    "taskKillGracePeriodSeconds": (("taskKillGracePeriodSeconds",), "number"),
    "image": (("container", "docker", "image"), "text"),
    "vhost": (("labels", "HAPROXY_0_VHOST"), "text"),
    "vhostPath": (("labels", "HAPROXY_0_PATH"), "text"),
    "group": (("labels", "HAPROXY_GROUP"), "text"),
}
LB_LABELS = ("HAPROXY_0_VHOST", "HAPROXY_0_PATH", "HAPROXY_GROUP")
HEALTH = {
    "healthPath": ("path", "text"),
    "healthPortIndex": ("portIndex", "number"),
    "healthGrace": ("gracePeriodSeconds", "number"),
    "healthInterval": ("intervalSeconds", "number"),
    "healthTimeout": ("timeoutSeconds", "number"),
    "healthFailures": ("maxConsecutiveFailures", "number"),
}
HEALTH_PROTOCOLS = ("HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP")
CONSTRAINTS = ("UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS")
FIRST_APP: Mapping[str, Any] = {
    "id": "/hello",
    "cmd": 'echo "hello from $MESOS_TASK_ID" > index.html && exec python3 -m http.server $PORT0',
    "cpus": 0.1,
    "mem": 64,
    "instances": 2,
    "portDefinitions": [{"port": 0, "protocol": "tcp", "name": "http"}],
    "healthChecks": [
        {
            "protocol": "HTTP",
            "path": "/",
            "portIndex": 0,
            "gracePeriodSeconds": 10,
            "intervalSeconds": 2,
            "timeoutSeconds": 2,
            "maxConsecutiveFailures": 3,
        }
    ],
}
NEW_APP: Mapping[str, Any] = {
    "id": "",
    "cmd": "",
    "cpus": 0.1,
    "mem": 64,
    "instances": 1,
    "portDefinitions": [{"port": 0, "protocol": "tcp", "name": "http"}],
    "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1},
}


class Pair(Struct, frozen=True):
    key: str = ""
    value: str = ""


class PortRow(Struct, frozen=True):
    """`origin` is the index this row had in the app it came from; -1 for a new row."""

    name: str = ""
    port: str = ""
    container_port: str = ""
    protocol: str = "tcp"
    origin: int = -1


class ConstraintRow(Struct, frozen=True):
    field: str = ""
    operator: str = "UNIQUE"
    value: str = ""


class Values(Struct, frozen=True):
    """What stands in the form, as text, also when it is wrong: nothing typed is ever lost."""

    scalars: Mapping[str, str] = {}
    health_protocol: str = ""
    health: Mapping[str, str] = {}
    env: Sequence[Pair] = ()
    labels: Sequence[Pair] = ()
    ports: Sequence[PortRow] = ()
    constraints: Sequence[ConstraintRow] = ()
    dependencies: str = ""
    require_ports: bool = False


def values_of(app: Mapping[str, Any]) -> Values:
    checks = app.get("healthChecks")
    check = checks[0] if isinstance(checks, list) and checks else {}
    check = check if isinstance(check, dict) else {}
    return Values(
        scalars={name: _text(_at(app, path)) for name, (path, _) in SCALARS.items()},
        health_protocol=_text(check.get("protocol")) or ("HTTP" if check else ""),
        health={name: _text(check.get(key)) for name, (key, _) in HEALTH.items()}
        | {"healthCommand": _text(_at(check, ("command", "value")))},
        env=_pairs(app.get("env"), ()),
        labels=_pairs(app.get("labels"), LB_LABELS),
        ports=_port_rows(app),
        constraints=_constraint_rows(app.get("constraints")),
        dependencies="\n".join(_strings(app.get("dependencies"))),
        require_ports=app.get("requirePorts") is True,
    )


def app_of(values: Values, base: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The app that the form says, and what in the form is no value at all, by field."""
    app: dict[str, Any] = copy.deepcopy(dict(base))
    errors: dict[str, str] = {}
    for name, (path, kind) in SCALARS.items():
        _write(app, path, values.scalars.get(name, ""), kind, name, errors)
    _write_health(app, values, errors)
    _write_pairs(app, "env", values.env, ())
    _write_pairs(app, "labels", values.labels, LB_LABELS)
    _write_ports(app, values, errors)
    _write_constraints(app, values.constraints)
    _keep(app, "dependencies", values.dependencies.split())
    if values.require_ports or "requirePorts" in app:
        app["requirePorts"] = values.require_ports
    if _at(app, ("container", "docker", "image")):
        app["container"].setdefault("type", "DOCKER")
    return app, errors


def _write(
    target: dict[str, Any], path: Path, text: str, kind: str, name: str, errors: dict[str, str]
) -> None:
    """An empty field removes the key; an unchanged one leaves the value's own type alone."""
    if text == _text(_at(target, path)) and text != "":
        return
    value: Any = text
    if text.strip() == "":
        _remove(target, path)
        return
    if kind == "number":
        value = parse_number(text)
        if value is None:
            errors[name] = f"“{text}” is not a number."
            return
    for key in path[:-1]:
        if not isinstance(target.get(key), dict):
            target[key] = {}
        target = target[key]
    target[path[-1]] = value


def _remove(target: dict[str, Any], path: Path) -> None:
    """Removes the key, and what held nothing but that key."""
    if not isinstance(target.get(path[0]), dict) or len(path) == 1:
        if len(path) == 1:
            target.pop(path[0], None)
        return
    _remove(target[path[0]], path[1:])
    if not target[path[0]]:
        del target[path[0]]


def parse_number(text: str) -> int | float | None:
    """None for what JSON has no number for: words, NaN, infinity."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _write_health(app: dict[str, Any], values: Values, errors: dict[str, str]) -> None:
    """The form shows the first check; others stay as they are."""
    checks = app.get("healthChecks")
    checks = list(checks) if isinstance(checks, list) else []
    if not values.health_protocol:
        _keep(app, "healthChecks", checks[1:])
        return
    check = dict(checks[0]) if checks and isinstance(checks[0], dict) else {}
    check["protocol"] = values.health_protocol
    for name, (key, kind) in HEALTH.items():
        _write(check, (key,), values.health.get(name, ""), kind, name, errors)
    if values.health_protocol == "COMMAND":
        _write(check, ("command", "value"), values.health.get("healthCommand", ""), "text", "", {})
        for key in ("path", "portIndex", "port"):
            check.pop(key, None)
    else:
        check.pop("command", None)
        if "TCP" in values.health_protocol:
            check.pop("path", None)
    app["healthChecks"] = [check, *checks[1:]]


def _write_pairs(
    app: dict[str, Any], key: str, pairs: Sequence[Pair], elsewhere: Sequence[str]
) -> None:
    """Values that are no text (secrets) and keys with fields of their own stay as they are."""
    old = app.get(key)
    old = old if isinstance(old, dict) else {}
    kept = {k: v for k, v in old.items() if not isinstance(v, str) or k in elsewhere}
    _keep(app, key, {**kept, **{pair.key: pair.value for pair in pairs if pair.key}})


def _write_ports(app: dict[str, Any], values: Values, errors: dict[str, str]) -> None:
    holder, list_key, port_key = _ports_place(app)
    old = holder.get(list_key)
    old = old if isinstance(old, list) else []
    rows = []
    for index, row in enumerate(values.ports):
        if not (row.name or row.port or row.container_port):
            continue
        came_from = old[row.origin] if 0 <= row.origin < len(old) else {}
        entry = dict(came_from) if isinstance(came_from, dict) else {}
        _write(entry, (port_key,), row.port or "0", "number", f"ports.{index}", errors)
        _write(entry, ("name",), row.name, "text", "", {})
        _write(entry, ("protocol",), row.protocol, "text", "", {})
        if list_key == "portMappings":
            text = row.container_port or "0"
            _write(entry, ("containerPort",), text, "number", f"ports.{index}", errors)
        rows.append(entry)
    if rows or old:
        holder[list_key] = rows
    if rows or list_key in holder:
        # An app that says `ports` in the old way says it in one way only from here on.
        app.pop("ports", None)


def _ports_place(app: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """Where this app's ports are: in the container off host mode, else beside it."""
    container = app.get("container")
    networks = app.get("networks")
    first = networks[0] if isinstance(networks, list) and networks else {}
    mode = first.get("mode", "host") if isinstance(first, dict) else "host"
    if isinstance(container, dict) and (mode != "host" or "portMappings" in container):
        return container, "portMappings", "servicePort"
    return app, "portDefinitions", "port"


def _port_rows(app: Mapping[str, Any]) -> list[PortRow]:
    holder, list_key, port_key = _ports_place(dict(app))
    entries = holder.get(list_key)
    entries = entries if isinstance(entries, list) else []
    return [
        PortRow(
            name=_text(entry.get("name")),
            port=_text(entry.get(port_key)),
            container_port=_text(entry.get("containerPort")),
            protocol=_text(entry.get("protocol")) or "tcp",
            origin=index,
        )
        for index, entry in enumerate(entries)
        if isinstance(entry, dict)
    ]


def has_container_ports(app: Mapping[str, Any]) -> bool:
    return _ports_place(dict(app))[1] == "portMappings"


def _write_constraints(app: dict[str, Any], rows: Sequence[ConstraintRow]) -> None:
    written = [
        [row.field, row.operator, *([row.value] if row.value else [])] for row in rows if row.field
    ]
    _keep(app, "constraints", written)


def _constraint_rows(value: Any) -> list[ConstraintRow]:
    rows = []
    for entry in value if isinstance(value, list) else []:
        if isinstance(entry, list) and len(entry) >= 2:
            rows.append(
                ConstraintRow(_text(entry[0]), _text(entry[1]), _text(entry[2:] and entry[2]))
            )
    return rows


def _pairs(value: Any, elsewhere: Sequence[str]) -> list[Pair]:
    if not isinstance(value, dict):
        return []
    return [Pair(k, v) for k, v in value.items() if isinstance(v, str) and k not in elsewhere]


def other_values(app: Mapping[str, Any]) -> int:
    """How many variables are no plain text (secrets) and so only in the JSON."""
    env = app.get("env")
    return sum(not isinstance(v, str) for v in env.values()) if isinstance(env, dict) else 0


def _keep(app: dict[str, Any], key: str, value: Any) -> None:
    """Empty where there was nothing stays nothing; empty where there was something is written."""
    if value or key in app:
        app[key] = value


def _at(value: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | dict | list):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
