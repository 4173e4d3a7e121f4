"""Every rule of the validators: what breaks it, and which path is named.

Source: Marathon §1.1-§1.7, columns "Validation" and "Facts".
"""

from typing import Any

import pytest

from marathon_app.schema.request import read_app

BRIDGE = {"networks": [{"mode": "container/bridge"}]}
IMAGE = {"docker": {"image": "i"}}
SINGLE = {"labels": {"MARATHON_SINGLE_INSTANCE_APP": "x"}}
TWO = [{"name": "http-api"}, {"name": "admin"}]


def volume(**fields: Any) -> dict[str, Any]:
    return {"container": {"type": "MESOS", "volumes": [fields]}}


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("/id", {"id": "/UPPER"}),
    ("/id", {"id": ""}),
    ("/id", {"id": "/web/restart"}),
    ("/dependencies(0)", {"dependencies": ["A B"]}),
    ("/dependencies(0)", {"dependencies": ["/a"]}),
    ("/", {"cmd": None}),
    ("/", {"cmd": ""}),
    ("/", {"args": ["y"]}),
    ("/cmd", {"cmd": "a\0b"}),
    ("/args(0)", {"cmd": None, "args": ["\0"]}),
    ("/user", {"user": ""}),
    ("/env", {"env": {"A=B": "x"}}),
    ("/env", {"env": {"": "x"}}),
    ("/env/A", {"env": {"A": "\0"}}),
    ("/env/A", {"env": {"A": {"secret": "s"}}}),
    ("/cpus", {"cpus": -1}),
    ("/mem", {"mem": -0.5}),
    ("/disk", {"disk": -1}),
    ("/gpus", {"gpus": -1}),
    ("/instances", {"instances": -1}),
    ("/instances", {"instances": 1_000_000}),
    ("/instances", {"instances": 2, **SINGLE}),
    ("/resourceLimits/cpus", {"cpus": 2, "resourceLimits": {"cpus": 1}}),
    ("/upgradeStrategy/minimumHealthCapacity", {"upgradeStrategy": {"minimumHealthCapacity": 1.1}}),
    ("/upgradeStrategy/minimumHealthCapacity", {"upgradeStrategy": {"minimumHealthCapacity": -1}}),
    ("/upgradeStrategy/maximumOverCapacity", {"upgradeStrategy": {"maximumOverCapacity": 2}}),
    ("/upgradeStrategy", {"upgradeStrategy": {}, **SINGLE}),
    ("/backoffSeconds", {"backoffSeconds": -1}),
    ("/backoffFactor", {"backoffFactor": 0.9}),
    ("/maxLaunchDelaySeconds", {"maxLaunchDelaySeconds": -1}),
    ("/taskKillGracePeriodSeconds", {"taskKillGracePeriodSeconds": -1}),
    (
        "/unreachableStrategy/expungeAfterSeconds",
        {"unreachableStrategy": {"inactiveAfterSeconds": 2, "expungeAfterSeconds": 1}},
    ),
    ("/constraints(0)", {"constraints": [["hostname", "NEAR"]]}),
    ("/constraints(1)", {"constraints": [["hostname", "UNIQUE"], ["rack", "LIKE", "("]]}),
    ("/acceptedResourceRoles(0)", {"acceptedResourceRoles": ["other"]}),
    ("/role", {"role": "*"}),
    ("/role", {"role": "other"}),
    ("/fetch(0)/uri", {"fetch": [{"uri": ""}]}),
    ("/fetch(0)/destPath", {"fetch": [{"uri": "http://x", "destPath": "/etc/x"}]}),
    ("/container/docker", {"container": {"type": "DOCKER"}}),
    ("/container/docker/image", {"container": {"docker": {"image": "a b"}}}),
    (
        "/container/docker/pullConfig",
        {"container": {"docker": {"image": "i", "pullConfig": {"secret": "s"}}}},
    ),
    ("/networks", {"networks": [{"mode": "host"}, {"mode": "container", "name": "n"}]}),
    ("/networks(0)/name", {"networks": [{"mode": "container"}]}),
    ("/networks(0)/name", {"networks": [{"mode": "host", "name": "n"}]}),
    ("/container/volumes(0)", volume(containerPath="/x", mode="RW")),
    ("/container/volumes(0)/containerPath", volume(hostPath="/x", mode="RW")),
    ("/container/volumes(0)/mode", volume(hostPath="/x", containerPath="/x")),
    (
        "/container/volumes(0)/persistent/size",
        volume(containerPath="x", mode="RW", persistent={"size": 0}),
    ),
    ("/portDefinitions", {"portDefinitions": [{"port": 80}, {"port": 80}]}),
    ("/portDefinitions", {"portDefinitions": [{"name": "a"}, {"name": "a"}]}),
    ("/portDefinitions", {"portDefinitions": [{"name": "a b"}]}),
    ("/portDefinitions(0)/port", {"portDefinitions": [{"port": 70_000}]}),
    ("/portDefinitions(0)/protocol", {"portDefinitions": [{"protocol": "sctp"}]}),
    ("/portDefinitions", {"portDefinitions": [{}], "container": IMAGE, **BRIDGE}),
    ("/container/portMappings", {"container": {**IMAGE, "portMappings": [{}]}}),
    (
        "/container/portMappings",
        {"container": {**IMAGE, "portMappings": [{"servicePort": 1}] * 2}, **BRIDGE},
    ),
    (
        "/container/portMappings(0)/containerPort",
        {"container": {**IMAGE, "portMappings": [{"containerPort": -1}]}, **BRIDGE},
    ),
    ("/healthChecks(0)/portIndex", {"healthChecks": [{"portIndex": 1}]}),
    ("/healthChecks(0)/portIndex", {"healthChecks": [{}], "portDefinitions": []}),
    ("/healthChecks(0)", {"healthChecks": [{"portIndex": 0, "port": 80}]}),
    ("/healthChecks(0)/port", {"healthChecks": [{"port": 0}]}),
    ("/healthChecks(0)/path", {"healthChecks": [{"path": "/a b"}]}),
    ("/healthChecks(0)/intervalSeconds", {"healthChecks": [{"intervalSeconds": 0}]}),
    ("/healthChecks(0)/timeoutSeconds", {"healthChecks": [{"timeoutSeconds": -1}]}),
    ("/healthChecks(0)/gracePeriodSeconds", {"healthChecks": [{"gracePeriodSeconds": -1}]}),
    ("/healthChecks(0)/command", {"healthChecks": [{"protocol": "COMMAND"}]}),
    ("/healthChecks(0)/command", {"healthChecks": [{"command": {"value": "x"}}]}),
    ("/healthChecks", {"healthChecks": [{"protocol": "MESOS_TCP"}, {"protocol": "MESOS_HTTP"}]}),
    ("/readinessChecks", {"readinessChecks": [{}, {}], "portDefinitions": TWO}),
    ("/readinessChecks(0)/portName", {"readinessChecks": [{}]}),
    (
        "/readinessChecks(0)/timeoutSeconds",
        {"readinessChecks": [{"timeoutSeconds": 30}], "portDefinitions": TWO},
    ),
    ("/labels/HAPROXY_0_VHOST", {"labels": {"HAPROXY_0_VHOST": "a\n  use_backend x"}}),
    ("/labels/HAPROXY_0_VHOST", {"labels": {"HAPROXY_0_VHOST": "a b"}}),
    ("/labels/HAPROXY_0_PATH", {"labels": {"HAPROXY_0_PATH": "x"}}),
    ("/labels/HAPROXY_0_MODE", {"labels": {"HAPROXY_0_MODE": "udp"}}),
    ("/labels/HAPROXY_0_PORT", {"labels": {"HAPROXY_0_PORT": "x"}}),
    ("/labels/HAPROXY_1_VHOST", {"labels": {"HAPROXY_1_VHOST": "a.example"}}),
    ("/labels/HAPROXY_GROUP", {"labels": {"HAPROXY_GROUP": "a b"}}),
    ("/labels/HAPROXY_GROUP", {"labels": {"HAPROXY_GROUP": "a\nb"}}),
    ("/executor", {"executor": "/opt/executor"}),
    ("/secrets", {"secrets": {"s": {"source": "x"}}}),
    (
        "/container/volumes(0)/persistent",
        volume(containerPath="x", mode="RW", persistent={"size": 1}),
    ),
    (
        "/container/volumes(0)/external",
        volume(containerPath="x", mode="RW", external={"provider": "dvdi"}),
    ),
]

ACCEPTED: list[dict[str, Any]] = [
    {"args": ["a"], "cmd": None},
    {"cmd": None, "container": IMAGE},
    {"instances": 0},
    {"cpus": 0},
    {"instances": 1, **SINGLE},
    {"constraints": [["hostname", "UNIQUE"], ["rack", "GROUP_BY"]]},
    {"acceptedResourceRoles": ["*"]},
    {
        "healthChecks": [{"protocol": "COMMAND", "command": {"value": "true"}}],
        "portDefinitions": [],
    },
    {"healthChecks": [{"portIndex": 1}], "portDefinitions": TWO},
    {"readinessChecks": [{"portName": "admin"}], "portDefinitions": TWO},
    {"labels": {"HAPROXY_0_VHOST": "a.example,*.b.example", "HAPROXY_0_PATH": "/api"}},
    {"labels": {"HAPROXY_GROUP": "external,internal", "HAPROXY_0_MODE": "http"}},
    {"labels": {"HAPROXY_0_BACKEND_HTTP_OPTIONS": "  option forwardfor\n  x\n"}},
    {"labels": {"any": "text\nwith lines"}},
    {"unreachableStrategy": "disabled"},
    {"resourceLimits": {"cpus": "unlimited"}},
    volume(containerPath="/x", hostPath="/y", mode="RO"),
    {"env": {"A": "multi\nline"}},
    {"portDefinitions": [{"protocol": "udp,tcp"}]},
]


@pytest.mark.parametrize(("path", "fields"), REFUSED, ids=[f"{p} {f}"[:80] for p, f in REFUSED])
def test_a_broken_rule_names_its_field(path: str, fields: dict[str, Any]) -> None:
    body = {"id": "/a", "cmd": "x", **fields}
    reading = read_app({key: value for key, value in body.items() if value is not None})
    assert reading.invalid_types == ()
    assert path in [problem.path for problem in reading.problems]


@pytest.mark.parametrize("fields", ACCEPTED, ids=[str(fields)[:80] for fields in ACCEPTED])
def test_what_keeps_the_rules_is_accepted(fields: dict[str, Any]) -> None:
    body = {"id": "/a", "cmd": "x", **fields}
    reading = read_app({key: value for key, value in body.items() if value is not None})
    assert (reading.invalid_types, reading.problems) == ((), ())
