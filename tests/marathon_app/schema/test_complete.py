"""Defaults that depend on other fields. Source: Marathon §1.1, AppNormalization."""

from typing import Any

from marathon_app.schema.app import App, UpgradeStrategy
from marathon_app.schema.network import NetworkMode
from marathon_app.schema.request import read_app


def app(**fields: Any) -> App:
    found = read_app({"id": "/g/a", "cmd": "x", **fields}).app
    assert found is not None
    return found


def test_a_single_instance_app_stops_before_it_starts() -> None:
    made = app(labels={"MARATHON_SINGLE_INSTANCE_APP": ""})
    assert made.upgrade_strategy == UpgradeStrategy(
        minimum_health_capacity=0, maximum_over_capacity=0
    )


def test_a_resident_app_has_its_own_defaults() -> None:
    volume = {"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}
    made = app(container={"type": "MESOS", "volumes": [volume]})
    assert made.upgrade_strategy == UpgradeStrategy(
        minimum_health_capacity=0.5, maximum_over_capacity=0
    )
    assert made.unreachable_strategy == "disabled"


def test_dependencies_are_resolved_against_the_apps_group() -> None:
    assert app(dependencies=["db", "../x", "/y"]).dependencies == ("/g/db", "/x", "/y")


def test_a_network_without_mode_is_a_container_network() -> None:
    assert app(networks=[{"name": "n"}]).networks[0].mode is NetworkMode.CONTAINER


def test_both_protocols_are_written_in_one_way() -> None:
    definitions = app(portDefinitions=[{"protocol": "tcp,udp"}]).port_definitions
    assert definitions is not None and definitions[0].protocol == "udp,tcp"


def test_a_health_check_by_port_gets_no_index() -> None:
    (check,) = app(healthChecks=[{"protocol": "TCP", "port": 80}]).health_checks
    assert (check.port, check.port_index, check.path) == (80, None, None)


def test_an_image_makes_a_container_a_docker_container() -> None:
    made = app(container={"docker": {"image": "i"}})
    assert made.container is not None and made.container.type == "DOCKER"
