"""What an app looks like on the wire: which fields are always there, and which only when set.

Source: Marathon §1.1 (column "out") and §2.4 (emission rule).
"""

from typing import Any

import msgspec

from marathon_app.schema.app import App
from marathon_app.schema.request import read_app

ALWAYS = {
    "id", "labels", "executor", "cpus", "mem", "disk", "gpus", "instances", "role", "networks",
    "requirePorts", "upgradeStrategy", "backoffSeconds", "backoffFactor", "maxLaunchDelaySeconds",
    "unreachableStrategy", "killSelection", "version",
}  # fmt: skip


def emitted(**fields: Any) -> dict[str, Any]:
    reading = read_app({"id": "/a", "cmd": "x", **fields})
    assert reading.app is not None and not reading.problems, reading
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(reading.app))
    return made


def test_the_smallest_app_has_marathons_defaults() -> None:
    """Source: Marathon §1.1."""
    assert emitted() == {
        "id": "/a",
        "cmd": "x",
        "labels": {},
        "executor": "",
        "cpus": 1,
        "mem": 128,
        "disk": 0,
        "gpus": 0,
        "instances": 1,
        "role": "marathon",
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": 0, "protocol": "tcp", "name": "default"}],
        "requirePorts": False,
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1},
        "backoffSeconds": 1,
        "backoffFactor": 1.15,
        "maxLaunchDelaySeconds": 300,
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "killSelection": "YOUNGEST_FIRST",
        "version": "",
    }


def test_unset_optionals_and_empty_lists_are_left_out() -> None:
    """Source: §2.4; C2: keys that break marathon-python appear only when the user set them."""
    made = emitted(args=[], env={}, constraints=[], fetch=[], dependencies=[], healthChecks=[])
    assert set(made) == ALWAYS | {"cmd", "portDefinitions"}


def test_what_was_set_is_written_even_when_it_equals_a_default() -> None:
    assert emitted(tty=False)["tty"] is False


def test_deprecated_fields_are_never_written() -> None:
    """Source: C14."""
    made = emitted(ports=[0], uris=["http://x/y"])
    assert not {"ports", "uris", "ipAddress", "storeUrls"} & set(made)


def test_bridge_mode_writes_mappings_and_no_definitions() -> None:
    """Source: §2.4: host mode emits portDefinitions, other modes container.portMappings."""
    made = emitted(container={"docker": {"image": "i"}}, networks=[{"mode": "container/bridge"}])
    assert "portDefinitions" not in made
    assert made["container"]["portMappings"] == [
        {
            "containerPort": 0,
            "hostPort": 0,
            "servicePort": 0,
            "protocol": "tcp",
            "name": "default",
            "labels": {},
        }
    ]


def test_an_app_without_ports_says_so() -> None:
    assert emitted(portDefinitions=[])["portDefinitions"] == []


def test_a_health_check_has_its_defaults() -> None:
    """Source: Marathon §1.6."""
    (check,) = emitted(healthChecks=[{}])["healthChecks"]
    assert check == {
        "protocol": "HTTP",
        "path": "/",
        "portIndex": 0,
        "gracePeriodSeconds": 300,
        "intervalSeconds": 60,
        "timeoutSeconds": 20,
        "maxConsecutiveFailures": 3,
        "delaySeconds": 15,
        "ignoreHttp1xx": False,
        "ipProtocol": "IPv4",
    }


def test_a_readiness_check_has_its_defaults() -> None:
    """Source: Marathon §1.7."""
    ports = [{"name": "http-api"}]
    (check,) = emitted(readinessChecks=[{}], portDefinitions=ports)["readinessChecks"]
    assert check == {
        "name": "readinessCheck",
        "protocol": "HTTP",
        "path": "/",
        "portName": "http-api",
        "intervalSeconds": 30,
        "timeoutSeconds": 10,
        "httpStatusCodesForReady": [200],
        "preserveLastResponse": False,
    }


def test_the_wire_form_reads_back_as_the_same_app() -> None:
    reading = read_app(
        {
            "id": "/a",
            "args": ["x"],
            "env": {"A": "b"},
            "constraints": [["hostname", "UNIQUE"]],
            "unreachableStrategy": "disabled",
            "resourceLimits": {"cpus": "unlimited", "mem": 256},
            "taskKillGracePeriodSeconds": 2.5,
        }
    )
    assert reading.app is not None and not reading.problems
    assert msgspec.json.decode(msgspec.json.encode(reading.app), type=App) == reading.app


def test_the_core_gets_exact_integers() -> None:
    app = App(id="/a", cpus=0.1, mem=128.5, backoff_seconds=1.5, task_kill_grace_period_seconds=3)
    assert (app.cpus_milli, app.mem_milli, app.backoff_ms) == (100, 128_500, 1_500)
    assert app.kill_grace_period_ms == 3_000
