"""Service ports. Source: Marathon, docs/ports.md."""

from marathon_app.core.service_ports import assign
from tests.marathon_app.core.world import make_app

TWO = [{"port": 0}, {"port": 0}]


def test_the_lowest_free_ones_are_given_out() -> None:
    app = make_app("/web", portDefinitions=TWO)

    found = assign(app, None, lambda port: port == 10_000, 10_000, 10_005)

    assert found is not None
    assert found.service_ports == (10_001, 10_002)


def test_an_app_keeps_what_it_has_unless_it_is_named_otherwise() -> None:
    old = make_app("/web", portDefinitions=[{"port": 10_003}, {"port": 10_004}])
    app = make_app("/web", portDefinitions=[{"port": 10_004}, {"port": 0}, {"port": 0}])

    found = assign(app, old, lambda port: port in (10_003, 10_004), 10_000, 10_005)

    assert found is not None
    assert found.service_ports == (10_004, 10_000, 10_001)


def test_an_exhausted_range_is_no_crash() -> None:
    assert assign(make_app("/web"), None, lambda port: True, 10_000, 10_005) is None


def test_mappings_of_a_container_get_service_ports_too() -> None:
    app = make_app(
        "/web",
        container={"docker": {"image": "nginx"}, "portMappings": [{"containerPort": 80}]},
        networks=[{"mode": "container/bridge"}],
    )

    found = assign(app, None, lambda port: False, 10_000, 10_005)

    assert found is not None
    assert found.service_ports == (10_000,)
