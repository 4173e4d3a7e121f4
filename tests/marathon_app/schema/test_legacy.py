"""Deprecated inputs become today's fields. Source: C14; Marathon, network-api-migration.md."""

from typing import Any

from marathon_app.schema.app import App
from marathon_app.schema.network import Network, NetworkMode, PortMapping
from marathon_app.schema.request import read_app


def app(**fields: Any) -> App:
    reading = read_app({"id": "/a", "cmd": "x", **fields})
    assert not reading.problems and reading.app is not None, reading
    return reading.app


def test_ports_become_port_definitions() -> None:
    definitions = app(ports=[0, 10_001]).port_definitions
    assert definitions is not None
    assert [(d.port, d.protocol) for d in definitions] == [(0, "tcp"), (10_001, "tcp")]


def test_no_ports_means_no_ports() -> None:
    assert app(ports=[]).port_definitions == ()


def test_uris_become_fetch_and_only_archives_are_extracted() -> None:
    fetched = app(uris=["http://x/a.tgz", "http://x/a.jar"]).fetch
    assert [(f.uri, f.extract) for f in fetched] == [
        ("http://x/a.tgz", True),
        ("http://x/a.jar", False),
    ]


def test_a_docker_bridge_network_becomes_a_network_with_mappings() -> None:
    docker = {"image": "i", "network": "BRIDGE", "portMappings": [{"containerPort": 80}]}
    made = app(container={"type": "DOCKER", "docker": docker})
    assert made.networks == (Network(mode=NetworkMode.BRIDGE),)
    assert made.port_mappings == (PortMapping(container_port=80, host_port=0),)


def test_a_docker_host_network_keeps_the_ports() -> None:
    docker = {"image": "i", "network": "HOST", "portMappings": [{"containerPort": 80}]}
    made = app(container={"docker": docker}, ports=[9000])
    assert made.is_host_mode
    assert made.service_ports == (9000,)


def test_an_ip_address_becomes_a_container_network() -> None:
    ports = [{"number": 80, "name": "http", "protocol": "tcp"}]
    made = app(ipAddress={"networkName": "net", "discovery": {"ports": ports}})
    assert made.networks == (Network(mode=NetworkMode.CONTAINER, name="net"),)
    assert made.port_mappings == (PortMapping(container_port=80, name="http"),)


def test_old_and_new_form_together_are_refused() -> None:
    both = {"ports": [1], "portDefinitions": [], "uris": ["http://x"], "fetch": [{"uri": "y"}]}
    reading = read_app({"id": "/a", "cmd": "x", **both})
    assert [problem.path for problem in reading.invalid_types] == ["/ports", "/uris"]


def test_wrong_types_in_old_fields_are_named_by_their_own_path() -> None:
    reading = read_app({"id": "/a", "cmd": "x", "ports": [80, "x"], "uris": 1, "ipAddress": 2})
    assert [problem.path for problem in reading.invalid_types] == [
        "/ports(1)",
        "/uris",
        "/ipAddress",
    ]
