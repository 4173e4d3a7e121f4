"""docker-compose.yml and Dockerfile, without an engine: what is said there can be so."""

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

import chronos_app.runtime.config
import kernel.runtime.agent.config
import kernel.runtime.master.config
import marathon_app.runtime.config
from kernel.cli.up import up
from kernel.runtime.config import parse
from tests.containers.compose import ROOT, cluster, read
from tests.documentation.configuration import PROCESSES

SERVICES: dict[str, Any] = read()["services"]
PROBLEMS: dict[str, Any] = {
    "master": kernel.runtime.master.config.problem_with,
    "agent": kernel.runtime.agent.config.problem_with,
    "marathon": marathon_app.runtime.config.problem_with,
    "chronos": chronos_app.runtime.config.problem_with,
}
STORES = re.compile(r"zookeeper-\d|redis")


def words(name: str) -> list[str]:
    return [str(word) for word in SERVICES[name]["command"]]


def config_of(name: str) -> Struct:
    section, *flags = words(name)
    environment = SERVICES[name].get("environment", {})
    kind = dict(PROCESSES)[section]
    return parse(kind, section, flags, environ=environment, toml=Path("/none"))


PARTS = [name for name in SERVICES if not STORES.fullmatch(name) and name != "one-node"]


def test_the_cluster_is_three_stores_three_masters_two_of_each_framework_and_three_agents() -> None:
    counts: dict[str, int] = {}
    for name in cluster():
        kind = re.sub(r"-\d$", "", name)
        counts[kind] = counts.get(kind, 0) + 1

    assert counts == {
        "zookeeper": 3, "master": 3, "marathon": 2, "chronos": 2, "agent": 3,
        "lb": 1, "web": 1, "deliveries": 1,
    }  # fmt: skip


def test_one_redis_takes_the_place_of_the_zookeepers_by_a_profile() -> None:
    assert set(cluster()) - set(cluster("redis")) == {"zookeeper-1", "zookeeper-2", "zookeeper-3"}
    assert set(cluster("redis")) - set(cluster()) == {"redis"}
    chosen = cluster("redis", {"TEPUI_STORE": "redis://redis/0"})
    assert chosen["master-2"]["environment"]["TEPUI_MASTER_STORE"] == "redis://redis/0"
    assert "COMPOSE_PROFILES=zookeeper" in (ROOT / ".env").read_text().split("\n")


@pytest.mark.parametrize("name", PARTS)
def test_every_flag_is_one_of_the_process_and_it_would_begin(name: str) -> None:
    config = config_of(name)

    find = PROBLEMS.get(words(name)[0])
    assert find is None or find(config) is None
    assert not ipaddress.ip_address(getattr(config, "ip", "0.0.0.0")).is_loopback
    others = getattr(config, "hostname", name)
    assert others == name, "others reach it under the name of its service"


def test_every_flag_of_the_single_node_is_one_of_tepui_up() -> None:
    command, *flags = words("one-node")

    assert command == "up"
    assert up.make_context("up", flags).params["directory"] == "/state"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_and_is_built_from_this_repository(name: str) -> None:
    service = SERVICES[name]

    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["build"]["context"] == "."
    stage = rf"^FROM \S+ AS {service['build']['target']}$"
    assert re.search(stage, (ROOT / "Dockerfile").read_text(), re.M)
    assert service["build"]["args"]["BASE"].startswith("python:3.11")


@pytest.mark.parametrize("name", SERVICES)
def test_no_port_is_published_but_on_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert str(port).startswith("127.0.0.1:"), port


@pytest.mark.parametrize("name", SERVICES)
def test_only_agents_are_root_and_nobody_is_privileged_unless_asked(name: str) -> None:
    service = SERVICES[name]

    assert (service.get("user") == "root") == name.startswith("agent-")
    assert service.get("privileged", False) is False
    if not name.startswith("agent-"):
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line for line in lines if line.startswith(("USER ", "FROM "))]
    for number, line in enumerate(users):  # every stage that says root goes back
        if line == "USER root":
            assert users[number + 1] == "USER tepui"


@pytest.mark.parametrize("name", PARTS)
def test_every_address_that_a_part_is_given_is_a_service_that_listens_there(name: str) -> None:
    listening = {"master": 5050, "marathon": 8080, "chronos": 4400, "lb": 9090, "zookeeper": 2181}
    environment = SERVICES[name].get("environment", {})
    text = " ".join([*words(name), *environment.values()])

    for host, port in re.findall(r"\b([a-z]+(?:-\d)?):(\d+)", text):
        if host in ("cpus", "mem", "disk"):
            continue
        assert host in SERVICES or f"{host}-1" in SERVICES, host
        assert int(port) == listening[host.split("-")[0]], (host, port)


@pytest.mark.parametrize("name", PARTS)
def test_no_password_is_on_a_command_line(name: str) -> None:
    assert "--store" not in words(name), "the store's URL may hold a password"


@pytest.mark.parametrize("profile", ["zookeeper", "redis", "one-node"])
def test_docker_compose_takes_the_file(profile: str) -> None:
    program = _program()
    if program is None:
        pytest.skip("neither `docker compose` nor docker-compose is here; the file is read as YAML")
    found = subprocess.run(
        [*program, "--file", str(ROOT / "docker-compose.yml"), "--profile", profile, "config"],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert all(f"  {name}:" in found.stdout for name in cluster(profile))


def _program() -> list[str] | None:
    docker = shutil.which("docker")
    if (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0
    ):
        return [docker, "compose"]
    old = shutil.which("docker-compose")
    return [old] if old else None
