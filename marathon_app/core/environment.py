"""Makes the environment of a task: who it is, where it listens, then what its user wants.

Later rows win. Source: Marathon, docs/task-environment-vars.md, EnvironmentHelper.
"""

import re
from collections.abc import Sequence

from marathon_app.schema import quantity
from marathon_app.schema.app import App

LABEL_KEY_LENGTH_MAX = 493  # Marathon, TaskBuilder.maxVariableLength: keys of 512 less the prefix
LABEL_VALUE_LENGTH_MAX = 512
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")


def environment(
    app: App,
    *,
    task_id: str,
    host: str,
    ports: Sequence[int],
    declared_ports: Sequence[int],
    prefix: str = "",
    is_role_enforced: bool = False,
) -> dict[str, str]:
    """`ports` are what the task listens on, one per declared port, in order."""
    env = _identity(app, task_id, is_role_enforced)
    env |= _labels(app)
    env[f"{prefix}HOST"] = host
    env |= {prefix + name: value for name, value in _ports(app, ports, declared_ports).items()}
    env |= {name: value for name, value in app.env.items() if isinstance(value, str)}
    return env


def _identity(app: App, task_id: str, is_role_enforced: bool) -> dict[str, str]:
    env = {
        "MESOS_TASK_ID": task_id,
        "MARATHON_APP_ID": app.id,
        "MARATHON_APP_VERSION": app.version,
        "MARATHON_APP_RESOURCE_CPUS": _double(app.cpus),
        "MARATHON_APP_RESOURCE_MEM": _double(app.mem),
        "MARATHON_APP_RESOURCE_DISK": _double(app.disk),
        "MARATHON_APP_RESOURCE_GPUS": str(app.gpus),
        "MARATHON_APP_ENFORCE_GROUP_ROLE": "TRUE" if is_role_enforced else "FALSE",
    }
    if app.container is not None and app.container.docker is not None:
        env["MARATHON_APP_DOCKER_IMAGE"] = app.container.docker.image
    return env


def _double(value: quantity.Number) -> str:
    return str(float(value))


def _labels(app: App) -> dict[str, str]:
    kept = {
        _name(key): value
        for key, value in app.labels.items()
        if len(key) < LABEL_KEY_LENGTH_MAX and len(value) < LABEL_VALUE_LENGTH_MAX
    }
    env = {"MARATHON_APP_LABELS": " ".join(kept)}
    return env | {f"MARATHON_APP_LABEL_{key}": value for key, value in kept.items()}


def _name(text: str) -> str:
    return _NOT_IN_NAMES.sub("_", text).upper()


def _ports(app: App, ports: Sequence[int], declared: Sequence[int]) -> dict[str, str]:
    if not ports:
        return {}
    env = {f"PORT{index}": str(port) for index, port in enumerate(ports)}
    env |= {
        f"PORT_{wanted}": str(port) for wanted, port in zip(declared, ports, strict=True) if wanted
    }
    env |= {
        f"PORT_{_name(name)}": str(port)
        for name, port in zip(app.port_names, ports, strict=True)
        if name
    }
    env["PORT"] = str(ports[0])
    env["PORTS"] = ",".join(str(port) for port in ports)
    return env
