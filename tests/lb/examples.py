"""Apps for the tests, as Marathon lists them."""

import json
from typing import Any

from lb.collect import Circumstances, Options, collect
from lb.marathon import decode_apps
from lb.model import Model


def app(app_id: str = "/web", port: int = 10_000, tasks: int = 1, **more: Any) -> dict[str, Any]:
    """An app with one service port and healthy tasks on 127.0.0.1:31000 and following."""
    name = app_id.strip("/").replace("/", "_")
    return {
        "id": app_id,
        "labels": {},
        "portDefinitions": [{"port": port}],
        "healthChecks": [{"protocol": "MESOS_HTTP", "portIndex": 0}],
        "tasks": [task(f"{name}.{number}", 31_000 + number) for number in range(tasks)],
        **more,
    }


def task(task_id: str, port: int, **more: Any) -> dict[str, Any]:
    return {
        "id": task_id,
        "host": "127.0.0.1",
        "ports": [port],
        "state": "TASK_RUNNING",
        "healthCheckResults": [{"alive": True}],
        **more,
    }


def model_of(
    *apps: Any, options: Options | None = None, circumstances: Circumstances | None = None
) -> Model:
    readable, unreadable = decode_apps(json.dumps({"apps": apps}).encode())
    return collect(readable, unreadable, options or Options(), circumstances or Circumstances())


def messages(model: Model) -> list[tuple[str, str, str]]:
    return [(warning.app_id, warning.label, warning.message) for warning in model.warnings]
