"""Which processes a cluster has, on which ports and with which flags."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kernel.cli.layout import (
    AGENTS_MAX,
    Options,
    Ports,
    addresses,
    children,
    clash,
    flagged_ports,
    ports_from,
    resources,
    task_ports,
)

HERE = Options("/state", Ports(), haproxy="/usr/sbin/haproxy")


def options(**changes: object) -> Options:
    return msgspec.structs.replace(HERE, **changes)


def test_the_default_cluster_has_every_part_once_and_the_documented_ports() -> None:
    names = [child.name for child in children(HERE)]

    assert names == ["master", "agent-1", "marathon", "chronos", "lb", "web", "deliveries"]
    assert addresses(HERE).marathon == "http://127.0.0.1:8080"
    assert addresses(HERE).lb == {"http": "http://127.0.0.1:9080", "admin": "http://127.0.0.1:9090"}


@given(first=st.integers(1024, 64_536), agents=st.integers(1, AGENTS_MAX))
def test_ports_from_keeps_every_port_in_its_thousand(first: int, agents: int) -> None:
    cluster = options(ports=ports_from(first), agents=agents)
    ports = [port for _, port in flagged_ports(cluster)]
    edges = [cluster.ports.service_min, cluster.ports.service_max, cluster.ports.task_max]

    assert clash(cluster) is None
    assert all(first <= port <= first + 999 for port in ports + edges)
    assert max(ports) < cluster.ports.service_min <= cluster.ports.service_max
    assert cluster.ports.service_max < cluster.ports.task_min


@given(agents=st.integers(1, AGENTS_MAX))
def test_agents_on_one_machine_never_share_a_task_port(agents: int) -> None:
    cluster = options(agents=agents)
    taken: list[int] = []
    for index in range(agents):
        first, last = (int(edge) for edge in task_ports(cluster, index).split("-"))
        taken += range(first, last + 1)

    assert sorted(taken) == sorted(dict.fromkeys(taken))
    assert min(taken) == cluster.ports.task_min
    assert max(taken) == cluster.ports.task_max


def test_several_agents_share_the_machine_out_and_what_is_given_is_per_agent() -> None:
    machine = options(agents=4, machine_cpus=2, machine_mem_mib=9_216)

    assert resources(machine) == "cpus:0.5;mem:2048"
    assert resources(msgspec.structs.replace(machine, cpus=3, mem_mib=100)) == "cpus:3;mem:100"


def test_two_flags_with_one_port_are_named() -> None:
    sentence = clash(options(ports=Ports(marathon=5050)))

    assert sentence is not None
    assert "5050" in sentence and "--master-port" in sentence and "--marathon-port" in sentence


def test_without_haproxy_all_but_the_load_balancer_is_started() -> None:
    alone = options(haproxy=None)

    assert "lb" not in [child.name for child in children(alone)]
    assert addresses(alone).lb is None
    web = next(child for child in children(alone) if child.name == "web")
    assert web.arguments[-2:] == ("--lb", "")


def test_a_password_is_in_no_processs_command_line() -> None:
    secret = "redis://:hush@127.0.0.1:6379/0"
    cluster = options(broker=secret, smtp="smtp://me:hush@127.0.0.1:587")

    words = [word for child in children(cluster) for word in child.arguments]
    by_name = {child.name: dict(child.secrets) for child in children(cluster)}

    assert not any("hush" in word for word in words)
    assert by_name["chronos"] == {"TEPUI_CHRONOS_DELIVERIES": secret}
    assert by_name["deliveries"] == {
        "TEPUI_DELIVERIES_BROKER": secret,
        "TEPUI_DELIVERIES_SMTP": "smtp://me:hush@127.0.0.1:587",
    }
