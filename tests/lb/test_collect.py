"""Which app listens where, and which task takes requests."""

import pytest

from lb.collect import Circumstances, Options, backend_name, server_name
from lb.model import Mode
from tests.lb.examples import app, messages, model_of, task


def test_names_are_those_of_marathon_lb() -> None:
    """Source: marathon-lb, marathon_lb.py; zdd.py finds its backends by these names."""
    assert backend_name("/shop/web", 10_000) == "shop_web_10000"
    assert server_name("10.0.0.1", "10.0.0.1", 31_000) == "10_0_0_1_31000"
    assert server_name("agent-1.local", "10.0.0.1", 1) == "agent-1_local_10_0_0_1_1"


def test_each_service_port_is_a_backend_and_each_task_a_server() -> None:
    model = model_of(app("/shop/web", 10_000, tasks=2), app("/api", 10_001))

    assert [backend.name for backend in model.backends] == ["api_10001", "shop_web_10000"]
    servers = model.backends[1].servers
    assert [(server.address, server.port) for server in servers] == [
        ("127.0.0.1", 31_000),
        ("127.0.0.1", 31_001),
    ]
    assert servers[0].task_ids == ("shop_web.0",)


@pytest.mark.parametrize(
    ("state", "is_routed"),
    [
        ("TASK_RUNNING", True),
        ("TASK_UNREACHABLE", True),
        ("TASK_LOST", True),
        ("TASK_STAGING", False),
        ("TASK_STARTING", False),
        ("TASK_KILLING", False),
        ("TASK_FINISHED", False),
        ("TASK_FAILED", False),
        ("TASK_KILLED", False),
        ("TASK_GONE", False),
        ("TASK_UNKNOWN", False),
    ],
)
def test_tasks_are_routed_by_state(state: str, is_routed: bool) -> None:
    """Source: marathon-lb, marathon_lb.py: the states that it leaves out."""
    for checks in ([], [{"protocol": "TCP", "portIndex": 0}]):
        model = model_of(app(tasks=0, healthChecks=checks) | {"tasks": [task("t", 1, state=state)]})
        assert len(model.backends[0].servers) == is_routed


@pytest.mark.parametrize(
    ("results", "is_routed"),
    [
        ([], False),
        (None, False),
        ([{"alive": False}], False),
        ([{"alive": True}], True),
        ([{"alive": False}, {"alive": True}], True),
        ([None, {"alive": True}], True),
    ],
)
def test_with_health_checks_only_a_task_seen_alive_is_routed(
    results: object, is_routed: bool
) -> None:
    sick = task("t", 31_000, healthCheckResults=results)

    assert len(model_of(app(tasks=0) | {"tasks": [sick]}).backends[0].servers) == is_routed


def test_an_app_without_a_usable_task_keeps_its_frontend() -> None:
    (backend,) = model_of(app(tasks=0)).backends

    assert backend.servers == ()


def test_a_task_that_is_about_to_be_killed_is_not_routed() -> None:
    model = model_of(app(tasks=2), circumstances=Circumstances(killing={"web.0": 0}))

    assert [server.task_ids for server in model.backends[0].servers] == [("web.1",)]


@pytest.mark.parametrize(
    ("more", "mode"),
    [
        ({}, Mode.HTTP),
        ({"healthChecks": [{"protocol": "HTTP"}]}, Mode.HTTP),
        ({"healthChecks": [{"protocol": "TCP", "portIndex": 0}]}, Mode.TCP),
        ({"healthChecks": []}, Mode.TCP),
        ({"healthChecks": [], "labels": {"HAPROXY_0_VHOST": "a.example.com"}}, Mode.HTTP),
        ({"labels": {"HAPROXY_0_MODE": "tcp"}}, Mode.TCP),
    ],
)
def test_the_mode_follows_label_host_and_check(more: dict[str, object], mode: Mode) -> None:
    """Source: marathon-lb, Longhelp.md, HAPROXY_n_MODE."""
    assert model_of(app() | more).backends[0].mode is mode


def test_container_networks_are_reached_at_the_address_of_the_task() -> None:
    own = task("t", 0, ports=[], ipAddresses=[{"ipAddress": "10.2.3.4", "protocol": "IPv4"}])
    model = model_of(
        app(tasks=0)
        | {
            "tasks": [own],
            "networks": [{"mode": "container", "name": "x"}],
            "container": {"portMappings": [{"containerPort": 80, "servicePort": 10_000}]},
        }
    )

    assert [(s.address, s.port) for s in model.backends[0].servers] == [("10.2.3.4", 80)]


def test_a_host_name_is_replaced_by_its_address_and_reported_if_it_has_none() -> None:
    named = app(tasks=0) | {"tasks": [task("t", 31_000, host="agent.local")]}

    known = model_of(named, circumstances=Circumstances(addresses={"agent.local": "10.0.0.9"}))
    unknown = model_of(named)

    assert known.backends[0].servers[0].name == "agent_local_10_0_0_9_31000"
    assert unknown.backends[0].servers == ()
    assert "agent.local" in unknown.warnings[0].message


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        (("*",), ["both_1", "none_2", "one_3"]),
        (("external",), ["both_1", "one_3"]),
        (("internal",), ["both_1"]),
        (("other",), []),
    ],
)
def test_only_apps_of_our_groups_are_served(groups: tuple[str, ...], names: list[str]) -> None:
    """Source: marathon-lb, README, "--group"."""
    model = model_of(
        app("/both", 1, labels={"HAPROXY_GROUP": "external,internal"}),
        app("/none", 2),
        app("/one", 3, labels={"HAPROXY_0_GROUP": "external"}),
        options=Options(groups=groups),
    )

    assert [backend.name for backend in model.backends] == names


def test_of_two_apps_with_one_service_port_the_one_that_has_it_keeps_it() -> None:
    apps = (app("/a", 10_000), app("/b", 10_000))

    first = model_of(*apps)
    kept = model_of(*apps, circumstances=Circumstances(incumbents={10_000: "/b"}))

    assert [backend.app_id for backend in first.backends] == ["/a"]
    assert [backend.app_id for backend in kept.backends] == ["/b"]
    assert messages(kept) == [
        ("/a", "", "cannot have service port 10000: it is the port of app /b")
    ]


def test_the_load_balancers_own_ports_are_nobodys() -> None:
    model = model_of(app(port=9090), options=Options(reserved_ports={9090: "ours (--port)"}))

    assert model.backends == ()
    assert "ours (--port)" in model.warnings[0].message


def test_an_app_may_not_open_a_loopback_load_balancer_to_the_network() -> None:
    labels = {"HAPROXY_0_BIND_ADDR": "*"}

    closed = model_of(app(labels=labels))
    open_ = model_of(app(labels=labels), options=Options(bind="10.0.0.1"))

    assert closed.backends[0].bind_addr == "127.0.0.1"
    assert "--bind" in closed.warnings[0].message
    assert open_.backends[0].bind_addr == "0.0.0.0"


def test_rules_are_ordered_by_weight_and_paths_come_first() -> None:
    """Source: marathon-lb, Longhelp.md, HAPROXY_n_BACKEND_WEIGHT."""
    host = {"HAPROXY_0_VHOST": "a.example.com"}
    model = model_of(
        app("/all", 1, labels=host),
        app("/api", 2, labels=host | {"HAPROXY_0_PATH": "/api"}),
        app("/v2", 3, labels=host | {"HAPROXY_0_PATH": "/api/v2", "HAPROXY_0_BACKEND_WEIGHT": "9"}),
    )

    assert [rule.app_id for rule in model.rules] == ["/v2", "/api", "/all"]


def test_a_host_that_two_apps_claim_goes_to_one_and_the_other_hears_of_it() -> None:
    host = {"HAPROXY_0_VHOST": "a.example.com"}
    model = model_of(app("/a", 1, labels=host), app("/b", 2, labels=host))

    assert [rule.app_id for rule in model.rules] == ["/a"]
    assert model.warnings[0].app_id == "/b" and "/a" in model.warnings[0].message


@pytest.mark.parametrize(
    "app_id", ["/a b", "/a\nb", '/a"b', "/a#b", "/é", "/" + "a" * 500, "/a/../b;"]
)
def test_an_id_that_could_not_be_one_word_is_refused(app_id: str) -> None:
    model = model_of(app(app_id), app("/fine", 10_001))

    assert [backend.app_id for backend in model.backends] == ["/fine"]
    assert model.warnings[0].app_id.isprintable()


def test_an_app_that_cannot_be_read_harms_only_itself() -> None:
    model = model_of({"id": "/odd", "tasks": "many"}, 7, app("/fine"))

    assert [backend.app_id for backend in model.backends] == ["/fine"]
    assert [warning.app_id for warning in model.warnings] == ["", "/odd"]


def test_haproxy_connects_only_to_ports_that_the_apps_own_checks_reach() -> None:
    ports = {"portDefinitions": [{"port": 1}, {"port": 2}], "labels": {}}
    two = app(tasks=0) | ports | {"tasks": [task("t", 0, ports=[31_000, 31_001])]}

    plain = model_of(two)
    other = model_of(two | {"labels": {"HAPROXY_1_BACKEND_HEALTHCHECK_PORT_INDEX": "0"}})

    assert [b.servers[0].check_port for b in plain.backends] == [31_000, None]
    assert [b.servers[0].check_port for b in other.backends] == [31_000, 31_000]
